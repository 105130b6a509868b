"""The tie-outs of payouts: one row each in the table `payouts`, partition `tieouts`.

The row is written, open, before the payout's flow starts. So the payouts timer can restart a flow
that failed, gave up or was terminated, however old the payout is.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.domain.matching import TieOut
from shared.domain.money import Money
from shared.entities.common.objects import currency_of
from shared.errors import TableConflict
from shared.ports import Cell, Insert, Tables

TABLE = "payouts"
TIEOUTS = "tieouts"
TIED, OPEN = "tied", "open"


def status_of(result: TieOut) -> str:
    """The status of a tie-out with this result."""
    return TIED if result.is_tied else OPEN


def cells_of(result: TieOut, at: datetime, noted_at: datetime, account: str) -> dict[str, Cell]:
    """The row of a tie-out with this result. `at`: of this look; `noted_at`: of the first one;
    `account`: the alias of its Stripe account."""
    return {
        "status": status_of(result),
        "currency": result.amount.currency,
        "amount_minor": result.amount.minor,
        "members": result.members,
        "members_net_minor": result.members_net.minor,
        "difference_minor": result.difference.minor,
        "unwritten": result.unwritten,
        "unwritten_net_minor": result.unwritten_net.minor,
        "wrong": result.wrong,
        "at": at,
        "account": account,
        "noted_at": noted_at,
    }


async def is_noted(tables: Tables, payout_id: str) -> bool:
    """True when the payout has a tie-out, open or tied."""
    return await tables.get(TABLE, TIEOUTS, payout_id) is not None


async def expect(tables: Tables, payout: Mapping[str, Any], now: datetime, account: str) -> None:
    """Note an open tie-out for a payout of a Stripe account that has none yet."""
    id, currency = str(payout["id"]), currency_of(payout, "payout")
    if await is_noted(tables, id):
        return
    nothing = Money(0, currency)
    result = TieOut(Money(int(payout["amount"]), currency), 0, nothing, 0, nothing, 0)
    cells = {**cells_of(result, now, now, account), "status": OPEN}
    try:
        await tables.transact(TABLE, TIEOUTS, [Insert(id, cells)])
    except TableConflict:
        return  # its flow was quicker

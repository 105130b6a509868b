"""People who take items out of the inbox: they booked the money by hand, or never will.

Only money is resolved of which certainly nothing is written: what parks because its currency has no
book. Who books by hand first says so and then enters the voucher; nobody else may write it then.
"""

import random
from collections.abc import Awaitable, Callable

from local.dynamics import DynamicsPeer, Side
from local.simulation.history import HandResolution, History
from local.simulation.oracle import CLEARING, HAND, SUSPENSE, major
from local.stripe import StripePeer
from local.tables import MemoryTables
from shared.ports import Json, Row

TRANSACTION = "balance_transaction"
CAUSE = "currency_not_configured"
PAYOUTS = ("payout", "payout_reversal")  # their bank side is another matter
RESOLVED_MAX = 3  # items at once
WHO, REASONS = "Kim", ("entered by hand in Dynamics", "written off by the controller")


class Resolver:
    """The person. What was decided is told to the `history`."""

    def __init__(
        self,
        stripe: StripePeer,
        dynamics: DynamicsPeer,
        tables: MemoryTables,
        ask: Callable[[str, Json], Awaitable[Json | None]],
        history: History,
    ) -> None:
        self._decided = history.decided
        self._stripe, self._dynamics, self._tables = stripe, dynamics, tables
        self._ask = ask

    async def resolve(self, parked: list[Row], rng: random.Random) -> str:
        """Resolve some of the parked rows; tells which."""
        transactions = {str(each["id"]): each for each in self._stripe.objects(TRANSACTION)}
        fitting = [
            row
            for row in parked
            if row.cells["cause"] == CAUSE
            and row.cells["entity"] == TRANSACTION
            and row.cells["object"] not in self._decided
            and str(row.cells["object"]) in transactions  # the person's own account
            and transactions[str(row.cells["object"])]["reporting_category"] not in PAYOUTS
        ]
        told = []
        for row in rng.sample(fitting, min(len(fitting), RESOLVED_MAX)):
            txn = transactions[str(row.cells["object"])]
            told.append(await self._one(row, txn, by_hand=rng.random() < 0.5))  # noqa: PLR2004
        return ", ".join(told) or "nothing to resolve"

    async def _one(self, row: Row, txn: Json, *, by_hand: bool) -> str:
        id, currency = str(txn["id"]), str(txn["currency"])
        books = by_hand and currency in CLEARING
        voucher = f"{HAND}{len(self._decided) + 1:04d}" if books else ""
        reason = REASONS[0 if books else 1]
        resolution = HandResolution(currency, int(txn["net"]), voucher, WHO, reason)
        stake = int(str(row.cells["amount_minor"])) if row.cells["currency"] else int(txn["amount"])
        body = _body(row.row.partition("~")[2], resolution, stake)
        answer = await self._ask("inbox/resolve", body)
        # The answer may be lost, and the object's own row may be all that was written.
        if await self._tables.get("links", id, "resolved") is None:
            return f"{id} not resolved: {answer}"
        self._decided[id] = resolution
        if books:
            company, account = CLEARING[currency]
            amount = major(resolution.net_minor, currency)
            sides = (
                Side("Ledger", account, currency.upper(), amount),
                Side("Ledger", SUSPENSE, currency.upper(), -amount),
            )
            self._dynamics.book_by_hand(company, voucher, sides)
        return f"{id} {voucher or 'not to book'}"


def _body(id: str, resolution: HandResolution, stake_minor: int) -> Json:
    """What the route wants to know. `stake_minor`: the money that the item is about."""
    body: Json = {"ids": [id], "who": WHO, "reason": resolution.reason}
    if not resolution.voucher:
        return {**body, "not_to_book": True}
    company, _ = CLEARING[resolution.currency]
    return {
        **body,
        "company": company,
        "voucher": resolution.voucher,
        "amount_minor": stake_minor,
        "currency": resolution.currency,
    }

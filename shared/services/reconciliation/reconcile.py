"""Payout reconciliation: membership, and the tie-out of each payout. Table `payouts`.

Partition key = payout id. Rows: `open~<txn>` (a member whose lines are not confirmed),
`member~<txn>` (confirmed), `difference~<txn>` (its lines do not add up to its net). The tie-outs
themselves: partition `tieouts` (`shared/stores/tie_outs.py`). Nothing is posted here: members
without lines are enqueued to their own queue.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from itertools import batched
from typing import Any

from shared.converge.dispatch import Dispatch
from shared.converge.stages import CONCURRENCY_MAX
from shared.domain.matching import TieOut
from shared.domain.money import Money
from shared.domain.records import Ref
from shared.entities.common.objects import currency_of, id_of, unless_settled
from shared.ports import Clock, Delete, Json, Operation, Put, Row, StripeGateway, Tables
from shared.stores.links import LinkStore
from shared.stores.paging import next_cursor, rows
from shared.stores.tie_outs import TABLE, TIEOUTS, cells_of, status_of

PAGE = 100
OPERATIONS_PER_TRANSACTION = 90


class Reconcile:
    """What the activities of the payout flow do, for one Stripe account (its alias)."""

    def __init__(
        self,
        stripe: StripeGateway,
        tables: Tables,
        links: LinkStore,
        dispatch: Dispatch,
        clock: Clock,
        *,
        account: str,
    ) -> None:
        self._stripe, self._tables, self._links = stripe, tables, links
        self._dispatch, self._clock, self._account = dispatch, clock, account

    async def membership_page(self, payout_id: str, cursor: str) -> Json:
        """Store one page of members and enqueue those without lines.

        Returns `{cursor, count, net_minor}`: the next cursor (empty: that was the last page), and
        the number and sum of this page's members without the payout's own row.
        """
        params: dict[str, str | int] = {"payout": payout_id, "limit": PAGE}
        if cursor:
            params["starting_after"] = cursor
        page = await self._stripe.page("balance_transaction", params)
        members = [txn for txn in page.data if not _is_own_row(txn, payout_id)]
        await self._store(payout_id, members)
        refs = [Ref("balance_transaction", str(txn["id"])) for txn in members]
        await self._dispatch.enqueue(unless_settled(*refs))
        return {
            "cursor": next_cursor(page),
            "count": len(members),
            "net_minor": sum(int(txn["net"]) for txn in members),
        }

    async def _store(self, payout_id: str, members: list[Json]) -> None:
        if not members:
            return
        known = {row.row.removeprefix("member~") for row in await self._rows(payout_id, "member~")}
        operations: list[Operation] = [
            Put(f"open~{txn['id']}", {"net_minor": int(txn["net"])})
            for txn in members
            if str(txn["id"]) not in known
        ]
        if operations:
            await self._tables.transact(TABLE, payout_id, operations)

    async def tie_out(self, payout_id: str, count: int, net_minor: int) -> Json:
        """Check the open members, compare the sums, store the tie-out row.

        Returns `{status, difference_minor, unwritten}`; `status` is `tied` or `open`.
        """
        payout = await self._stripe.retrieve("payout", payout_id)
        currency = currency_of(payout, "payout")
        unwritten, unwritten_net, wrong = 0, 0, 0
        operations: list[Operation] = []
        differing = [row.row for row in await self._rows(payout_id, "difference~")]
        for row, effect in await self._open(payout_id):
            net = int(str(row.cells["net_minor"]))
            if effect is None:
                unwritten, unwritten_net = unwritten + 1, unwritten_net + net
            elif effect != net:
                wrong += 1
                operations += _differs(row, effect)
            else:
                operations += _confirm(row, differing)
        for part in batched(operations, OPERATIONS_PER_TRANSACTION, strict=False):
            await self._tables.transact(TABLE, payout_id, part)
        result = TieOut(
            Money(int(payout["amount"]), currency),
            count,
            Money(net_minor, currency),
            unwritten,
            Money(unwritten_net, currency),
            wrong,
        )
        now = self._clock.now()
        known = await self._tables.get(TABLE, TIEOUTS, payout_id)
        noted_at = known.cells.get("noted_at") if known is not None else None
        cells = cells_of(
            result, now, noted_at if isinstance(noted_at, datetime) else now, self._account
        )
        await self._tables.transact(TABLE, TIEOUTS, [Put(payout_id, cells)])
        return {
            "status": status_of(result),
            "difference_minor": result.difference.minor,
            "unwritten": unwritten,
        }

    async def _effect(self, txn_id: str) -> int | None:
        """What the lines of a member do to clearing; None while they are not all written."""
        if not await self._links.is_settled(txn_id):
            return None
        links = await self._links.links(txn_id)
        return sum(link.record.document.clearing_minor for link in links.values())

    async def _open(self, payout_id: str) -> list[tuple[Row, int | None]]:
        """The members that are not confirmed, with the effect of their lines."""
        rows = await self._rows(payout_id, "open~")
        limit = asyncio.Semaphore(CONCURRENCY_MAX)

        async def effect(row: Row) -> int | None:
            async with limit:
                id = row.row.removeprefix("open~")
                state = await self._effect(id)
                if state is None and await self._links.resolution(id) is not None:
                    return int(str(row.cells["net_minor"]))  # by hand: the proof names it
                return state

        return list(zip(rows, await asyncio.gather(*map(effect, rows)), strict=True))

    async def _rows(self, partition: str, prefix: str) -> list[Row]:
        return [row async for row in rows(self._tables, TABLE, partition, prefix)]

    async def tie_outs(self) -> list[Mapping[str, Any]]:
        """The tie-outs of all payouts, with their ids; memory grows with the payouts."""
        return [{"payout": row.row, **row.cells} for row in await self._rows(TIEOUTS, "")]


def _confirm(row: Row, differing: list[str]) -> list[Operation]:
    member = row.row.removeprefix("open~")
    operations: list[Operation] = [Delete(row.row), Put(f"member~{member}", row.cells)]
    if f"difference~{member}" in differing:
        operations.append(Delete(f"difference~{member}"))
    return operations


def _differs(row: Row, effect: int) -> list[Operation]:
    member = row.row.removeprefix("open~")
    return [Put(f"difference~{member}", {**row.cells, "written_minor": effect})]


def _is_own_row(txn: Json, payout_id: str) -> bool:
    return id_of(txn.get("source")) == payout_id and txn.get("type") == "payout"

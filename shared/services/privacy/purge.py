"""The purge: what only tells what happened is deleted once its retention is over.

Deleted: rows of items that are done or skipped, previews of mappings, and what Durable Functions
remembers of flows that have ended. Never links, documents, what people decided, what is parked,
waits or is to be retried, and the audit log. The retention is longer than the window in which a
queue knows a message id (`infra/queues.json`): until then the row of an item must keep its
generation, or its next message would be dropped as a duplicate.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import batched

from shared import telemetry
from shared.errors import TableConflict
from shared.ports import Clock, Delete, Flows, Row, Tables
from shared.stores.audit_log import AuditedAction, AuditLog
from shared.stores.items import PURGED_AT_ONCE, Items, is_settled_row
from shared.stores.items import TABLE as ITEMS
from shared.stores.mapping_store import PREVIEW
from shared.stores.mapping_store import TABLE as MAPPINGS
from shared.stores.places import Cursor, Place
from shared.stores.runs import Run, side_by_side

TIMER = "purge"
BY_TIMER = "timer"  # who it is in the audit log
FLOWS_SINCE = datetime(2020, 1, 1, tzinfo=UTC)  # no flow is older
FLOWS_STEP = timedelta(days=7)  # of flows begun, in one request
FLOWS_WEEKS = 26  # that are asked for week by week; what began before them at once


@dataclass(slots=True)
class Purged:
    """What one run deleted."""

    items: int = 0
    previews: int = 0
    flows: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return self.items + self.previews + self.flows


class Purge:
    """What the timer calls. A run that is over keeps its places; the next one goes on there."""

    def __init__(
        self,
        *,
        items: Items,
        tables: Tables,
        flows: Flows,
        clock: Clock,
        audit_log: AuditLog,
        places: Sequence[str],
        retention_days: int,
    ) -> None:
        self._items, self._tables, self._flows = items, tables, flows
        self._clock, self._audit_log, self._places = clock, audit_log, places
        self._retention = timedelta(days=retention_days)

    async def run(self) -> int:
        """Delete what is older than the retention; returns how much. Raises an `ExceptionGroup`
        that names what failed."""
        run = Run(TIMER, self._clock)
        before = self._clock.now() - self._retention
        purged = Purged()

        async def place(where: str) -> None:
            await run.part(where, partial(self._purge_items, run, where, before, purged), None)

        await side_by_side(self._places, place)
        await run.part("previews", partial(self._purge_previews, run, before, purged), None)
        await run.part("flows", partial(self._purge_flows, run, before, purged), None)
        if purged.total:
            told = asdict(purged)
            await self._audit_log.add(BY_TIMER, AuditedAction.PURGE, detail=told)
            telemetry.event("purged", **told)
        run.close()
        return purged.total

    async def _purge_items(self, run: Run, where: str, before: datetime, purged: Purged) -> None:
        async for page in Place(self._tables, f"purge {where}").pages(run, ITEMS, where):
            old = [row for row in page if is_settled_row(row) and _at(row, "updated_at") < before]
            for part in batched(old, PURGED_AT_ONCE, strict=False):
                gone = await self._items.purge(where, part)
                purged.items += gone  # after the wait: other places count meanwhile

    async def _purge_previews(self, run: Run, before: datetime, purged: Purged) -> None:
        async for page in Place(self._tables, "purge previews").pages(run, MAPPINGS, PREVIEW):
            for row in page:
                if _at(row, "at") < before and await self._is_deleted(row):
                    purged.previews += 1

    async def _is_deleted(self, row: Row) -> bool:
        try:
            await self._tables.transact(MAPPINGS, row.partition, [Delete(row.row, row.etag)])
        except TableConflict:
            return False  # somebody previewed the set again just now
        return True

    async def _purge_flows(self, run: Run, before: datetime, purged: Purged) -> None:
        """Flows that have ended, by when they began: round after round, for one that took long
        may have ended since the last one."""
        cursor = Cursor(self._tables, TIMER, "flows")
        through = (await cursor.read()).get("through")
        since = FLOWS_SINCE
        if isinstance(through, datetime) and through < before:
            since = through
        while since < before and not run.is_over:
            until = min(max(since + FLOWS_STEP, before - FLOWS_WEEKS * FLOWS_STEP), before)
            gone = await self._flows.purge(since, until)
            purged.flows += gone
            since = until
            await cursor.keep({"through": since if since < before else FLOWS_SINCE})


def _at(row: Row, name: str) -> datetime:
    at = row.cells[name]
    if not isinstance(at, datetime):
        raise TypeError(f"{row.partition} {row.row}: {name} is no moment")
    return at

"""Backfill: the transaction sweep over a longer range, page by page, with its progress kept.

Table `cursors`, partition `backfill`, row `progress`. One backfill runs at a time.
"""

from datetime import datetime, timedelta

from shared.ports import Cell, Clock, Flows, Json, Put, Row, Tables
from shared.services.work.sweep import Sweep
from shared.stores.audit_log import AuditedAction, AuditLog

TABLE = "cursors"
BACKFILL, PROGRESS = "backfill", "progress"
FLOW, INSTANCE = "backfill_flow", "backfill"
DAYS_MAX = 3_650
RUNNING, DONE, STOPPED = "running", "done", "stopped"
UNDER_WAY = ("Pending", "Running", "ContinuedAsNew")  # of a flow


class Backfill:
    """Starts a backfill, does one page of it, tells how far it is."""

    def __init__(
        self, sweep: Sweep, flows: Flows, tables: Tables, clock: Clock, audit_log: AuditLog
    ) -> None:
        self._sweep, self._flows, self._audit_log = sweep, flows, audit_log
        self._tables, self._clock = tables, clock

    async def start(self, days: int, who: str = "") -> Json:
        """Start the flow for the last `days`; one that runs goes on instead.

        Raises ValueError for a number of days out of range.
        """
        if not 1 <= days <= DAYS_MAX:
            raise ValueError(f"days must be a whole number from 1 to {DAYS_MAX}")
        found = await self.progress()
        if found["status"] == RUNNING:
            return found
        await self._audit_log.add(who, AuditedAction.BACKFILL, detail={"days": days})
        since = int((self._clock.now() - timedelta(days=days)).timestamp())
        await self._keep(since, since_now(self._clock.now()), 0, 0, RUNNING)
        await self._flows.start(
            FLOW, INSTANCE, {"since": since, "cursor": "", "seen": 0, "sent": 0}
        )
        return _told(await self._row(), self._clock.now())

    async def page(self, state: Json) -> Json:
        """One page: `{since, cursor, seen, sent}` in and out; an empty cursor ends it."""
        page = await self._sweep.transaction_page(state["since"], state["cursor"])
        seen, sent = state["seen"] + page["seen"], state["sent"] + page["sent"]
        status = RUNNING if page["cursor"] else DONE
        oldest = page["oldest"] if page["cursor"] else state["since"]
        await self._keep(state["since"], oldest, seen, sent, status)
        return {"since": state["since"], "cursor": page["cursor"], "seen": seen, "sent": sent}

    async def _keep(self, since: int, oldest: int, seen: int, sent: int, status: str) -> None:
        cells: dict[str, Cell] = {
            "since": since,
            "oldest": oldest,
            "seen": seen,
            "sent": sent,
            "status": status,
            "at": self._clock.now(),
        }
        await self._tables.transact(TABLE, BACKFILL, [Put(PROGRESS, cells)])

    async def progress(self) -> Json:
        """`status` (none, running, done, stopped), `seen`, `sent`, and `percent` done.

        `stopped`: its flow could not be started, or gave up; nothing goes on by itself.
        """
        found = _told(await self._row(), self._clock.now())
        if found["status"] == RUNNING and not await self._is_under_way():
            found = _told(await self._row(), self._clock.now())  # its last page came between
            found["status"] = DONE if found["status"] == DONE else STOPPED
        return found

    async def _is_under_way(self) -> bool:
        return await self._flows.status(INSTANCE) in UNDER_WAY

    async def _row(self) -> Row | None:
        return await self._tables.get(TABLE, BACKFILL, PROGRESS)


def _told(row: Row | None, now: datetime) -> Json:
    if row is None:
        return {"status": "none", "seen": 0, "sent": 0, "percent": 0}
    cells = row.cells
    since, oldest = int(str(cells["since"])), int(str(cells["oldest"]))
    span = max(since_now(now) - since, 1)
    covered = span - (oldest - since)
    percent = 100 if cells["status"] == DONE else min(99, max(0, 100 * covered // span))
    return {
        "status": cells["status"],
        "seen": cells["seen"],
        "sent": cells["sent"],
        "percent": percent,
    }


def since_now(now: datetime) -> int:
    """A moment in whole seconds since 1970."""
    return int(now.timestamp())

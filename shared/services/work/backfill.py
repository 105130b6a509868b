"""Backfill: the transaction sweep over a longer range, page by page, with its progress kept.

Table `cursors`, partition `backfill`, row `progress`. One backfill of a Stripe account runs at a
time.
"""

from datetime import datetime, timedelta

from shared.domain.partition import DEFAULT_ACCOUNT, named
from shared.ports import Cell, Clock, Flows, Json, Put, Row, Tables
from shared.services.work.sweep import Sweep

TABLE = "cursors"
BACKFILL, PROGRESS = "backfill", "progress"
FLOW, INSTANCE = "backfill_flow", "backfill"
DAYS_MAX = 3_650
RUNNING, DONE, STOPPED = "running", "done", "stopped"
UNDER_WAY = ("Pending", "Running", "ContinuedAsNew")  # of a flow


class Backfill:
    """Starts a backfill of one Stripe account, does one page of it, tells how far it is."""

    def __init__(
        self, sweep: Sweep, flows: Flows, tables: Tables, clock: Clock, account: str
    ) -> None:
        self._sweep, self._flows = sweep, flows
        self._tables, self._clock, self._account = tables, clock, account
        self._progress = named(account, PROGRESS)
        self._instance = INSTANCE if account == DEFAULT_ACCOUNT else f"{INSTANCE}-{account}"

    async def start(self, days: int) -> Json:
        """Start the flow for the last `days`; one that runs goes on instead.

        Raises ValueError for a number of days out of range.
        """
        if not 1 <= days <= DAYS_MAX:
            raise ValueError(f"days must be a whole number from 1 to {DAYS_MAX}")
        progress = await self.progress()
        if progress["status"] == RUNNING:
            return progress
        since = int((self._clock.now() - timedelta(days=days)).timestamp())
        await self._keep(since, since_now(self._clock.now()), 0, 0, RUNNING)
        state: Json = {"since": since, "cursor": "", "seen": 0, "sent": 0}
        await self._flows.start(FLOW, self._instance, {**state, "account": self._account})
        return _told(await self._row(), self._clock.now())

    async def page(self, state: Json) -> Json:
        """One page: `{since, cursor, seen, sent, account}` in and out; an empty cursor ends it."""
        page = await self._sweep.transaction_page(state["since"], state["cursor"])
        seen, sent = state["seen"] + page["seen"], state["sent"] + page["sent"]
        status = RUNNING if page["cursor"] else DONE
        oldest = page["oldest"] if page["cursor"] else state["since"]
        await self._keep(state["since"], oldest, seen, sent, status)
        return {**state, "cursor": page["cursor"], "seen": seen, "sent": sent}

    async def _keep(self, since: int, oldest: int, seen: int, sent: int, status: str) -> None:
        cells: dict[str, Cell] = {
            "since": since,
            "oldest": oldest,
            "seen": seen,
            "sent": sent,
            "status": status,
            "at": self._clock.now(),
        }
        await self._tables.transact(TABLE, BACKFILL, [Put(self._progress, cells)])

    async def progress(self) -> Json:
        """`status` (none, running, done, stopped), `seen`, `sent`, and `percent` done.

        `stopped`: its flow could not be started, or gave up; nothing goes on by itself.
        """
        progress = _told(await self._row(), self._clock.now())
        if progress["status"] == RUNNING and not await self._is_under_way():
            progress = _told(await self._row(), self._clock.now())  # its last page came between
            progress["status"] = DONE if progress["status"] == DONE else STOPPED
        return progress

    async def _is_under_way(self) -> bool:
        return await self._flows.status(self._instance) in UNDER_WAY

    async def _row(self) -> Row | None:
        return await self._tables.get(TABLE, BACKFILL, self._progress)


async def looked_at(tables: Tables) -> datetime | None:
    """When a backfill that runs was last heard of; None while none runs."""
    row = await tables.get(TABLE, BACKFILL, PROGRESS)
    if row is None or row.cells["status"] != RUNNING:
        return None
    at = row.cells["at"]
    return at if isinstance(at, datetime) else None


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

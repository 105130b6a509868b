"""Where runs of a timer stopped, so that the next run can continue there.

Table `cursors`. A `Window` is one reading of a Stripe list, newest first, over as many runs as it
takes; only when all of it is enqueued does `through` move, the moment up to which everything is
known. A `Place` is a row key in a table partition. Each row is replaced by its ETag: if two runs
overlap, one gets `TableConflict` and stops.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from shared.errors import ObjectMissing
from shared.ports import Cell, Clock, Insert, Json, Operation, Page, Replace, Row, Tables
from shared.stores.paging import next_cursor, row_pages
from shared.stores.runs import Run

TABLE = "cursors"
SWEEP = "sweep"  # the partition of windows
PLACE = "place"  # the partition of places


class Cursor:
    """One row of the table, kept by its ETag."""

    def __init__(self, tables: Tables, partition: str, name: str) -> None:
        self._tables, self._partition, self._name = tables, partition, name
        self._row: Row | None = None

    async def read(self) -> Mapping[str, Cell]:
        """The cells of the row; none before it was written first."""
        self._row = await self._tables.get(TABLE, self._partition, self._name)
        return {} if self._row is None else self._row.cells

    async def keep(self, cells: Mapping[str, Cell]) -> None:
        """Write the row. Raises `TableConflict` when another run wrote it since."""
        operation: Operation = Insert(self._name, cells)
        if self._row is not None:
            operation = Replace(self._name, cells, self._row.etag)
        (etag,) = await self._tables.transact(TABLE, self._partition, [operation])
        self._row = Row(self._partition, self._name, cells, etag)


@dataclass(frozen=True, slots=True)
class Window:
    """A reading of a list that has begun: everything created since `since` (seconds).

    `began`: when; what is created later is left to the next window. `after`: the object that the
    next page follows. `whole`: everything so far was handed on.
    """

    since: int
    began: datetime
    after: str = ""
    whole: bool = True


class Windows:
    """Reads Stripe lists over several runs."""

    def __init__(self, tables: Tables, clock: Clock) -> None:
        self._tables, self._clock = tables, clock

    async def walk(
        self,
        run: Run,
        name: str,
        since: Callable[[datetime | None, datetime], datetime],
        read: Callable[[Window], Awaitable[Page]],
        hand_on: Callable[[tuple[Json, ...]], Awaitable[int]],
    ) -> int:
        """Go on with the window of a list, or begin one, until its end or the end of the run.

        `since` gives the moment to read from, of `through` and now. A page of which a part fails is
        passed by; its window then counts for nothing, and the next one reads all of it again.
        Returns the sum of what `hand_on` returned. Raises what `read` raises.
        """
        cursor = Cursor(self._tables, SWEEP, name)
        cells = await cursor.read()
        through = cells.get("through")
        known: dict[str, Cell] = {"through": through} if isinstance(through, datetime) else {}
        window = _window_in(cells)
        if window is None:
            now = self._clock.now()
            start = since(through if isinstance(through, datetime) else None, now)
            window = Window(int(start.timestamp()), now)
        sent = 0
        while not (run.is_over or run.gave_up(name)):
            try:
                page = await read(window)
            except ObjectMissing:
                if not window.after:
                    raise
                # Stripe keeps events for 30 days: the one that was read last is gone.
                window = replace(window, after="")
                continue
            before = run.failures
            sent += await run.part(name, partial(hand_on, page.data), 0)
            window = replace(
                window,
                whole=window.whole and run.failures == before,
                after=next_cursor(page),
            )
            if not window.after:
                await cursor.keep({"through": window.began} if window.whole else known)
                break
            await cursor.keep({**known, **_cells_of(window)})
        return sent


def _window_in(cells: Mapping[str, Cell]) -> Window | None:
    began = cells.get("began")
    if not isinstance(began, datetime):
        return None
    whole = cells.get("whole") is True
    return Window(int(str(cells["since"])), began, str(cells["after"]), whole)


def _cells_of(window: Window) -> dict[str, Cell]:
    return {
        "since": window.since,
        "began": window.began,
        "after": window.after,
        "whole": window.whole,
    }


class Place:
    """A place in the rows of a partition."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self._cursor = Cursor(tables, PLACE, name)

    async def pages(
        self, run: Run, table: str, partition: str, prefix: str = "", size: int | None = None
    ) -> AsyncIterator[list[Row]]:
        """The pages of a partition from the place where the last run stopped, to the end or until
        this run is over. A page whose work is not done when the run ends comes again."""
        after = str((await self._cursor.read()).get("after", ""))
        first = (partition, after) if after else None
        async for page in row_pages(self._tables, table, partition, prefix, after=first, size=size):
            if run.is_over:
                return
            yield page
            after = page[-1].row
            await self._cursor.keep({"after": after})
        if after:
            await self._cursor.keep({"after": ""})

"""Healing: retries parked objects whose cause may have gone away by itself, and what people ordered
and no message led to.

Each run retries a few objects of each cause, and the next run others, so that an object which
cannot heal does not block the rest. If the retries of a cause succeed, the next runs send more and
more of its objects, until some fail again. The table `cursors`, partition `heal`, row = cause,
keeps how far a cause is.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared import telemetry
from shared.outcomes import Kind
from shared.ports import Cell, Clock, Delete, Put, Row, Tables
from shared.services.inbox.inbox import Inbox, ParkedItem
from shared.stores.item import UNREADABLE
from shared.stores.items import Items

TABLE = "cursors"
HEAL = "heal"
PROBES = 5  # objects of a cause that a run tries
GROWTH = 4  # times as many in the next run when the probes came through
HEALED_MAX = 5_000  # objects of a cause and run
JUDGED_MAX = 20  # of the objects that a run tried, looked at by the next one

# Causes that only a person can remove; trying again would change nothing.
FOR_PEOPLE = (
    *("unsupported_category", "facts_changed", "duplicate_line", "duplicate_customer"),
    *("inconsistent_transaction", "unreadable_object", UNREADABLE, "vanished"),
    *("deleted_again", "duplicate_posted"),
    *("several_customers", "customer_taken", "customer_merged"),
)

type Position = tuple[str, str, str]
"""Queue, place and key of an object: the order in which the inbox is read."""


@dataclass(slots=True)
class Course:
    """How far the healing of a cause is.

    `width`: how many objects this run tries; `after`: where the last run ended; `ahead`: objects
    behind that position; `first`: objects from the beginning.
    """

    width: int = PROBES
    after: Position = ("", "", "")
    ahead: list[ParkedItem] = field(default_factory=list)
    first: list[ParkedItem] = field(default_factory=list)

    def see(self, item: ParkedItem) -> None:
        """One more object of the cause, in order."""
        kept = self.ahead if position_of(item) > self.after else self.first
        if len(kept) < self.width:
            kept.append(item)

    @property
    def chosen(self) -> list[ParkedItem]:
        """The objects whose turn it is."""
        return [*self.ahead, *self.first][: self.width]


def position_of(item: ParkedItem) -> Position:
    """Where an object stands in the inbox."""
    return item.queue, item.where, item.id


def next_width(width: int, came_through: int, failed: int) -> int:
    """How many objects the next run tries, from what became of those that this one tried."""
    if not came_through:
        return PROBES
    if not failed:
        return min(width * GROWTH, HEALED_MAX)
    return width if came_through >= failed else max(width // GROWTH, PROBES)


class Healing:
    """What the timer calls. `orders`: each sends again what people ordered of a kind."""

    def __init__(
        self,
        inbox: Inbox,
        items: Items,
        tables: Tables,
        clock: Clock,
        orders: Sequence[Callable[[], Awaitable[int]]],
    ) -> None:
        self._inbox, self._items, self._orders = inbox, items, orders
        self._tables, self._clock = tables, clock

    async def run(self) -> int:
        """Try objects of each cause again; returns how many were sent. Raises the ports' errors."""
        courses: dict[str, Course] = {}
        async for item in self._inbox.each():
            if item.cause in FOR_PEOPLE:
                continue
            if item.cause not in courses:
                courses[item.cause] = await self._course(item.cause)
            courses[item.cause].see(item)
        sent = 0
        for cause, course in courses.items():
            # Noted first: what comes back at once counts for this run.
            await self._note(cause, course)
            sent += await self._inbox.retry(course.chosen, limit=HEALED_MAX)
        await self._forget(courses)
        for go_on in self._orders:
            sent += await go_on()
        telemetry.count("tieout.healing.sent", sent)
        return sent

    async def _course(self, cause: str) -> Course:
        row = await self._tables.get(TABLE, HEAL, cause)
        if row is None or "width" not in row.cells:
            return Course()
        queue, where, id = json.loads(str(row.cells["after"]))
        tried = [(str(place), str(key)) for place, key in json.loads(str(row.cells["tried"]))]
        rows = await asyncio.gather(*(self._items.object(*entry) for entry in tried))
        at = row.cells["at"]
        told = [
            _came_through(stored_row, cause, at) for stored_row in rows if isinstance(at, datetime)
        ]
        width = next_width(int(str(row.cells["width"])), told.count(True), told.count(False))
        return Course(width, (queue, where, id))

    async def _note(self, cause: str, course: Course) -> None:
        chosen = course.chosen
        step = -(-len(chosen) // JUDGED_MAX)
        cells: dict[str, Cell] = {
            "width": course.width,
            "after": json.dumps(position_of(chosen[-1])),
            "tried": json.dumps([(item.where, item.id) for item in chosen[::step]]),
            "at": self._clock.now(),
        }
        await self._tables.transact(TABLE, HEAL, [Put(cause, cells)])

    async def _forget(self, courses: dict[str, Course]) -> None:
        """Forget the causes that no parked object has: they begin anew."""
        for row in await self._tables.query(TABLE, partition=HEAL):
            if row.row not in courses:
                await self._tables.transact(TABLE, HEAL, [Delete(row.row)])


def _came_through(row: Row | None, cause: str, tried_at: datetime) -> bool | None:
    """Whether the cause is gone for an object that was tried; None when nobody knows yet.

    It is gone as well when the object waits for its counterpart, or parks for another cause.
    """
    if row is None:
        return None
    status, updated = Kind(str(row.cells["status"])), row.cells["updated_at"]
    if status in (Kind.DONE, Kind.SKIP, Kind.WAITING):
        return True
    if status is not Kind.PARK:
        return None
    if row.cells["cause"] != cause:
        return True
    is_told = isinstance(updated, datetime) and updated > tried_at
    return False if is_told else None

"""The inbox of parked objects: list, group by cause, retry, resolve, heal. Nothing is deleted.

One object is one item, whichever events led to it. A retry is converge again under a new
generation; the row stays parked until its outcome is known. A resolved item keeps its row, with who
decided and why. Healing: of each cause that can disappear by itself one item is tried again; when
it comes through, the others of its cause follow.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared import telemetry
from shared.domain.partition import partition_of
from shared.ports import Cell, Json, Message, Put, Row
from shared.registry import ENTITIES
from shared.services.converge import Ports
from shared.services.item import UNREADABLE
from shared.services.items import Items, Outcome, home, item_of, places
from shared.services.outcomes import events_of
from shared.verdicts import Kind, Verdict

HEAL_TABLE = "cursors"
HEAL = "heal"
RETRIES_MAX = 1_000  # of one call
AT_ONCE = 50  # objects whose rows are read together, and sent in one request a queue
REASON_CHARS_MAX = 500

# Causes that only a person can remove; trying again would change nothing.
FOR_PEOPLE = (
    *("unsupported_category", "facts_changed", "duplicate_line", "duplicate_customer"),
    *("inconsistent_transaction", "unreadable_object", UNREADABLE, "vanished"),
    *("deleted_again", "duplicate_posted"),
    *("several_customers", "customer_taken", "customer_merged"),
)


@dataclass(frozen=True, slots=True)
class EventSeen:
    """An event, or another reason, that led to an object. `type` is empty for no event."""

    id: str
    type: str


@dataclass(frozen=True, slots=True)
class Parked:
    """A parked object as people see it. `at_stake_minor` of `currency` is the money it is about.

    `id` is the object's, of a command on it `verify-<object>` and so on. `events`: ids and types of
    the newest of the `event_count` items that led to it. `evidence`: what a choice rests on, as
    JSON; None where there is nothing to choose.
    """

    queue: str
    id: str
    type: str
    entity: str
    object: str
    cause: str
    text: str
    remedy: str
    at_stake_minor: int
    currency: str
    attempts: int
    first_seen_at: datetime
    updated_at: datetime
    events: tuple[EventSeen, ...] = ()
    event_count: int = 1
    evidence: Json | None = None

    @property
    def where(self) -> str:
        """The place of its rows."""
        return home(self.queue, self.object)

    def is_named(self, ids: Collection[str]) -> bool:
        """True when one of these ids is this item's, or one of its events'."""
        return self.id in ids or any(event.id in ids for event in self.events)


@dataclass(frozen=True, slots=True)
class Group:
    """The items of one cause: how many, since when, an example and what to do."""

    cause: str
    count: int
    oldest_at: datetime
    example: str
    remedy: str


class Inbox:
    """What support works with."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._items = Items(ports.tables, ports.clock)

    async def each(self, cause: str = "") -> AsyncIterator[Parked]:
        """Every parked item, or those of one cause; page by page."""
        for queue in dict.fromkeys(entity.queue for entity in ENTITIES):
            for where in places([queue]):
                async for row in self._items.listed(where, Kind.PARK):
                    if not cause or row.cells["cause"] == cause:
                        yield _parked(queue, row)

    async def groups(self) -> list[Group]:
        """The causes, most frequent first; memory grows with the number of causes only."""
        found: dict[str, Group] = {}
        async for item in self.each():
            old = found.get(item.cause)
            if old is None:
                found[item.cause] = Group(item.cause, 1, item.first_seen_at, item.text, item.remedy)
            else:
                oldest = min(old.oldest_at, item.first_seen_at)
                found[item.cause] = Group(old.cause, old.count + 1, oldest, old.example, old.remedy)
        return sorted(found.values(), key=lambda group: (-group.count, group.cause))

    async def retry(self, items: Sequence[Parked]) -> int:
        """Converge parked items again; returns how many were sent. What could not be read names
        no object: there is nothing to converge."""
        sent = 0
        chosen = [item for item in items[:RETRIES_MAX] if item.cause != UNREADABLE]
        for start in range(0, len(chosen), AT_ONCE):
            part = chosen[start : start + AT_ONCE]
            messages: dict[str, list[Message]] = {}
            found = await asyncio.gather(*(self._message(parked) for parked in part))
            for parked, message in zip(part, found, strict=True):
                if message is not None:
                    messages.setdefault(parked.queue, []).append(message)
            for queue, batch in messages.items():
                await self._ports.queue.send(queue, batch)
                sent += len(batch)
        return sent

    async def _message(self, parked: Parked) -> Message | None:
        """The next message of a parked object; None when it is not parked any more."""
        row = await self._items.object(parked.where, parked.id)
        if row is None or row.cells["status"] != Kind.PARK.value:
            return None
        item = item_of(row)
        # Its own row knows every generation: an id that was sent before would be dropped.
        told = await self._items.get(parked.where, item.id)
        generation = item.generation if told is None else item_of(told).generation
        partition = partition_of(item.object, self._ports.settings.partitions)
        return item.renewed(generation + 1).message(partition)

    async def resolve(self, items: Sequence[Parked], reason: str, who: str) -> int:
        """Take items out of the inbox with a reason; their rows stay.

        Raises ValueError for an empty reason or name.
        """
        if not reason.strip() or not who.strip():
            raise ValueError("a resolution needs a reason and a name")
        done = 0
        for parked in items[:RETRIES_MAX]:
            where = parked.where
            row = await self._items.object(where, parked.id)
            if row is None or row.cells["status"] != Kind.PARK.value:
                continue
            verdict = Verdict(
                Kind.RESOLVED,
                cause=parked.cause,
                text=f"resolved by {who.strip()}: {reason.strip()}"[:REASON_CHARS_MAX],
                amount_minor=parked.at_stake_minor,
                currency=parked.currency,
            )
            await self._items.record(where, [Outcome(item_of(row), verdict)])
            telemetry.event("resolved", item=parked.id, cause=parked.cause)
            done += 1
        return done

    async def heal(self) -> int:
        """Try one item of each cause; where the last try came through, try them all.

        Returns how many were sent. Meant for a timer.
        """
        causes: dict[str, list[Parked]] = {}
        async for item in self.each():
            kept = causes.setdefault(item.cause, [])
            if item.cause not in FOR_PEOPLE and len(kept) < RETRIES_MAX:
                kept.append(item)
        sent = 0
        for cause, items in causes.items():
            if not items:
                continue
            chosen = items if await self._came_through(cause) else items[:1]
            sent += await self.retry(chosen)
            cells: dict[str, Cell] = {
                "place": chosen[0].where,
                "item": chosen[0].id,
            }
            await self._ports.tables.transact(HEAL_TABLE, HEAL, [Put(cause, cells)])
        return sent

    async def _came_through(self, cause: str) -> bool:
        """True when the item that was tried last for this cause is not parked any more."""
        row = await self._ports.tables.get(HEAL_TABLE, HEAL, cause)
        if row is None:
            return False
        tried = await self._items.object(str(row.cells["place"]), str(row.cells["item"]))
        return tried is not None and tried.cells["status"] in (Kind.DONE.value, Kind.SKIP.value)


def _parked(queue: str, row: Row) -> Parked:
    cells = row.cells
    first, updated = cells["first_seen_at"], cells["updated_at"]
    if not isinstance(first, datetime) or not isinstance(updated, datetime):
        raise TypeError(f"{row.row} has no times")
    return Parked(
        queue=queue,
        id=row.row.split("~", maxsplit=1)[1],
        type=str(cells["type"]),
        entity=str(cells["entity"]),
        object=str(cells["object"]),
        cause=str(cells["cause"]),
        text=str(cells["text"]),
        remedy=str(cells["remedy"]),
        at_stake_minor=int(str(cells["amount_minor"])),
        currency=str(cells["currency"]),
        attempts=int(str(cells["attempt"])),
        first_seen_at=first,
        updated_at=updated,
        events=tuple(EventSeen(id, type) for id, type in events_of(cells)),
        event_count=int(str(cells["event_count"])),
        evidence=json.loads(str(cells["evidence"])) if cells.get("evidence") else None,
    )

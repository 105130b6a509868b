"""The inbox of parked objects: list, group by cause, retry, reopen. Nothing is deleted.

One object is one item, whichever events led to it. A retry is converge again under a new
generation; the row stays parked until its outcome is known. A resolved item keeps its row, with who
decided and why (`services/inbox/resolve.py`). `services/inbox/healing.py` retries what may heal by
itself.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import batched

from shared import telemetry
from shared.domain.partition import DEFAULT_ACCOUNT
from shared.outcomes import Kind, Outcome
from shared.ports import Json, Message, Queue, Random, Row
from shared.registry import Registry
from shared.settings import Settings
from shared.stores.audit_log import WHO_CHARS_MAX, AuditedAction, AuditLog
from shared.stores.item import UNREADABLE
from shared.stores.item_outcomes import command_in, events_of
from shared.stores.items import Items, home, item_of, places
from shared.stores.links import LinkStore

RETRIES_MAX = 1_000  # of one call
AT_ONCE = 50  # objects whose rows are read together, and sent in one request a queue


@dataclass(frozen=True, slots=True)
class EventSeen:
    """An event, or another reason, that led to an object. `type` is empty for no event."""

    id: str
    type: str


@dataclass(frozen=True, slots=True)
class ParkedItem:
    """A parked object as people see it. `at_stake_minor` of `currency` is the money it is about.

    `id` is the object's, of a command on it (`command`) `verify-<object>` and so on. `events`: ids
    and types of the newest of the `event_count` items that led to it. `evidence`: what a choice
    rests on, as JSON; None where there is nothing to choose. `account`: the alias of its Stripe
    account.
    """

    status: str
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
    command: str = ""
    evidence: Json | None = None
    account: str = DEFAULT_ACCOUNT

    @property
    def where(self) -> str:
        """The place of its rows."""
        return home(self.queue, self.object)

    def is_named(self, ids: Collection[str]) -> bool:
        """True when one of these ids is this item's, or one of its events'."""
        return self.id in ids or any(event.id in ids for event in self.events)


@dataclass(frozen=True, slots=True)
class CauseGroup:
    """The items of one cause: how many, since when, an example and what to do."""

    cause: str
    count: int
    oldest_at: datetime
    example: str
    remedy: str


class Inbox:
    """What support works with."""

    def __init__(
        self,
        *,
        items: Items,
        links: LinkStore,
        queue: Queue,
        registry: Registry,
        rng: Random,
        audit_log: AuditLog,
        settings: Settings,
    ) -> None:
        self._items, self._links, self._queue = items, links, queue
        self._audit_log = audit_log
        self._registry, self._rng, self._settings = registry, rng, settings

    async def each(self, cause: str = "", kind: Kind = Kind.PARK) -> AsyncIterator[ParkedItem]:
        """Every parked item (or, by `kind`, resolved one), or those of one cause; page by page."""
        for queue in sorted(self._registry.all_queues):
            for where in places([queue]):
                async for row in self._items.listed(where, kind):
                    if not cause or row.cells["cause"] == cause:
                        yield _parked(queue, row)

    async def groups(self, kind: Kind = Kind.PARK) -> list[CauseGroup]:
        """The causes, most frequent first; memory grows with the number of causes only."""
        groups: dict[str, CauseGroup] = {}
        async for item in self.each(kind=kind):
            old = groups.get(item.cause)
            if old is None:
                groups[item.cause] = CauseGroup(
                    item.cause, 1, item.first_seen_at, item.text, item.remedy
                )
            else:
                oldest = min(old.oldest_at, item.first_seen_at)
                groups[item.cause] = CauseGroup(
                    old.cause, old.count + 1, oldest, old.example, old.remedy
                )
        return sorted(groups.values(), key=lambda group: (-group.count, group.cause))

    async def retry_by(self, who: str, items: Sequence[ParkedItem]) -> int:
        """What a person asks for: `retry`, on record."""
        ids = [item.id for item in items[:RETRIES_MAX]]
        if ids:
            await self._audit_log.add(who, AuditedAction.RETRY, ids)
        return await self.retry(items, who)

    async def retry(
        self, items: Sequence[ParkedItem], who: str = "", limit: int = RETRIES_MAX
    ) -> int:
        """Converge parked items again; returns how many were sent. An item that could
        not be read names no object, so it is left out. Resolved items lose their resolution.

        Raises as `reopen` does.
        """
        sent = 0
        chosen = [item for item in items[:limit] if item.cause != UNREADABLE]
        for parked in chosen:
            if parked.status == Kind.RESOLVED.value:
                await self.reopen(parked, who)
        for part in batched(chosen, AT_ONCE, strict=False):
            messages: dict[str, list[Message]] = {}
            messages_of_part = await asyncio.gather(*(self._message(parked) for parked in part))
            for parked, message in zip(part, messages_of_part, strict=True):
                if message is not None:
                    messages.setdefault(parked.queue, []).append(message)
            for queue, batch in messages.items():
                await self._queue.send(queue, batch)
                sent += len(batch)
        return sent

    async def _message(self, parked: ParkedItem) -> Message | None:
        """The next message of a parked object; None when it is not parked any more."""
        row = await self._items.object(parked.where, parked.id)
        if row is None or row.cells["status"] != Kind.PARK.value:
            return None
        item = item_of(row)
        # Its own row knows every generation: an id that was sent before would be dropped.
        told = await self._items.get(parked.where, item.id)
        generation = item.generation if told is None else item_of(told).generation
        partition = self._settings.partition(parked.queue, item.object)
        return item.renewed(generation + 1).message(partition)

    async def reopen(self, parked: ParkedItem, who: str) -> ParkedItem:
        """Take a resolution back: the object is parked as it was, and may be retried.

        Raises ValueError without a name, and `ClaimHeld` or `TableConflict` while somebody works
        on the object.
        """
        if not who.strip():
            raise ValueError(
                f"{parked.id} is resolved: to retry it, name the person who decided (--who)"
            )
        text = f"retried by {who.strip()[:WHO_CHARS_MAX]}; it was {parked.text}"
        outcome = Outcome(
            Kind.PARK,
            cause=parked.cause,
            text=text,
            remedy="Wait for the result of the retry; retry again if nothing changes.",
            amount_minor=parked.at_stake_minor,
            currency=parked.currency,
        )
        # In this order: a crash in between leaves it parked, or resolved as it was.
        await self._items.reopen(parked.where, parked.id, outcome)
        await self._lift(parked.object, who.strip()[:WHO_CHARS_MAX])
        return replace(parked, status=Kind.PARK.value, text=text, remedy=outcome.remedy)

    async def lift(self, entity: str, id: str, who: str) -> None:
        """Let converge write an object again, which a person may have resolved.

        Raises as `reopen` does.
        """
        if await self._links.resolution(id) is None:
            return
        queue = self._registry.named(entity).queue
        row = await self._items.object(home(queue, id), id)
        if row is not None and row.cells["status"] == Kind.RESOLVED.value:
            await self.reopen(_parked(queue, row), who)
        else:
            await self._lift(id, who)

    async def _lift(self, id: str, who: str) -> None:
        if await self._links.resolution(id) is None:
            return
        owner = f"inbox-{self._rng.getrandbits(64):016x}"
        held = await self._links.claim(id, owner)
        if held.resolution is None:
            await self._links.release(held)
        else:
            await self._links.reopen(held, who)
            telemetry.event("reopened", object=id)


def _parked(queue: str, row: Row) -> ParkedItem:
    cells = row.cells
    first, updated = cells["first_seen_at"], cells["updated_at"]
    if not isinstance(first, datetime) or not isinstance(updated, datetime):
        raise TypeError(f"{row.row} has no times")
    return ParkedItem(
        status=str(cells["status"]),
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
        command=command_in(cells),
        evidence=json.loads(str(cells["evidence"])) if cells.get("evidence") else None,
        account=str(cells["account"]),
    )

"""The second ingress: what Event Grid puts into the queue `ingress` goes to the entities' queues.

The queue has no sessions, because a delivery property of Event Grid can copy a field and not hash
one; session and message id are ours to give. Nobody signs: who may send to the namespace decides
who is believed, and an event is only a hint that its object may have changed.
https://learn.microsoft.com/azure/event-grid/handler-service-bus
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from shared import telemetry
from shared.errors import TieoutError
from shared.outcomes import Kind, Outcome
from shared.ports import Clock, Message, Queue, Tables
from shared.registry import INGRESS_QUEUE, Registry
from shared.services.ingest.cloud_events import arrivals_in
from shared.services.ingest.ingest import (
    COUNT_SECONDS_MAX,
    INGEST,
    Arrival,
    MalformedEventError,
    classify,
    lane_of,
)
from shared.settings import Settings
from shared.stores.doors import Doors
from shared.stores.item import UNREADABLE, unreadable_item
from shared.stores.items import ItemOutcome, Items, home

FAILURE_PAUSE_SECONDS = 20.0  # the host abandons at once: ten tries outlast a short outage
CHECK_SUBSCRIPTION = (
    "Check that the event subscription delivers Stripe's events as CloudEvents 1.0, and who else "
    "may send to this queue. The event sweep reads from Stripe what the message may have told."
)


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message of the queue `ingress`: its id and its body."""

    id: str
    body: bytes


class EventGridIngest:
    """Forwards Stripe's events from the queue `ingress`."""

    def __init__(
        self,
        settings: Settings,
        queue: Queue,
        tables: Tables,
        clock: Clock,
        *,
        registry: Registry,
        doors: Doors,
    ) -> None:
        self._settings, self._registry = settings, registry
        self._queue, self._clock, self._doors = queue, clock, doors
        self._items = Items(tables, clock)

    async def handle(self, messages: Sequence[Delivered]) -> None:
        """Forward a batch. When this returns the messages may complete; what it raises is the
        failure of a store or the broker, and the messages come again: their copies are dropped as
        duplicates."""
        try:
            await self.forward(messages)
        except TieoutError:
            await self._clock.sleep(FAILURE_PAUSE_SECONDS)
            raise

    async def forward(self, messages: Sequence[Delivered]) -> None:
        """Send each event to the queue of its entity, once; park what is no event of Stripe.

        A message that nobody can read holds up none of the others. Raises what a store or the
        broker raises, and `Unavailable` for a queue only after the other queues have theirs.
        """
        outgoing: dict[str, dict[str, Message]] = {}
        unreadable: list[ItemOutcome] = []
        skipped: list[Arrival] = []
        for message in messages:
            try:
                arrivals = arrivals_in(message.body)
            except MalformedEventError as error:
                unreadable.append(_parked(message, str(error)))
                continue
            for arrival in arrivals:
                if not self._route(arrival, outgoing):
                    skipped.append(arrival)
        await self._send(outgoing)
        if unreadable:
            await self._items.store(INGRESS_QUEUE, unreadable)
        if len(unreadable) < len(messages):
            await self._doors.note("event_grid")
        await self._count(skipped)

    def _route(self, arrival: Arrival, outgoing: dict[str, dict[str, Message]]) -> bool:
        """Add the message of an event; twins share its id. False: the event is not ours."""
        reason, item = classify(arrival, self._settings, self._registry)
        if item is None:
            telemetry.count("webhook_skipped", reason=reason, type=arrival.type)
            return False
        partitions = self._settings.partitions
        queue, partition = lane_of(arrival, item, partitions, self._registry)
        outgoing.setdefault(queue, {}).setdefault(item.message_id, item.message(partition))
        return True

    async def _send(self, outgoing: dict[str, dict[str, Message]]) -> None:
        failed: TieoutError | None = None
        for queue, messages in outgoing.items():
            try:
                await self._queue.send(queue, list(messages.values()))
            except TieoutError as error:
                telemetry.count("webhook_unavailable", error=type(error).__name__)
                failed = error
        if failed is not None:
            raise failed

    async def _count(self, skipped: Sequence[Arrival]) -> None:
        """A counter that cannot be written must not make the batch come again."""
        counts: dict[str, int] = {}
        for arrival in skipped:
            where = home(INGEST, arrival.id)
            counts[where] = counts.get(where, 0) + 1
        for where, count in counts.items():
            try:
                async with asyncio.timeout(COUNT_SECONDS_MAX):
                    await self._items.skip(where, count)
            except (TieoutError, TimeoutError) as error:
                telemetry.event("skip_not_counted", item=where, error=type(error).__name__)


def _parked(message: Delivered, reason: str) -> ItemOutcome:
    telemetry.count("webhook_refused", code="malformed")
    outcome = Outcome(
        Kind.PARK,
        cause=UNREADABLE,
        text=f"a message of Event Grid cannot be read: {reason}",
        remedy=CHECK_SUBSCRIPTION,
    )
    return ItemOutcome(unreadable_item(INGRESS_QUEUE, message.id), outcome)

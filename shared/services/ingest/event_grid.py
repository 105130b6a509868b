"""The second ingress: what Event Grid puts into the queue `ingress` goes to the entities' queues.

The queue has no sessions, because a delivery property of Event Grid can copy a field and not hash
one; session and message id are ours to give. Nobody signs: who may send to the queue decides who is
believed, and an event is only a hint that its object may have changed. A delivery property of each
event subscription names the Stripe account by its alias, as the webhook's route does.
https://learn.microsoft.com/azure/event-grid/handler-service-bus
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared import telemetry
from shared.domain.partition import DEFAULT_ACCOUNT
from shared.errors import TieoutError
from shared.ingress import Door
from shared.outcomes import Kind, Outcome
from shared.ports import Clock, Message, Queue, Tables
from shared.registry import INGRESS_QUEUE, Registry
from shared.services.ingest.cloud_events import arrivals_in
from shared.services.ingest.ingest import (
    INGEST,
    Arrival,
    MalformedEventError,
    classify,
    count_skipped,
    lane_of,
)
from shared.services.ingest.refusals import Refusals
from shared.settings import Settings
from shared.stores.doors import Doors
from shared.stores.item import UNREADABLE, unreadable_item
from shared.stores.items import ItemOutcome, Items, home
from shared.stores.reception import Reception
from shared.stripe_accounts import ALIAS_CHARS_MAX

ACCOUNT_PROPERTY = "tieout_account"  # infra/modules/event_grid.bicep sets it
DOOR: Door = "event_grid"
FAILURE_PAUSE_SECONDS = 20.0  # the host abandons at once: ten tries outlast a short outage
CHECK_SUBSCRIPTION = (
    "Check that the event subscription delivers Stripe's events as CloudEvents 1.0 and names a "
    "Stripe account of the settings, and who else may send to this queue. The event sweep reads "
    "from Stripe what the message may have told."
)


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message of the queue `ingress`: its id, its body, its application properties."""

    id: str
    body: bytes
    properties: Mapping[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class _Batch:
    """What becomes of the messages of a batch. `outgoing`: by queue, then by message id, with the
    alias of the account; `skipped`: ids of events; `heard`: accounts of which an event came."""

    outgoing: dict[str, dict[str, tuple[str, Message]]] = field(default_factory=dict)
    unreadable: list[ItemOutcome] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    heard: dict[str, None] = field(default_factory=dict)


class EventGridIngest:
    """Forwards the events of all Stripe accounts from the queue `ingress`."""

    def __init__(
        self,
        settings: Settings,
        queue: Queue,
        tables: Tables,
        clock: Clock,
        *,
        registry: Registry,
        refusals: Refusals,
        doors: Doors,
    ) -> None:
        self._refusals = refusals
        self._accounts = {alias: settings.of(alias) for alias in settings.stripe_aliases}
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
        batch = _Batch()
        for message in messages:
            account = "unknown"
            try:
                account = self._account_of(message)
                arrivals = arrivals_in(message.body)
            except MalformedEventError as error:
                self._refusals.note("malformed", account, DOOR)
                batch.unreadable.append(_parked(message, str(error)))
                continue
            batch.heard[account] = None
            for arrival in arrivals:
                self._route(account, arrival, batch)
        await self._send(batch.outgoing)
        if batch.unreadable:
            await self._items.store(INGRESS_QUEUE, batch.unreadable)
        for account in batch.heard:
            await self._doors.note(DOOR, account)
        await self._count(batch.skipped)

    def _account_of(self, message: Delivered) -> str:
        """The alias that the event subscription adds; a queue that knows one account needs none.
        Raises `MalformedEventError` for an account that the settings do not name."""
        alias = str(message.properties.get(ACCOUNT_PROPERTY, DEFAULT_ACCOUNT))
        if alias not in self._accounts:
            told = repr(alias[:ALIAS_CHARS_MAX])
            raise MalformedEventError(f"the settings name no Stripe account with the alias {told}")
        return alias

    def _route(self, account: str, arrival: Arrival, batch: _Batch) -> None:
        """Add the message of an event, or skip it; twins share an id."""
        with telemetry.span(DOOR, event=arrival.id, type=arrival.type):
            reason, item = classify(arrival, self._accounts[account], self._registry)
            if item is None:
                telemetry.count(
                    "tieout.webhook.skipped",
                    reason=reason,
                    type=arrival.type,
                    account=account,
                    door=DOOR,
                )
                batch.skipped.append(arrival.id)
                return
            queue, partition = lane_of(arrival, item, self._settings, self._registry)
            reception = Reception(self._clock.now(), telemetry.traceparent())
        message = item.message(partition, reception=reception)
        batch.outgoing.setdefault(queue, {}).setdefault(message.id, (account, message))

    async def _send(self, outgoing: Mapping[str, Mapping[str, tuple[str, Message]]]) -> None:
        failed: TieoutError | None = None
        for queue, messages in outgoing.items():
            try:
                await self._queue.send(queue, [message for _, message in messages.values()])
            except TieoutError as error:
                name, failed = type(error).__name__, error
                for account, _ in messages.values():
                    telemetry.count(
                        "tieout.webhook.unavailable", error=name, account=account, door=DOOR
                    )
                continue
            for account, _ in messages.values():
                telemetry.count("tieout.webhook.accepted", account=account, door=DOOR)
        if failed is not None:
            raise failed

    async def _count(self, skipped: Sequence[str]) -> None:
        """Count them by their places, one write each."""
        counts: dict[str, int] = {}
        for event in skipped:
            where = home(INGEST, event)
            counts[where] = counts.get(where, 0) + 1
        for where, count in counts.items():
            await count_skipped(self._items, where, where, count)


def _parked(message: Delivered, reason: str) -> ItemOutcome:
    outcome = Outcome(
        Kind.PARK,
        cause=UNREADABLE,
        text=f"a message of Event Grid cannot be read: {reason}",
        remedy=CHECK_SUBSCRIPTION,
    )
    return ItemOutcome(unreadable_item(INGRESS_QUEUE, message.id), outcome)

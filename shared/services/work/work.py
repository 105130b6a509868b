"""A batch of messages of one session: converge their objects, then settle the outcome of each.

Order: schedule the copies of items to retry, then store the outcomes, then let the messages
complete. A crash in between repeats work that changes nothing: copies have deterministic
ids, outcomes are stored by item.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import batched

from shared import telemetry
from shared.converge.pipeline import Converge
from shared.domain.partition import session_of
from shared.errors import TieoutError
from shared.metrics import BOOKED_SECONDS
from shared.outcomes import Kind, Outcome
from shared.ports import Clock, Message, Queue, Random
from shared.registry import Registry
from shared.settings import Settings
from shared.stores.item import (
    FIND_SENDER,
    UNREADABLE,
    Item,
    ItemKind,
    UnreadableItemError,
    read_item,
    unreadable_item,
)
from shared.stores.item_outcomes import FOLDED
from shared.stores.items import ItemOutcome, Items
from shared.stores.journals import Writer
from shared.stores.reception import Reception, reception_in

OBJECTS_PER_RUN = 50  # two lines each fill one $batch
SUSPECT_DELIVERIES = 3  # from here on a message is handled alone
UNCOUNTED_DELAY_SECONDS = 15
UNCOUNTED_MAX = 1_000  # retries: three hours; a dead worker's claim lasts two at the longest
FAILURE_PAUSE_SECONDS = 20.0
BY_EXTENT = (ItemKind.CONVERGE, ItemKind.REAPPLY, ItemKind.VERIFY, ItemKind.ISOLATE)
"""Each kind does what the ones before do that may stand beside it in a batch (`_later`)."""
type Key = tuple[str, str, str]
"""An object of a Stripe account: alias, entity and id."""
NOT_BEGUN = Outcome(
    Kind.RETRY,
    counts=False,
    delay_seconds=1.0,
    cause="not_begun",
    text="the time of its batch was over before Tieout reached it",
    remedy="Batches take too long. Check how fast Stripe, Dynamics and storage answer, or raise "
    "TIEOUT_BATCH_SECONDS_MAX; then retry.",
)


@dataclass(frozen=True, slots=True)
class Received:
    """A message as the queue function got it. `delivery_count` starts at 1. `properties`: its
    application properties, whoever set them."""

    id: str
    body: bytes
    delivery_count: int
    properties: Mapping[str, object] = field(default_factory=dict)


class Work:
    """Handles what the queue functions receive. `converge`: of a Stripe account, by its alias."""

    def __init__(
        self,
        *,
        converge: Callable[[str], Converge],
        items: Items,
        queue: Queue,
        clock: Clock,
        rng: Random,
        settings: Settings,
        registry: Registry,
    ) -> None:
        self._converge_of, self._items, self._queue = converge, items, queue
        self._clock, self._rng = clock, rng
        self._settings, self._registry = settings, registry

    async def handle(self, queue: str, partition: int, messages: Sequence[Received]) -> None:
        """Handle a batch. When this returns the messages may complete; what it raises is the
        failure of a store or the broker, and the messages come again."""
        items: dict[str, Item] = {}
        receptions: dict[str, Reception] = {}
        item_outcomes: list[ItemOutcome] = []
        for message in messages:
            try:
                item = read_item(message.body, self._registry)
            except UnreadableItemError as error:
                item_outcomes.append(_unreadable(queue, message, str(error)))
            else:
                known = items.get(item.id)
                if known is None or (known.generation, known.copy) < (item.generation, item.copy):
                    items[item.id] = item
                    receptions[item.id] = reception_in(message.properties)
        alone = any(message.delivery_count >= SUSPECT_DELIVERIES for message in messages)
        later = _later(list(items.values()))
        item_outcomes += [ItemOutcome(item, NOT_BEGUN, receptions[item.id]) for item in later]
        now = [item for item in items.values() if item not in later]
        with telemetry.span(
            "batch",
            queue=queue,
            events=tuple(items),
            links=[reception.traceparent for reception in receptions.values()],
        ):
            outcomes = await self._run(queue, partition, now, alone)
        for item in now:
            outcome = self._judge(item, outcomes[_key(item)])
            item_outcomes.append(ItemOutcome(item, outcome, receptions[item.id]))
        try:
            await self._settle(queue, partition, item_outcomes)
        except TieoutError:
            # The host abandons at once and without delay: ten tries should outlast a short outage.
            await self._clock.sleep(FAILURE_PAUSE_SECONDS)
            raise

    async def _run(
        self, queue: str, partition: int, items: list[Item], alone: bool
    ) -> dict[Key, Outcome]:
        """Outcomes by account, entity and object. Duplicates are folded. What the time does not
        allow is left to another message."""
        started = self._clock.now()
        deadline = started + timedelta(seconds=self._settings.batch_seconds_max)
        owner = f"{queue}-{partition}-{self._rng.getrandbits(64):016x}"
        kinds: dict[Key, list[ItemKind]] = {}
        for item in items:
            kinds.setdefault(_key(item), []).append(item.kind)
        runs: dict[tuple[str, str, ItemKind], list[str]] = {}
        for (account, entity, id), asked in kinds.items():
            runs.setdefault((account, entity, max(asked, key=BY_EXTENT.index)), []).append(id)
        outcomes: dict[Key, Outcome] = {}
        size = 1 if alone else OBJECTS_PER_RUN
        for (account, entity, kind), ids in runs.items():
            writer = Writer(queue, session_of(account, partition), owner)
            for part in batched(ids, size, strict=False):
                if self._clock.now() >= deadline:
                    results = dict.fromkeys(part, NOT_BEGUN)
                elif account not in self._settings.stripe_aliases:
                    results = dict.fromkeys(part, _unknown(account))
                else:
                    wanted = dict.fromkeys(part, ())
                    converge = self._converge_of(account)
                    results = await converge.run(entity, wanted, writer, kind)
                outcomes |= {(account, entity, id): outcome for id, outcome in results.items()}
        return outcomes

    def _judge(self, item: Item, outcome: Outcome) -> Outcome:
        """A retry that used up its attempts is parked; so is one that never counts and never ends:
        what is parked is seen, and healing tries it again."""
        if outcome.kind is not Kind.RETRY:
            return outcome
        attempts, uncounted = item.attempt + 1, item.copy - item.attempt + 1
        if outcome.counts and attempts >= self._settings.attempts_max:
            given_up = f"gave up after {attempts} attempts"
        elif not outcome.counts and uncounted >= UNCOUNTED_MAX:
            given_up = f"gave up after {item.copy + 1:,} tries, {uncounted:,} of which do not count"
        else:
            return outcome
        return replace(outcome, kind=Kind.PARK, text=f"{given_up}: {outcome.text}")

    def _delay_seconds(self, item: Item, outcome: Outcome) -> float:
        """Capped exponential back-off with jitter, never shorter than the outcome demands."""
        settings = self._settings
        base: float = UNCOUNTED_DELAY_SECONDS
        if outcome.counts:
            doubled: float = settings.retry_base_seconds * (1 << min(item.attempt, 30))
            base = min(doubled, settings.retry_cap_seconds)
        jittered = base * (0.5 + 0.5 * self._rng.random())
        return max(jittered, outcome.delay_seconds or 0.0)

    async def _settle(
        self, queue: str, partition: int, item_outcomes: Sequence[ItemOutcome]
    ) -> None:
        copies: list[Message] = []
        told: list[ItemOutcome] = []
        now = self._clock.now()
        for item_outcome in item_outcomes:
            item, outcome = item_outcome.item, item_outcome.outcome
            if outcome.kind is Kind.RETRY:
                seconds = self._delay_seconds(item, outcome)
                due_at = now + timedelta(seconds=seconds)
                reception = item_outcome.reception
                copies.append(item.again(outcome.counts).message(partition, due_at, reception))
                outcome = replace(outcome, delay_seconds=seconds)
            told.append(replace(item_outcome, outcome=outcome))
            if outcome.kind is not Kind.DONE:
                telemetry.event(
                    outcome.kind.value,
                    item=item.id,
                    account=item.account,
                    entity=item.entity,
                    object=item.object,
                    cause=outcome.cause,
                    attempt=item.attempt,
                )
        if copies:
            await self._queue.send(queue, copies)
        await self._items.store(queue, told)
        for item_outcome in told:
            _count(item_outcome, now)


def _key(item: Item) -> Key:
    return item.account, item.entity, item.object


def _unknown(account: str) -> Outcome:
    return Outcome(
        Kind.PARK,
        cause="unknown_account",
        text=f"it belongs to the Stripe account {account}, which TIEOUT_STRIPE_ACCOUNTS does not "
        "name any more",
        remedy="Put the account back into TIEOUT_STRIPE_ACCOUNTS, then retry.",
    )


def _later(items: Sequence[Item]) -> list[Item]:
    """Reapply commands of objects that another maintenance command concerns first."""
    first = dict.fromkeys((item.entity, item.object) for item in items if item.kind in FOLDED)
    return [
        item
        for item in items
        if item.kind is ItemKind.REAPPLY and (item.entity, item.object) in first
    ]


def _count(item_outcome: ItemOutcome, now: datetime) -> None:
    """Count a stored outcome, and how long its event took from the webhook to the books."""
    item, outcome = item_outcome.item, item_outcome.outcome
    telemetry.count(
        "tieout.item.outcomes",
        entity=item.entity,
        outcome=outcome.kind.value,
        cause=outcome.cause,
    )
    received_at = item_outcome.reception.received_at
    if outcome.kind is Kind.DONE and received_at is not None:
        seconds = (now - received_at).total_seconds()
        bound = next((each for each in BOOKED_SECONDS if seconds <= each), BOOKED_SECONDS[-1])
        telemetry.count("tieout.event.booked", entity=item.entity, seconds_max=bound)


def _unreadable(queue: str, message: Received, text: str) -> ItemOutcome:
    item = unreadable_item(queue, message.id)
    return ItemOutcome(
        item,
        Outcome(
            Kind.PARK,
            cause=UNREADABLE,
            text=text,
            remedy=FIND_SENDER,
        ),
    )

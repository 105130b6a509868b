"""The webhook's service: verify, classify, enqueue a thin envelope.

https://docs.stripe.com/webhooks. The service answers only when the broker has the message. It
refuses a body that is too large (413), a signature that is wrong, too old or too new (400), and a
body that is not a Stripe event (400). It accepts and counts an event that Tieout does not handle
(202).

Where Event Grid is the only ingress, the service refuses every delivery (410): a 503 would tell of
a queue that is away, and ask for a repeat that nobody wants. Stripe takes any answer but 2xx alike:
it tries again for three days, then tells the owner of the endpoint to remove it.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared import telemetry
from shared.domain.ids import EVENT_ID_CHARS_MAX, is_id
from shared.domain.partition import partition_of
from shared.entities.common.reference import id_of
from shared.errors import SignatureRefused, TieoutError
from shared.ingress import Door
from shared.ports import Clock, Json, Queue, Signatures, Tables
from shared.registry import Registry
from shared.services.ingest.refusals import Refusals
from shared.settings import Settings
from shared.stores.doors import Doors
from shared.stores.item import Item
from shared.stores.items import Items, home
from shared.stores.reception import Reception

BODY_BYTES_MAX = 1_048_576
ANSWER_SECONDS_MAX = 10  # outlasts the queue client, which gives up by itself
COUNT_SECONDS_MAX = 2
DOOR: Door = "webhook"
INGEST = "webhook"  # the place of the counters of what never became an item


@dataclass(frozen=True, slots=True)
class Answer:
    """What the webhook answers: an HTTP status, a closed code and a sentence."""

    status: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the webhook needs to know of an event."""

    id: str
    type: str
    livemode: bool
    account: str
    object: Mapping[str, Any]


class MalformedEventError(ValueError):
    """The body is not a Stripe event; the text says why."""


def parse(body: bytes) -> Arrival:
    """A snapshot event from its raw body. Raises `MalformedEventError`."""
    return arrival_of(json_in(body))


def json_in(body: bytes) -> object:
    """What a body holds. Raises `MalformedEventError`."""
    try:
        value: object = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise MalformedEventError("the body is not UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise MalformedEventError("the body is not JSON") from error
    return value


def arrival_of(event: object) -> Arrival:
    """The parts of an event that matter here. Raises `MalformedEventError`."""
    if not isinstance(event, dict):
        raise MalformedEventError("the body is not a JSON object")
    id, type_ = id_and_type_of(event)
    data = event.get("data")
    source = data.get("object") if isinstance(data, dict) else None
    if not isinstance(source, dict):
        raise MalformedEventError("the event has no data.object")
    livemode, account = livemode_of(event), event.get("account")
    return Arrival(id, type_, livemode, account if isinstance(account, str) else "", source)


def id_and_type_of(event: Mapping[str, Any]) -> tuple[str, str]:
    """The id and type of an event, snapshot or thin. Raises `MalformedEventError`."""
    id, type_ = event.get("id"), event.get("type")
    if not isinstance(id, str) or not is_id(id, EVENT_ID_CHARS_MAX):
        raise MalformedEventError("the event has no usable id")
    if not isinstance(type_, str) or not type_:
        raise MalformedEventError("the event has no type")
    return id, type_


def livemode_of(event: Mapping[str, Any]) -> bool:
    """The mode of an event, snapshot or thin. Raises `MalformedEventError`."""
    livemode = event.get("livemode")
    if not isinstance(livemode, bool):
        raise MalformedEventError("the event has no livemode")
    return livemode


def classify(arrival: Arrival, settings: Settings, registry: Registry) -> tuple[str, Item | None]:
    """The item to enqueue for an event, or the reason why there is none."""
    if arrival.livemode is not settings.stripe_livemode:
        return "other_mode", None
    if arrival.account:
        return "connected_account", None
    entity = registry.of_event(arrival.type)
    if entity is None:
        return "unknown_type", None
    object_id = entity.id_in(arrival.object)
    if not object_id:
        return "no_object_id", None
    known = (None, entity.object, *(part for part, _ in entity.parts))
    if arrival.object.get("object") not in known:
        return "other_object", None
    return "", Item(arrival.id, arrival.type, entity.name, object_id, account=settings.stripe_alias)


def lane_of(arrival: Arrival, item: Item, partitions: int, registry: Registry) -> tuple[str, int]:
    """Queue and partition: by the customer where the event names one, else by the object."""
    root = id_of(arrival.object.get("customer")) or item.object
    return registry.named(item.entity).queue, partition_of(root, partitions)


def route(event: Json, settings: Settings, registry: Registry) -> tuple[str, int, Item] | None:
    """Queue, partition and item of an event as Stripe's list shows it; None when it is not ours."""
    try:
        arrival = arrival_of(event)
    except MalformedEventError as error:
        telemetry.event("event_unreadable", reason=str(error))
        return None
    _, item = classify(arrival, settings, registry)
    if item is None:
        return None
    return *lane_of(arrival, item, settings.partitions, registry), item


async def count_skipped(items: Items, where: str, item: str, count: int = 1) -> None:
    """Count what is skipped at a place. A counter that cannot be written must not make anything
    come again; `item` names it in the log."""
    try:
        async with asyncio.timeout(COUNT_SECONDS_MAX):
            await items.skip(where, count)
    except (TieoutError, TimeoutError) as error:
        telemetry.event("skip_not_counted", item=item, error=type(error).__name__)


class Ingest:
    """Receives Stripe's deliveries."""

    def __init__(
        self,
        settings: Settings,
        signatures: Signatures,
        queue: Queue,
        tables: Tables,
        clock: Clock,
        *,
        registry: Registry,
        refusals: Refusals,
        doors: Doors,
    ) -> None:
        self._settings, self._doors, self._refusals = settings, doors, refusals
        self._account = settings.stripe_alias
        self._registry = registry
        self._signatures = signatures
        self._queue = queue
        self._items = Items(tables, clock)
        self._clock = clock
        self._secrets = tuple(
            secret.get_secret_value() for secret in settings.stripe_webhook_secrets
        )

    async def receive(self, body: bytes, signature: str | None) -> Answer:
        """Handle one delivery; never raises for bad input."""
        if DOOR not in self._settings.doors:
            self._refusals.note("closed", self._account, DOOR)
            return Answer(410, "closed", "events come through Event Grid: remove this endpoint")
        if len(body) > BODY_BYTES_MAX:
            self._refusals.note("too_large", self._account, DOOR)
            return Answer(413, "too_large", f"the body is larger than {BODY_BYTES_MAX} bytes")
        try:
            self._verify(body, signature)
            arrival = parse(body)
        except SignatureRefused as error:
            self._refusals.note("bad_signature", self._account, DOOR)
            return Answer(400, "bad_signature", str(error))
        except MalformedEventError as error:
            self._refusals.note("malformed", self._account, DOOR)
            return Answer(400, "malformed", str(error))
        self._refusals.settle()
        with telemetry.span("webhook", event=arrival.id, type=arrival.type):
            reason, item = classify(arrival, self._settings, self._registry)
            if "event_grid" in self._settings.doors:
                await self._doors.note(DOOR, self._account)
            if item is None:
                return await self._skip(arrival, reason)
            return await self._enqueue(arrival, item)

    def _verify(self, body: bytes, signature: str | None) -> None:
        if not signature:
            raise SignatureRefused("the Stripe-Signature header is missing")
        signed_at = self._signatures.verify(body, signature, self._secrets)
        tolerance = timedelta(seconds=self._settings.signature_tolerance_seconds)
        if abs(self._clock.now() - signed_at) > tolerance:
            raise SignatureRefused("the signature's time is too far from now")

    async def _skip(self, arrival: Arrival, reason: str) -> Answer:
        """Accepted and counted."""
        account, kind = self._account, arrival.type
        telemetry.count(
            "tieout.webhook.skipped", reason=reason, type=kind, account=account, door=DOOR
        )
        await count_skipped(self._items, home(INGEST, arrival.id), arrival.id)
        return Answer(202, "skipped", f"nothing to do: {reason}")

    async def _enqueue(self, arrival: Arrival, item: Item) -> Answer:
        partitions, account = self._settings.partitions, self._account
        queue, partition = lane_of(arrival, item, partitions, self._registry)
        reception = Reception(self._clock.now(), telemetry.traceparent())
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                await self._queue.send(queue, [item.message(partition, reception=reception)])
        except (TieoutError, TimeoutError) as error:
            name = type(error).__name__
            telemetry.count("tieout.webhook.unavailable", error=name, account=account, door=DOOR)
            return Answer(503, "queue_unavailable", "the queue did not take the event, try again")
        telemetry.count("tieout.webhook.accepted", account=account, door=DOOR)
        return Answer(202, "accepted", "the event is queued")

"""The second way of an account's events: through Azure Event Grid into a queue.

Stripe publishes to a partner topic; Event Grid delivers CloudEvents 1.0 to a Service Bus queue, at
least once and in no order, and tries again for a day where the queue does not take one.
https://docs.stripe.com/event-destinations/eventgrid and
https://learn.microsoft.com/azure/event-grid/delivery-and-retry
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from local.stripe.schedule import ActionSchedule
from local.stripe.wire import to_bytes
from shared.ports import Json

RETRY_DELAYS_SECONDS = (10, 30, 60, 300, 600, 1_800, 3_600, 10_800, 21_600, 43_200)
REPEAT_WITHIN_SECONDS = 60.0
ID_BITS = 64
UNREADABLE = (b"", b"\xff\xfe", b"not json", b"[]", b'{"specversion":"0.3"}', b"[" * 100_000)

type Shape = Literal["snapshot", "thin"]
type GridFault = Literal["lost", "late", "repeated", "refused", "unreadable"]


def _never(fault: GridFault) -> bool:
    del fault
    return False


@dataclass(frozen=True, slots=True)
class PartnerTopic:
    """A topic and its subscription. `deliver` puts a message with this id into the queue.

    `shapes`: with both, each event comes as twins. `strikes` decides on every fault;
    `late_seconds`: how late a late one is. `is_up`: whether the account publishes by now.
    """

    deliver: Callable[[str, bytes], None]
    rng: random.Random
    shapes: Sequence[Shape] = ("snapshot",)
    strikes: Callable[[GridFault], bool] = _never
    late_seconds: float = 3_600.0
    is_up: Callable[[], bool] = lambda: True


@dataclass(slots=True)
class GridDelivery:
    """The way of one message to the queue. `id` stays the same when it is tried again."""

    id: str
    body: bytes
    attempts: int = 0


@dataclass(slots=True)
class GridDeliveries:
    """Delivers the events of an account. Without a topic there is nothing to do."""

    schedule: ActionSchedule
    topic: PartnerTopic | None
    outstanding: int = 0
    given_up: list[GridDelivery] = field(default_factory=list)

    def announce(self, event: Json) -> None:
        """Deliver a new event in each of its shapes."""
        topic = self.topic
        if topic is None or not topic.is_up():
            return
        for shape in topic.shapes:
            body = to_bytes(cloud_event(event if shape == "snapshot" else self._twin(topic, event)))
            self._publish(topic, GridDelivery(_id(topic), body))
            if topic.strikes("unreadable"):
                self._publish(topic, GridDelivery(_id(topic), topic.rng.choice(UNREADABLE)))

    def _twin(self, topic: PartnerTopic, event: Json) -> Json:
        return thin_event(event, f"evt_test_{_id(topic)}")

    def _publish(self, topic: PartnerTopic, delivery: GridDelivery) -> None:
        if topic.strikes("lost"):
            return
        wait = topic.rng.uniform(0.0, 2.0)
        if topic.strikes("late"):
            wait += topic.rng.uniform(0.0, topic.late_seconds)
        self._later(delivery, wait)
        if topic.strikes("repeated"):
            again = wait + topic.rng.uniform(0.0, REPEAT_WITHIN_SECONDS)
            # A repeat of Event Grid keeps its id; one of Stripe is a new event to Event Grid.
            id = delivery.id if topic.rng.random() < 0.5 else _id(topic)  # noqa: PLR2004
            self._later(GridDelivery(id, delivery.body), again)

    def _later(self, delivery: GridDelivery, seconds: float) -> None:
        self.outstanding += 1
        self.schedule.after(seconds, lambda: self._attempt(delivery))

    def _attempt(self, delivery: GridDelivery) -> None:
        topic = self.topic
        if topic is None:
            raise ValueError("this account has no partner topic")
        self.outstanding -= 1
        delivery.attempts += 1
        if not topic.strikes("refused"):
            topic.deliver(delivery.id, delivery.body)
        elif delivery.attempts > len(RETRY_DELAYS_SECONDS):
            self.given_up.append(delivery)
        else:
            self._later(delivery, RETRY_DELAYS_SECONDS[delivery.attempts - 1])


def _id(topic: PartnerTopic) -> str:
    return f"{topic.rng.getrandbits(ID_BITS):016x}"


def cloud_event(event: Json) -> Json:
    """An event of Stripe in the envelope of CloudEvents 1.0."""
    return {
        "specversion": "1.0",
        "id": event["id"],
        "source": "https://api.stripe.com",
        "type": event["type"],
        "datacontenttype": "application/json",
        "data": event,
    }


def thin_event(event: Json, id: str) -> Json:
    """The thin twin of a snapshot event: it names the object and the twin, and carries nothing."""
    return {
        "id": id,
        "object": "v2.core.event",
        "type": f"v1.{event['type']}",
        "livemode": event["livemode"],
        "created": event["created"],
        "context": None,
        "related_object": _related(event["data"]["object"]),
        "snapshot_event": event["id"],
    }


def _related(obj: Json) -> Json | None:
    if "id" not in obj:  # the balance
        return None
    kind, name = str(obj["object"]), str(obj["id"])
    url = f"/v1/{kind}s/{name}"
    if kind == "tax_id":
        url = f"/v1/customers/{obj['customer']}/tax_ids/{name}"
    return {"id": name, "type": kind, "url": url}

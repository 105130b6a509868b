"""The account's other destination: what Event Grid delivers, and how often."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
import simplejson
import stripe

from local.clock import LoopClock
from local.loop import run_virtual
from local.stripe import GridFault, PartnerTopic, Shape, StripePeer
from local.stripe.event_grid import RETRY_DELAYS_SECONDS
from shared.ports import Json
from tests.contract.test_stripe_peer_rig import KEY, START

SDK = stripe.StripeClient(KEY)


@dataclass
class Delivered:
    """What came: the moment, the id of the message, its body."""

    peer: StripePeer
    messages: list[tuple[datetime, str, bytes]] = field(default_factory=list)

    @property
    def data(self) -> list[Json]:
        return [simplejson.loads(body)["data"] for _, _, body in self.messages]


def delivered(
    *shapes: Shape,
    strikes: Callable[[GridFault], bool] = lambda _: False,
    hours: float = 1.0,
    is_up: bool = True,
) -> Delivered:
    """A customer is made in an account without a webhook; what Event Grid brings of it."""

    async def main(clock: LoopClock) -> Delivered:
        def take(id: str, body: bytes) -> None:
            found.messages.append((clock.now(), id, body))

        topic = PartnerTopic(take, random.Random(1), shapes, strikes, is_up=lambda: is_up)
        peer = StripePeer(
            clock, random.Random(1), webhook=None, signing_secrets=[], api_key=KEY, topic=topic
        )
        found = Delivered(peer)
        peer.start()
        try:
            peer.request("POST", "/v1/customers", {"name": "Žofie 🦊"})
            await clock.sleep(hours * 3_600)
            return found
        finally:
            await peer.stop()

    return run_virtual(main, start=START)


def test_a_snapshot_is_what_the_sdk_takes_of_event_grid() -> None:
    found = delivered("snapshot")
    ((_, _, body),) = found.messages
    event = SDK.construct_event_without_verification(body)
    assert (event.type, event.data.object["name"]) == ("customer.created", "Žofie 🦊")
    assert event.id == found.peer.objects("event")[0]["id"]


def test_a_thin_event_is_what_the_sdk_takes_and_names_its_twin() -> None:
    found = delivered("thin")
    (data,) = found.data
    text = simplejson.dumps(data)
    event = SDK.parse_event_notification_without_verification(text)
    customer, made = found.peer.objects("customer")[0], found.peer.objects("event")[0]
    assert event.type == "v1.customer.created"
    assert event.id != made["id"]
    assert data["snapshot_event"] == made["id"]
    assert data["related_object"] == {
        "id": customer["id"],
        "type": "customer",
        "url": f"/v1/customers/{customer['id']}",
    }
    assert "Žofie" not in text


def test_with_both_shapes_an_event_comes_as_twins() -> None:
    snapshot, thin = sorted(delivered("snapshot", "thin").data, key=lambda data: data["object"])
    assert thin["snapshot_event"] == snapshot["id"]


def test_what_the_queue_refuses_comes_again_with_the_same_body() -> None:
    refusals = [True, True]
    found = delivered(
        "snapshot", strikes=lambda fault: fault == "refused" and bool(refusals and refusals.pop())
    )
    ((at, _, _),) = found.messages
    assert at - START >= timedelta(seconds=sum(RETRY_DELAYS_SECONDS[:2]))
    assert found.peer.outstanding == 0


def test_what_is_refused_for_a_day_is_given_up() -> None:
    found = delivered("snapshot", strikes=lambda fault: fault == "refused", hours=30)
    assert found.messages == []
    assert found.peer.outstanding == 0


def test_until_then_the_account_is_not_at_rest() -> None:
    found = delivered("snapshot", strikes=lambda fault: fault == "refused")
    assert found.peer.outstanding == 1
    assert not found.peer.exhausted()


@pytest.mark.parametrize(("fault", "count"), [("lost", 0), ("repeated", 2), ("unreadable", 2)])
def test_each_fault_does_what_it_says(fault: GridFault, count: int) -> None:
    assert len(delivered("snapshot", strikes=lambda name: name == fault).messages) == count


def test_a_repeat_has_the_body_of_the_first() -> None:
    found = delivered("snapshot", strikes=lambda name: name == "repeated")
    assert found.data[0] == found.data[1]


def test_a_late_message_comes_late() -> None:
    ((at, _, _),) = delivered("snapshot", strikes=lambda name: name == "late").messages
    assert at - START > timedelta(seconds=60)


def test_before_the_destination_is_set_up_nothing_comes() -> None:
    assert delivered("snapshot", is_up=False).messages == []

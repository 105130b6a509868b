"""Delivery of events: signature, retries, and everything that may go wrong on the way."""

import pytest
import simplejson
import stripe

from local.stripe import API_VERSION, ApiError, DeliveryFaults, StripeFaults
from local.stripe.delivery import RETRY_DELAYS_SECONDS
from tests.contract.test_stripe_peer_rig import DAY, SECRETS, World, in_world


def verified(body: bytes, header: str, secret: str) -> bool:
    try:
        stripe.WebhookSignature.verify_header(body.decode(), header, secret)
    except stripe.SignatureVerificationError:
        return False
    return True


def delivering(**shares: float) -> StripeFaults:
    return StripeFaults(delivery=DeliveryFaults(**shares))


def test_deliveries_carry_a_signature_for_every_active_secret() -> None:
    async def scenario(world: World) -> None:
        world.post("customers", name="Žofie 🦊")
        await world.peer.settled()
        [body], [headers] = world.hook.bodies, world.hook.headers
        header = headers["stripe-signature"]
        assert header.startswith(f"t={int(world.clock.now().timestamp())},v1=")
        assert all(verified(body, header, secret) for secret in SECRETS)
        assert not verified(body, header, "whsec_other")
        assert not verified(body + b" ", header, SECRETS[0])
        assert headers["content-type"] == "application/json; charset=utf-8"
        assert headers["user-agent"].startswith("Stripe/1.0")
        event = stripe.Event.construct_from(simplejson.loads(body), "sk_test_tieoutlocal")
        assert event.data.object["name"] == "Žofie 🦊"
        assert (event.api_version, event.pending_webhooks) == (API_VERSION, 1)

    in_world(scenario)


@pytest.mark.parametrize("status", [500, 503, 400, 404, 301, 302])
def test_anything_but_2xx_is_tried_again_with_a_fresh_signature(status: int) -> None:
    async def scenario(world: World) -> None:
        world.hook.statuses = [status, status]
        world.post("customers")
        await world.peer.settled()
        assert len(world.hook.bodies) == 3
        waits = [
            (b - a).total_seconds()
            for a, b in zip(world.hook.times, world.hook.times[1:], strict=False)
        ]
        assert waits == pytest.approx(RETRY_DELAYS_SECONDS[:2])
        stamps = [headers["stripe-signature"].split(",")[0] for headers in world.hook.headers]
        assert len(set(stamps)) == 3
        [delivery] = world.peer.deliveries
        assert [attempt.status for attempt in delivery.attempts] == [status, status, 202]
        assert delivery.state == "delivered"

    in_world(scenario)


def test_a_webhook_that_never_answers_is_given_up_within_three_days() -> None:
    async def scenario(world: World) -> None:
        world.hook.seconds = 21
        event = world.post("customers") and world.peer.objects("event")[0]
        begin = world.clock.now()
        await world.peer.settled()
        assert 2 * DAY < (world.clock.now() - begin).total_seconds() <= 3 * DAY
        [delivery] = world.peer.deliveries
        assert delivery.state == "failed"
        assert len(delivery.attempts) == len(RETRY_DELAYS_SECONDS) + 1
        assert {attempt.status for attempt in delivery.attempts} == {None}
        assert "no answer within 20 s" in delivery.attempts[0].text
        [failed] = world.get("events", delivery_success=False)["data"]
        assert failed["id"] == event["id"]
        assert world.get("events", delivery_success=True)["data"] == []

    in_world(scenario)


def test_one_slow_answer_does_not_hold_up_the_other_events() -> None:
    async def scenario(world: World) -> None:
        world.hook.seconds = 15
        for _ in range(10):
            world.post("customers")
        begin = world.clock.now()
        await world.peer.settled()
        assert (world.clock.now() - begin).total_seconds() == pytest.approx(15)

    in_world(scenario)


def test_duplicates_arrive_twice_with_the_same_id() -> None:
    async def scenario(world: World) -> None:
        for _ in range(20):
            world.post("customers")
        await world.peer.settled()
        ids = [event["id"] for event in world.hook.events]
        assert len(ids) == 40
        assert all(ids.count(id) == 2 for id in ids)

    in_world(scenario, faults=delivering(duplicate=1))


def test_shuffled_events_arrive_all_and_out_of_order() -> None:
    async def scenario(world: World) -> None:
        for number in range(30):
            world.post("customers", name=str(number))
        await world.peer.settled()
        names = [event["data"]["object"]["name"] for event in world.hook.events]
        assert sorted(names, key=int) == [str(number) for number in range(30)] != names

    in_world(scenario, faults=delivering(shuffle_seconds=600))


def test_delayed_events_arrive_late() -> None:
    async def scenario(world: World) -> None:
        world.post("customers")
        begin = world.clock.now()
        await world.peer.settled()
        assert (world.clock.now() - begin).total_seconds() == pytest.approx(90)

    in_world(scenario, faults=delivering(delay_seconds=90))


def test_dropped_events_never_arrive_but_are_listed_as_undelivered() -> None:
    async def scenario(world: World) -> None:
        world.post("customers")
        assert world.peer.idle()
        await world.clock.sleep(4 * DAY)
        assert world.hook.bodies == []
        [event] = world.get("events", delivery_success=False)["data"]
        assert event["pending_webhooks"] == 1
        assert [delivery.state for delivery in world.peer.deliveries] == ["dropped"]
        world.post(f"events/{event['id']}/retry", for_stripecli=True)
        await world.peer.settled()
        assert [e["id"] for e in world.hook.events] == [event["id"]]
        assert world.get("events", delivery_success=False)["data"] == []

    in_world(scenario, faults=delivering(drop=1))


def test_a_rolled_secret_signs_a_repeat_alone_until_it_is_refused() -> None:
    async def scenario(world: World) -> None:
        world.hook.statuses = [202, 400]
        world.post("customers")
        await world.peer.settled()
        assert len(world.hook.bodies) == 3
        for number, valid in enumerate(([True, True], [False, True], [True, True])):
            header = world.hook.headers[number]["stripe-signature"]
            body = world.hook.bodies[number]
            assert [verified(body, header, secret) for secret in SECRETS] == valid

    in_world(scenario, faults=delivering(rolled_secret=1))


def test_a_rolled_secret_needs_two_secrets() -> None:
    async def scenario(world: World) -> None:
        with pytest.raises(ValueError, match="at least two signing secrets"):
            world.peer.set_faults(delivering(rolled_secret=0.1))
        response = await world.http.post(
            "/_peer/faults", content=b'{"delivery": {"rolled_secret": 1}}'
        )
        assert response.status_code == 400
        assert world.peer.faults == StripeFaults()

    in_world(scenario, secrets=["whsec_only"])


def test_old_events_have_the_shape_of_2020() -> None:
    async def scenario(world: World) -> None:
        intent = world.pay()
        world.post("refunds", payment_intent=intent["id"], amount=5)
        await world.peer.settled()
        by_type = {event["type"]: event for event in world.hook.events}
        refunded = by_type["charge.refunded"]
        assert refunded["api_version"] == "2020-08-27"
        assert refunded["data"]["object"]["refunds"]["data"][0]["amount"] == 5
        assert refunded["data"]["object"]["invoice"] is None
        paid = by_type["payment_intent.succeeded"]["data"]["object"]
        assert [charge["id"] for charge in paid["charges"]["data"]] == [intent["latest_charge"]]
        assert "latest_charge" not in paid
        assert by_type["refund.created"]["api_version"] == API_VERSION
        # The API itself answers in its own version.
        assert "refunds" not in world.charge_of(intent)

    in_world(scenario, faults=delivering(old_api_version=1))


def test_only_enabled_events_are_sent_and_the_rest_is_still_listed() -> None:
    async def scenario(world: World) -> None:
        world.pay()
        await world.peer.settled()
        assert world.hook.types() == ["charge.succeeded"]
        assert len(world.get("events", delivery_success=True)["data"]) == 3

    in_world(scenario, enabled_events=("charge.succeeded",))


def test_an_account_without_a_webhook_keeps_its_events() -> None:
    async def scenario(world: World) -> None:
        world.post("customers")
        assert world.peer.idle()
        [event] = world.get("events")["data"]
        assert event["pending_webhooks"] == 0
        assert world.peer.deliveries == []

    in_world(scenario, webhook=False)


def test_resending_an_unknown_event_is_refused() -> None:
    async def scenario(world: World) -> None:
        with pytest.raises(ApiError, match="No such event"):
            world.post("events/evt_none/retry")

    in_world(scenario)


def test_events_are_snapshots() -> None:
    async def scenario(world: World) -> None:
        customer = world.post("customers", metadata={"a": "1"})
        world.post(f"customers/{customer['id']}", metadata={"a": "2"})
        await world.peer.settled()
        metadata = [event["data"]["object"]["metadata"] for event in world.hook.events]
        assert metadata == [{"a": "1"}, {"a": "2"}]

    in_world(scenario, faults=delivering(delay_seconds=60))

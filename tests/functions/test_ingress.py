"""The queue of Event Grid through the real host, and what readiness and the inbox tell of it."""

from dataclasses import replace

import pytest

from local.servicebus.messages import Outgoing
from local.stripe.event_grid import cloud_event, thin_event
from local.stripe.wire import to_bytes
from local.world import Options, World
from shared.ingress import Ingress
from shared.registry import INGRESS_QUEUE
from shared.services.ingest import ACCOUNT_PROPERTY
from tests.functions.webhook_rig import BODY, answered, event
from tests.world import Json, ask, customers, deliver, live, new_customer, rest

EU = "shop-eu"
TWO_ACCOUNTS = Options(ingress="both", accounts={EU: ["eur"]})


def put(world: World, *bodies: Json | bytes) -> None:
    """Messages of Event Grid, by numbers."""
    for number, body in enumerate(bodies):
        raw = body if isinstance(body, bytes) else to_bytes(body)
        world.broker.send(INGRESS_QUEUE, [Outgoing(f"mid-{number}", raw)])


async def checks(world: World) -> dict[str, Json]:
    found = (await ask(world, "GET", "ready")).json()["checks"]
    return {each["name"]: each for each in found if each["name"].startswith("ingress ")}


@pytest.mark.parametrize("ingress", ["event_grid", "both"])
def test_a_customer_comes_through_event_grid(ingress: Ingress) -> None:
    async def story(world: World) -> None:
        id = new_customer(world)
        await rest(world)
        assert [key.split(" ")[0] for key in customers(world)] == [id]

    live(story, Options(ingress=ingress))


def test_twins_are_one_item() -> None:
    async def story(world: World) -> None:
        new_customer(world)
        (made,) = world.stripe.objects("event")
        put(world, cloud_event(thin_event(made, "evt_test_again")), cloud_event(made))
        await rest(world)
        rows = await world.tables.query("events")
        items = [row.row for row in rows if row.row.startswith("event~")]
        assert items == [f"event~{made['id']}"]
        assert (await world.get("status"))["done"] == 1

    live(story, Options(ingress="both"))


def test_a_message_that_cannot_be_read_is_in_the_inbox_and_stops_no_other() -> None:
    async def story(world: World) -> None:
        put(world, b"no", b"\xff", cloud_event(event(id="evt_unknown", type="x.y")))
        id = new_customer(world)
        await rest(world)
        assert [key.split(" ")[0] for key in customers(world)] == [id]
        items = (await world.get("inbox"))["items"]
        assert sorted((item["id"], item["cause"]) for item in items) == [
            ("message-mid-0", "unreadable_message"),
            ("message-mid-1", "unreadable_message"),
        ]
        assert {item["queue"] for item in items} == {INGRESS_QUEUE}
        assert (await world.get("status"))["parked"] == 2
        assert world.broker.depth(INGRESS_QUEUE).dead == 0

    live(story, Options(ingress="both"))


def test_a_dead_letter_of_the_ingress_is_forwarded() -> None:
    async def story(world: World) -> None:
        new_customer(world)  # with the webhook closed and the topic silent: known to nobody
        (made,) = world.stripe.objects("event")
        letter = Outgoing("mid-1", to_bytes(cloud_event(made)))
        world.broker.give_up(INGRESS_QUEUE, letter, "MaxDeliveryCountExceeded")
        await rest(world, 900.0)
        assert len(customers(world)) == 1
        assert world.broker.depth(INGRESS_QUEUE).dead == 0

    live(story, Options(ingress="event_grid", grid_faults={"lost": 1.0}))


def test_with_event_grid_alone_the_webhook_is_closed() -> None:
    async def story(world: World) -> None:
        answer = await deliver(world, BODY)
        assert answered(answer) == (410, "closed")
        assert sorted(await checks(world)) == ["ingress event_grid"]

    live(story, Options(ingress="event_grid"))


def test_with_the_webhook_alone_readiness_says_nothing_of_ways_in() -> None:
    async def story(world: World) -> None:
        new_customer(world)
        await rest(world)
        assert await checks(world) == {}

    live(story)


def test_readiness_tells_when_an_event_came_last_by_each_way() -> None:
    async def story(world: World) -> None:
        before = await checks(world)
        assert {each["note"] for each in before.values()} == {"last event: never"}
        assert [each for each in before.values() if each["problem"]] == []
        new_customer(world)
        await rest(world)
        after = await checks(world)
        assert sorted(after) == ["ingress event_grid", "ingress webhook"]
        notes = [each["note"] for each in after.values()]
        assert all(note.startswith("last event: 2026-10-01T08:00") for note in notes)
        assert [each for each in after.values() if each["problem"]] == []

    live(story, Options(ingress="both"))


def test_readiness_names_the_way_that_fell_silent() -> None:
    async def story(world: World) -> None:
        new_customer(world)
        await rest(world)
        found = await checks(world)
        assert found["ingress webhook"]["problem"] == ""
        problem = found["ingress event_grid"]["problem"]
        assert problem.startswith("nothing ever came by this way, and by the other one at ")
        assert "partner topic" in found["ingress event_grid"]["remedy"]

    live(story, Options(ingress="both", grid_faults={"lost": 1.0}))


def test_readiness_tells_the_ways_of_each_account() -> None:
    async def story(world: World) -> None:
        new_customer(world)
        await rest(world)
        found = await checks(world)
        silent = sorted(name for name, each in found.items() if each["note"].endswith("never"))
        assert silent == [f"ingress event_grid {EU}", f"ingress webhook {EU}"]
        assert sorted(name for name in found if name not in silent) == [
            "ingress event_grid",
            "ingress webhook",
        ]
        assert [each for each in found.values() if each["problem"]] == []

    live(story, TWO_ACCOUNTS)


def test_the_counters_tell_by_which_door_an_event_of_which_account_came() -> None:
    async def story(world: World) -> None:
        world.peers[EU].request("POST", "/v1/customers", {"name": "EU"})
        put(world, b"no", cloud_event(event(id="evt_other", type="x.y")))
        await rest(world)
        total = world.telemetry.total
        grid, http = {"account": EU, "door": "event_grid"}, {"account": EU, "door": "webhook"}
        assert total("tieout.webhook.accepted", **grid) == 2  # twins, of which one is dropped
        assert total("tieout.webhook.accepted", **http) == 1
        assert total("tieout.webhook.accepted", account="default") == 0
        assert total("tieout.webhook.refused", door="event_grid", code="malformed") == 1
        assert total("tieout.webhook.skipped", account="default", door="event_grid") == 1
        assert list(world.telemetry.undeclared) == []
        rows = await world.tables.query("events")
        assert len([row for row in rows if row.row.startswith("event~evt_")]) == 1

    live(story, TWO_ACCOUNTS)


def test_a_dead_letter_keeps_the_account_that_its_subscription_told() -> None:
    async def story(world: World) -> None:
        peer = world.peers[EU]
        peer.request("POST", "/v1/customers", {"name": "EU"})
        (made,) = peer.objects("event")
        told = {ACCOUNT_PROPERTY: EU}
        letter = Outgoing("mid-1", to_bytes(cloud_event(made)), properties=told)
        world.broker.give_up(INGRESS_QUEUE, letter, "MaxDeliveryCountExceeded")
        await rest(world, 900.0)
        assert world.telemetry.total("tieout.webhook.accepted", account=EU) == 1
        assert world.telemetry.total("tieout.webhook.accepted", account="default") == 0
        assert world.broker.depth(INGRESS_QUEUE).dead == 0

    lost = replace(TWO_ACCOUNTS, ingress="event_grid", grid_faults={"lost": 1.0})
    live(story, lost)


def test_an_event_is_followed_from_event_grid_to_dynamics_in_one_trace() -> None:
    async def story(world: World) -> None:
        new_customer(world)
        await rest(world)
        (came,) = [span for span in world.telemetry.spans if span.name == "event_grid"]
        links = [link for span in world.telemetry.spans for link in span.links]
        assert came.traceparent in links
        assert world.telemetry.total("tieout.event.booked", entity="customer") == 1

    live(story, Options(ingress="event_grid", shapes=("snapshot",)))

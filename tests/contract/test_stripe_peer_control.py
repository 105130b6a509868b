"""Delivered events, faults and state: the other control routes of the Stripe peer."""

from decimal import Decimal

import pytest

from local.stripe import ApiError
from tests.contract.test_stripe_peer_objects import OLD_CHARGE, control, event, store
from tests.contract.test_stripe_peer_rig import DAY, Json, World, in_world

# --- events ---------------------------------------------------------------------------------


def test_events_are_stored_and_delivered_as_given_and_reported() -> None:
    async def scenario(world: World) -> None:
        world.hook.statuses = [202, 503]
        customer = {"id": "cus_1", "object": "customer", "name": "J", "created": 1}
        given = [
            event("evt_1", "customer.created", customer),
            event("evt_2", "customer.updated", customer | {"name": "K"}, unknown=[1.10]),
            event("evt_1", "customer.created", customer),
        ]
        status, answer = await control(world, "events", given)
        assert status == 200
        assert answer["delivered"] == [
            {"id": "evt_1", "type": "customer.created", "status": 202, "body": "{}"},
            {"id": "evt_2", "type": "customer.updated", "status": 503, "body": "{}"},
            {"id": "evt_1", "type": "customer.created", "status": 202, "body": "{}"},
        ]
        assert world.hook.events == given
        assert world.get("events/evt_2")["api_version"] == "2019-02-19"
        assert world.get("events/evt_2")["pending_webhooks"] == 1
        assert world.get("events/evt_1")["pending_webhooks"] == 0
        assert world.get("customers/cus_1")["name"] == "K"
        await world.clock.sleep(4 * DAY)
        assert len(world.hook.bodies) == 3  # the report is the answer: no retries

    in_world(scenario)


def test_an_event_does_not_bring_back_an_older_state() -> None:
    async def scenario(world: World) -> None:
        def customer(name: str) -> Json:
            return {"id": "cus_1", "object": "customer", "name": name}

        def name() -> str:
            return str(world.get("customers/cus_1")["name"])

        newer = event("evt_2", "customer.updated", customer("newer"), created=200)
        older = event("evt_1", "customer.updated", customer("older"), created=100)
        await control(world, "events", [newer, older])
        assert name() == "newer"
        await store(world, customer("stored"))
        await control(world, "events", event("evt_3", "customer.created", customer("born")))
        assert name() == "stored"
        await control(world, "events", event("evt_4", "customer.updated", customer("updated")))
        assert name() == "updated"

    in_world(scenario)


@pytest.mark.parametrize("type", ["charge.pending", "charge.succeeded"])
def test_the_birth_of_a_charge_does_not_replace_its_stored_state(type: str) -> None:
    async def scenario(world: World) -> None:
        await store(world, OLD_CHARGE)
        born = OLD_CHARGE | {"status": "pending", "description": "born"}
        await control(world, "events", event("evt_1", type, born))
        assert world.get("charges/ch_old") == OLD_CHARGE

    in_world(scenario)


def test_a_transaction_once_known_is_not_unset_by_an_event() -> None:
    async def scenario(world: World) -> None:
        await store(world, OLD_CHARGE)
        early = OLD_CHARGE | {"balance_transaction": None, "description": "changed"}
        await control(world, "events", event("evt_1", "charge.captured", early))
        charge = world.get("charges/ch_old")
        assert (charge["balance_transaction"], charge["description"]) == ("txn_old", "changed")

    in_world(scenario)


def test_deletions_are_applied() -> None:
    async def scenario(world: World) -> None:
        customer = {"id": "cus_1", "object": "customer", "name": "J"}
        product = {"id": "prod_1", "object": "product"}
        await store(world, customer, product)
        gone = [
            event("evt_1", "customer.deleted", customer),
            event("evt_2", "product.deleted", product),
        ]
        assert (await control(world, "events", gone))[0] == 200
        assert world.get("customers/cus_1")["deleted"] is True
        with pytest.raises(ApiError, match="No such product"):
            world.get("products/prod_1")

    in_world(scenario)


def test_an_event_whose_object_has_no_id_is_delivered_all_the_same() -> None:
    async def scenario(world: World) -> None:
        upcoming = event("evt_1", "invoice.upcoming", {"object": "invoice", "amount_due": 5})
        status, answer = await control(world, "events", upcoming)
        assert (status, answer["delivered"][0]["status"]) == (200, 202)
        assert world.peer.objects("invoice") == []

    in_world(scenario)


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ([], "must be a JSON object, not list"),
        ({"id": "evt_1", "object": "charge"}, "is of type `charge`"),
        (event("evt_1", "x", {}) | {"object": "v2.core.event"}, "is of type `v2.core.event`"),
        (event("", "x", {}), "must have `id`"),
        (event("evt_1", "", {}), "must have `type`"),
        (event("evt_1", "x", {}) | {"data": None}, "must have `data.object`"),
        (event("evt_1", "x", {}) | {"data": {"object": []}}, "must have `data.object`"),
        (event("evt_1", "x", {}) | {"created": "soon"}, "must have `created`"),
        (event("evt_1", "x", {"id": 5, "object": "charge"}), "data.object must have `id`"),
    ],
)
def test_a_bad_event_is_refused_by_index_and_nothing_is_sent(item: object, reason: str) -> None:
    async def scenario(world: World) -> None:
        good = event("evt_0", "customer.created", {"id": "cus_1", "object": "customer"})
        status, answer = await control(world, "events", [good, item])
        assert status == 400
        [refused] = answer["error"]["refused"]
        assert (refused["index"], reason in refused["reason"]) == (1, True)
        assert world.hook.bodies == []
        assert world.peer.objects("customer") == []

    in_world(scenario)


def test_events_need_a_webhook() -> None:
    async def scenario(world: World) -> None:
        status, answer = await control(world, "events", [event("evt_1", "x", {})])
        assert (status, "no webhook" in answer["error"]["message"]) == (409, True)

    in_world(scenario, webhook=False)


# --- faults and state -----------------------------------------------------------------------


def test_faults_are_changed_by_name_and_the_others_stay() -> None:
    async def scenario(world: World) -> None:
        await control(world, "faults", {"rate_limit": 0.1, "delivery": {"drop": 0.2}})
        status, faults = await control(world, "faults", {"delivery": {"duplicate": 1}})
        assert status == 200
        assert (faults["rate_limit"], faults["server_error"]) == (Decimal("0.1"), 0)
        assert (faults["delivery"]["drop"], faults["delivery"]["duplicate"]) == (Decimal("0.2"), 1)
        assert world.peer.faults.delivery.duplicate == 1
        assert (await world.http.get("/_peer/faults")).json()["rate_limit"] == 0.1

    in_world(scenario)


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ([], ["faults must be a JSON object"]),
        ({"rate_limit": 1.1}, ["rate_limit must be a number from 0 to 1"]),
        ({"rate_limit": -0.1}, ["rate_limit must be a number from 0 to 1"]),
        ({"rate_limit": "0.1"}, ["rate_limit must be a number from 0 to 1"]),
        ({"rate_limit": True}, ["rate_limit must be a number from 0 to 1"]),
        ({"delivery": 1}, ["delivery must be a JSON object"]),
        (
            {"latency_seconds": 1e9, "delivery": {"drop": None}},
            [
                "latency_seconds must be a number from 0 to 2.592e+06",
                "delivery.drop must be a number from 0 to 1",
            ],
        ),
    ],
)
def test_wrong_faults_are_all_named_and_change_nothing(changes: object, reasons: list[str]) -> None:
    async def scenario(world: World) -> None:
        before = world.peer.faults
        status, answer = await control(world, "faults", changes)
        assert (status, answer["error"]["refused"]) == (400, reasons)
        assert world.peer.faults == before

    in_world(scenario)


def test_unknown_faults_are_refused_with_the_known_ones() -> None:
    async def scenario(world: World) -> None:
        _, answer = await control(world, "faults", {"ratelimit": 1, "delivery": {"dropp": 1}})
        first, second = answer["error"]["refused"]
        assert first.startswith("ratelimit is unknown; known: rate_limit, server_error")
        assert second.startswith("delivery.dropp is unknown; known: duplicate")

    in_world(scenario)


def test_the_state_counts_objects_and_deliveries() -> None:
    async def scenario(world: World) -> None:
        world.post("customers")
        await world.peer.settled()
        state = (await world.http.get("/_peer/state")).json()
        assert state == {
            "objects": {"customer": 1, "event": 1},
            "deliveries": {"outstanding": 0, "delivered": 1, "dropped": 0, "failed": 0},
        }

    in_world(scenario)

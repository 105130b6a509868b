"""The control routes of the Stripe peer: stored worlds, delivered events, faults, state."""

from decimal import Decimal
from typing import Any

import pytest
import simplejson

from local.stripe import ApiError
from tests.contract.test_stripe_peer_rig import DAY, Json, World, in_world

OLD_CHARGE: Json = {
    "id": "ch_old",
    "object": "charge",
    "amount": 1_000,
    "created": 1_500_000_000,
    "currency": "usd",
    "customer": "cus_old",
    "invoice": "in_old",
    "balance_transaction": "txn_old",
    "refunds": {
        "object": "list",
        "data": [{"id": "re_old", "object": "refund", "amount": 10, "charge": "ch_old"}],
        "has_more": False,
    },
    "source": {"id": "card_old", "object": "card", "brand": "Visa"},
}


def txn(id: str, net: int, day: int, **more: Any) -> Json:
    return {
        "id": id,
        "object": "balance_transaction",
        "amount": net,
        "available_on": day * DAY,
        "created": (day - 2) * DAY,
        "currency": "eur",
        "exchange_rate": None,
        "fee": 0,
        "fee_details": [],
        "net": net,
        "reporting_category": "charge",
        "source": None,
        "status": "available",
        "type": "charge",
        **more,
    }


def payout(id: str, amount: int, day: int, **more: Any) -> Json:
    return {
        "id": id,
        "object": "payout",
        "amount": amount,
        "arrival_date": (day + 1) * DAY,
        "automatic": True,
        "balance_transaction": f"txn_{id}",
        "created": day * DAY,
        "currency": "eur",
        "status": "paid",
        **more,
    }


def event(id: str, type: str, obj: Json, created: int = 1_700_000_000, **more: Any) -> Json:
    return {
        "id": id,
        "object": "event",
        "api_version": "2019-02-19",
        "created": created,
        "data": {"object": obj},
        "livemode": False,
        "pending_webhooks": 1,
        "request": None,
        "type": type,
        **more,
    }


async def control(world: World, name: str, body: object) -> tuple[int, Json]:
    content = body if isinstance(body, bytes) else simplejson.dumps(body, use_decimal=True)
    response = await world.http.post(f"/_peer/{name}", content=content)
    parsed: Json = simplejson.loads(response.text, use_decimal=True)
    return response.status_code, parsed


async def store(world: World, *objects: Json) -> None:
    status, answer = await control(world, "objects", list(objects))
    assert (status, answer["stored"][: len(objects)]) == (200, [o["id"] for o in objects])


# --- objects --------------------------------------------------------------------------------


def test_stored_objects_are_served_as_they_are() -> None:
    async def scenario(world: World) -> None:
        rate = txn("txn_old", 930, 20_000, exchange_rate=Decimal("1.10550"))
        await store(world, OLD_CHARGE, rate, {"id": "cus_old", "object": "customer"})
        assert world.get("charges/ch_old") == OLD_CHARGE
        assert world.get("balance_transactions/txn_old") == rate
        raw = (await world.http.get("/v1/balance_transactions/txn_old")).text
        assert '"exchange_rate": 1.10550' in raw
        expanded = world.get("charges/ch_old", expand=["balance_transaction", "customer"])
        assert expanded["balance_transaction"]["net"] == 930
        assert [c["id"] for c in world.get("charges", customer="cus_old")["data"]] == ["ch_old"]

    in_world(scenario)


@pytest.mark.parametrize(
    ("type", "path"),
    [
        ("invoice", "invoices"),
        ("subscription", "subscriptions"),
        ("checkout.session", "checkout/sessions"),
        ("radar.early_fraud_warning", "radar/early_fraud_warnings"),
        ("credit_note", "credit_notes"),
        ("product", "products"),
    ],
)
def test_any_type_is_stored_and_retrieved_under_its_route(type: str, path: str) -> None:
    async def scenario(world: World) -> None:
        await store(world, {"id": "x_1", "object": type, "anything": [1, {"deep": None}]})
        assert world.get(f"{path}/x_1")["anything"] == [1, {"deep": None}]
        with pytest.raises(ApiError, match="supports no other request"):
            world.post(f"{path}/x_1")

    in_world(scenario)


def test_objects_inside_objects_are_stored_when_not_known() -> None:
    async def scenario(world: World) -> None:
        invoice = {
            "id": "in_1",
            "object": "invoice",
            "charge": OLD_CHARGE,
            "customer": {"id": "cus_old", "object": "customer", "name": "inner"},
        }
        await store(world, invoice, {"id": "cus_old", "object": "customer", "name": "given"})
        assert world.get("charges/ch_old")["amount"] == 1_000
        assert world.get("refunds/re_old")["amount"] == 10
        assert world.get("customers/cus_old")["name"] == "given"
        expanded = world.get("invoices/in_1", expand=["charge.customer"])
        assert expanded["charge"]["customer"]["name"] == "given"

    in_world(scenario)


def test_one_object_or_a_stripe_list_is_taken_too_and_replaces_what_was_there() -> None:
    async def scenario(world: World) -> None:
        one = {"id": "cus_1", "object": "customer", "name": "one"}
        assert (await control(world, "objects", one))[0] == 200
        listed = {"object": "list", "data": [one | {"name": "two"}], "has_more": False}
        assert (await control(world, "objects", listed))[0] == 200
        assert world.get("customers/cus_1")["name"] == "two"
        assert len(world.get("customers")["data"]) == 1
        assert (await control(world, "objects", []))[1] == {"stored": []}

    in_world(scenario)


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ("cus_1", "must be a JSON object, not str"),
        (None, "must be a JSON object"),
        ({"object": "customer"}, "must have `id`"),
        ({"id": "", "object": "customer"}, "must have `id`"),
        ({"id": 7, "object": "customer"}, "must have `id`"),
        ({"id": "cus_1"}, "must have `object`"),
        ({"id": "cus_1", "object": None}, "must have `object`"),
        (event("evt_1", "x", {}), "post events to /_peer/events"),
        (txn("txn_1", 5, 1) | {"net": "5"}, "must have `net` of type int"),
        (txn("txn_1", 5, 1) | {"currency": None}, "must have `currency` of type str"),
        ({"id": "po_1", "object": "payout"}, "must have `amount` of type int"),
    ],
)
def test_a_bad_object_is_refused_by_index_and_nothing_is_stored(item: object, reason: str) -> None:
    async def scenario(world: World) -> None:
        good = {"id": "cus_good", "object": "customer"}
        status, answer = await control(world, "objects", [good, item])
        assert status == 400
        [refused] = answer["error"]["refused"]
        assert refused["index"] == 1
        assert reason in refused["reason"]
        assert "nothing stored; first: item 1" in answer["error"]["message"]
        assert world.peer.objects("customer") == []

    in_world(scenario)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[1, NaN", b"[" * 100_000])
@pytest.mark.parametrize("route", ["objects", "events", "faults"])
def test_a_body_that_is_no_json_is_refused(route: str, body: bytes) -> None:
    async def scenario(world: World) -> None:
        status, answer = await control(world, route, body)
        assert status == 400
        assert "not JSON" in answer["error"]["message"]

    in_world(scenario)


def test_unknown_control_routes_are_404() -> None:
    async def scenario(world: World) -> None:
        assert (await control(world, "nothing", {}))[0] == 404
        assert (await world.http.get("/_peer/objects")).status_code == 404

    in_world(scenario)


# --- the stored balance ---------------------------------------------------------------------


def test_the_balance_of_a_stored_world_is_the_sum_of_its_transactions() -> None:
    async def scenario(world: World) -> None:
        await store(
            world,
            txn("txn_1", 500, 20_000),
            txn("txn_2", 300, 20_001, status="pending"),
            txn("txn_3", -100, 20_001),
            txn("txn_4", 99, 20_001, balance_type="issuing"),
            txn("txn_5", 7, 20_001, currency="usd"),
        )
        balance = world.get("balance")
        available = {part["currency"]: part["amount"] for part in balance["available"]}
        pending = {part["currency"]: part["amount"] for part in balance["pending"]}
        assert (available, pending) == ({"usd": 7, "eur": 400}, {"usd": 0, "eur": 300})
        await world.clock.sleep(3 * DAY)
        assert world.peer.objects("payout") == []  # the account pays out only what it made itself

    in_world(scenario)


def members(world: World, id: str) -> list[str]:
    return sorted(row["id"] for row in world.txns(payout=id))


def test_members_of_stored_payouts_are_found_by_their_sum() -> None:
    async def scenario(world: World) -> None:
        own = {"type": "payout", "reporting_category": "payout"}
        await store(
            world,
            txn("txn_a", 500, 20_000),
            txn("txn_b", -100, 20_000),
            txn("txn_c", 250, 20_002),
            txn("txn_late", 1, 20_100),
            txn("txn_usd", 400, 20_000, currency="usd"),
            txn("txn_po_1", -400, 20_001, source="po_1", **own),
            txn("txn_po_2", -250, 20_003, source="po_2", **own),
            payout("po_2", 250, 20_003),
            payout("po_1", 400, 20_001),
        )
        assert members(world, "po_2") == ["txn_c", "txn_po_2"]
        assert members(world, "po_1") == ["txn_a", "txn_b", "txn_po_1"]

    in_world(scenario)


def test_a_stored_payout_that_cannot_add_up_shows_its_candidates() -> None:
    async def scenario(world: World) -> None:
        await store(world, txn("txn_a", 500, 20_000), payout("po_1", 9_999, 20_001))
        assert members(world, "po_1") == ["txn_a"]
        await store(world, payout("po_m", 500, 20_001, automatic=False))
        with pytest.raises(ApiError, match="automatic transfers"):
            members(world, "po_m")

    in_world(scenario)


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

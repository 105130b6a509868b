"""Stored worlds: `/_peer/objects` of the Stripe peer."""

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
        ("review", "reviews"),
        ("radar.early_fraud_warning", "radar/early_fraud_warnings"),
        ("promotion_code", "promotion_codes"),
    ],
)
def test_a_type_without_acts_is_stored_and_retrieved_under_its_route(type: str, path: str) -> None:
    async def scenario(world: World) -> None:
        await store(world, {"id": "x_1", "object": type, "anything": [1, {"deep": None}]})
        assert world.get(f"{path}/x_1")["anything"] == [1, {"deep": None}]
        with pytest.raises(ApiError, match="supports no other request"):
            world.post(f"{path}/x_1")

    in_world(scenario)


@pytest.mark.parametrize(
    ("type", "path"),
    [
        ("checkout.session", "checkout/sessions"),
        ("coupon", "coupons"),
        ("credit_note", "credit_notes"),
        ("invoice", "invoices"),
        ("invoice_payment", "invoice_payments"),
        ("invoiceitem", "invoiceitems"),
        ("payment_record", "payment_records"),
        ("price", "prices"),
        ("product", "products"),
        ("shipping_rate", "shipping_rates"),
        ("subscription", "subscriptions"),
        ("subscription_item", "subscription_items"),
        ("subscription_schedule", "subscription_schedules"),
        ("tax_id", "tax_ids"),
        ("tax_rate", "tax_rates"),
    ],
)
def test_a_stored_object_of_the_catalogue_is_served_as_it_is(type: str, path: str) -> None:
    async def scenario(world: World) -> None:
        stored = {"id": "x_1", "object": type, "anything": [1, {"deep": None}]}
        await store(world, stored)
        assert world.get(f"{path}/x_1") == stored

    in_world(scenario)


def test_a_stored_session_shows_the_line_items_it_came_with() -> None:
    async def scenario(world: World) -> None:
        items = [{"id": f"li_{n}", "object": "item", "amount_total": n} for n in range(3)]
        inside = {"object": "list", "data": items, "has_more": False}
        session = {"id": "cs_1", "object": "checkout.session", "payment_intent": "pi_1"}
        await store(world, session | {"line_items": inside})
        path = "checkout/sessions/cs_1/line_items"
        assert world.get(path)["data"] == items
        assert world.get(path, starting_after="li_0", limit=1)["data"] == [items[1]]
        (found,) = world.get("checkout/sessions", payment_intent="pi_1")["data"]
        assert found["id"] == "cs_1"

    in_world(scenario)


def test_objects_inside_objects_are_stored_when_not_known() -> None:
    async def scenario(world: World) -> None:
        review = {
            "id": "prv_1",
            "object": "review",
            "charge": OLD_CHARGE,
            "customer": {"id": "cus_old", "object": "customer", "name": "inner"},
        }
        await store(world, review, {"id": "cus_old", "object": "customer", "name": "given"})
        assert world.get("charges/ch_old")["amount"] == 1_000
        assert world.get("refunds/re_old")["amount"] == 10
        assert world.get("customers/cus_old")["name"] == "given"
        expanded = world.get("reviews/prv_1", expand=["charge.customer"])
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


def test_an_id_whose_object_is_not_stored_stays_an_id() -> None:
    async def scenario(world: World) -> None:
        await store(world, txn("txn_1", 5, 20_000, source="tr_1"), OLD_CHARGE)
        path = "balance_transactions/txn_1"
        assert world.get(path, expand=["source"])["source"] == "tr_1"
        await store(world, {"id": "in_1", "object": "invoice", "customer": "cus_9", "number": "A"})
        assert world.get("invoices/in_1", expand=["customer"])["customer"] == "cus_9"
        with pytest.raises(ApiError, match="cannot be expanded"):
            world.get("invoices/in_1", expand=["number"])

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

"""Customers pay Checkout Sessions of the Stripe peer."""

from typing import Any

import pytest

from local.stripe import ApiError
from tests.contract.test_stripe_peer_checkout_amounts import line, session
from tests.contract.test_stripe_peer_rig import DAY, Json, World, answer, in_world

ADA: Json = {
    "name": "Ada Ács",
    "email": "ada@example.com",
    "phone": "+36 1 234",
    "address": {"line1": "Fő utca 1", "city": "Budapest", "country": "HU"},
}
IBAN = {"good": "AT611904300234573201", "bad": "AT861904300235473202"}


def current(world: World, made: Json, *expand: str) -> Json:
    return world.get(f"checkout/sessions/{made['id']}", expand=list(expand))


def debit(world: World, which: str) -> str:
    method = world.post("payment_methods", type="sepa_debit", sepa_debit={"iban": IBAN[which]})
    return str(method["id"])


def test_a_card_completes_a_session_for_a_guest() -> None:
    async def scenario(world: World) -> None:
        made = session(
            world,
            line(1_500, 2),
            metadata={"order": "1"},
            payment_intent_data={"metadata": {"order": "2", "x": ""}, "description": "Two mugs"},
        )
        done = world.peer.complete_checkout(made["id"], details=ADA)
        assert done == current(world, made)
        assert (done["status"], done["payment_status"], done["url"]) == ("complete", "paid", None)
        assert (done["customer"], done["amount_total"]) == (None, 3_000)
        details = done["customer_details"]
        assert (details["name"], details["email"], details["tax_ids"]) == (
            "Ada Ács",
            "ada@example.com",
            [],
        )
        assert details["address"] == {
            "city": "Budapest",
            "country": "HU",
            "line1": "Fő utca 1",
            "line2": None,
            "postal_code": None,
            "state": None,
        }
        intent = current(world, made, "payment_intent")["payment_intent"]
        assert (intent["amount"], intent["status"], intent["currency"]) == (
            3_000,
            "succeeded",
            "usd",
        )
        assert intent["metadata"] == {"order": "2"}
        charge = world.charge_of(intent)
        assert (charge["amount"], charge["captured"], charge["description"]) == (
            3_000,
            True,
            "Two mugs",
        )
        assert charge["metadata"] == {"order": "2"}
        assert charge["billing_details"]["email"] == "ada@example.com"
        await world.clock.sleep(120)
        assert world.charge_of(intent)["balance_transaction"] is not None
        await world.peer.settled()
        types = [t for t in world.hook.types() if not t.startswith(("product", "price"))]
        assert types == [
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.succeeded",
            "checkout.session.completed",
            "charge.updated",
        ]
        (completed,) = [e for e in world.hook.events if e["type"] == "checkout.session.completed"]
        assert completed["data"]["object"] == done

    in_world(scenario)


def test_a_session_is_paid_once() -> None:
    async def scenario(world: World) -> None:
        made = session(world, line(100))["id"]
        world.peer.complete_checkout(made)
        with pytest.raises(ValueError, match="is complete"):
            world.peer.complete_checkout(made)
        with pytest.raises(KeyError):
            world.peer.complete_checkout("cs_none")
        with pytest.raises(ValueError, match="unknown details"):
            world.peer.complete_checkout(session(world, line(100))["id"], details={"age": 5})

    in_world(scenario)


@pytest.mark.parametrize(
    "asked",
    [
        {"customer_creation": "always"},
        {"invoice_creation": {"enabled": True}},
        {"payment_intent_data": {"setup_future_usage": "off_session"}},
    ],
)
def test_a_session_can_make_the_customer(asked: Json) -> None:
    async def scenario(world: World) -> None:
        made = session(world, line(100), tax_id_collection={"enabled": True}, **asked)
        typed = ADA | {
            "business_name": "Ács Kft.",
            "tax_ids": [{"type": "eu_vat", "value": "HU12345678"}],
        }
        goods = {"name": "Warehouse", "address": {"line1": "Raktár 2", "country": "HU"}}
        done = world.peer.complete_checkout(made["id"], details=typed, shipping=goods)
        customer = world.get(f"customers/{done['customer']}", expand=["tax_ids"])
        assert (customer["name"], customer["business_name"], customer["email"]) == (
            "Ada Ács",
            "Ács Kft.",
            "ada@example.com",
        )
        assert customer["address"]["city"] == "Budapest"
        assert customer["shipping"]["name"] == "Warehouse"
        assert [each["value"] for each in customer["tax_ids"]["data"]] == ["HU12345678"]
        assert done["customer_details"]["tax_ids"] == typed["tax_ids"]
        intent = current(world, made, "payment_intent")["payment_intent"]
        assert (intent["customer"], world.charge_of(intent)["customer"]) == (
            customer["id"],
            customer["id"],
        )
        shown = done["collected_information"]["shipping_details"]
        assert (shown["name"], shown["address"]["line1"]) == ("Warehouse", "Raktár 2")
        assert intent["shipping"] == shown

    in_world(scenario)


def test_a_known_customer_pays_and_changes_only_where_asked() -> None:
    async def scenario(world: World) -> None:
        known = world.post("customers", name="Ada", email="old@example.com", phone="1")["id"]
        made = session(world, line(100), customer=known)
        assert made["customer_details"]["email"] == "old@example.com"
        done = world.peer.complete_checkout(made["id"])
        assert (done["customer"], done["customer_details"]["name"]) == (known, "Ada")
        assert done["customer_creation"] is None
        before = world.get(f"customers/{known}")
        asked = session(world, line(100), customer=known, customer_update={"name": "auto"})
        world.peer.complete_checkout(asked["id"], details=ADA)
        after = world.get(f"customers/{known}")
        assert after == before | {"name": "Ada Ács"}
        await world.peer.settled()
        (updated,) = [e for e in world.hook.events if e["type"] == "customer.updated"]
        assert updated["data"]["previous_attributes"] == {"name": "Ada"}

    in_world(scenario)


def test_a_customer_of_whom_nothing_is_known_has_no_address() -> None:
    async def scenario(world: World) -> None:
        made = session(world, line(100), customer_creation="always")
        done = world.peer.complete_checkout(made["id"])
        customer = world.get(f"customers/{done['customer']}")
        assert (customer["address"], customer["name"], customer["shipping"]) == (None, None, None)
        assert done["customer_details"]["address"]["city"] is None

    in_world(scenario)


def test_a_declined_card_leaves_the_session_open() -> None:
    async def scenario(world: World) -> None:
        made = session(world, line(100), customer_creation="always")
        with pytest.raises(ApiError) as caught:
            world.peer.complete_checkout(made["id"], "pm_card_chargeDeclined", details=ADA)
        assert (caught.value.status, caught.value.error["code"]) == (402, "card_declined")
        tried = current(world, made)
        assert (tried["status"], tried["payment_status"]) == ("open", "unpaid")
        done = world.peer.complete_checkout(made["id"])
        assert (done["status"], done["payment_intent"]) == ("complete", tried["payment_intent"])
        assert done["customer_details"]["email"] == "ada@example.com"
        assert len(world.peer.objects("customer")) == 1
        charges = world.get("charges", payment_intent=done["payment_intent"])["data"]
        assert [charge["status"] for charge in charges] == ["succeeded", "failed"]

    in_world(scenario)


def test_a_session_waits_for_authentication() -> None:
    async def scenario(world: World) -> None:
        made = session(world, line(100))
        waiting = world.peer.complete_checkout(made["id"], "pm_card_threeDSecure2Required")
        assert waiting["status"] == "open"
        world.peer.authenticate(waiting["payment_intent"])
        assert current(world, made)["payment_status"] == "paid"
        late = session(world, line(100))
        waiting = world.peer.complete_checkout(late["id"], "pm_card_threeDSecure2Required")
        world.post(f"checkout/sessions/{late['id']}/expire")
        with pytest.raises(ValueError, match="is canceled"):
            world.peer.authenticate(waiting["payment_intent"])
        await world.peer.settled()
        assert world.hook.types("checkout") == [
            "checkout.session.completed",
            "checkout.session.expired",
        ]

    in_world(scenario)


@pytest.mark.parametrize(
    ("which", "event", "status"),
    [
        ("good", "checkout.session.async_payment_succeeded", "paid"),
        ("bad", "checkout.session.async_payment_failed", "unpaid"),
    ],
)
def test_a_debit_is_decided_days_later(which: str, event: str, status: str) -> None:
    async def scenario(world: World) -> None:
        made = session(world, line(100, 1, "eur"))
        done = world.peer.complete_checkout(made["id"], debit(world, which))
        assert (done["status"], done["payment_status"]) == ("complete", "unpaid")
        assert done["payment_method_types"] == ["card", "sepa_debit"]
        await world.peer.settled()
        assert world.hook.types("checkout") == ["checkout.session.completed"]
        await world.clock.sleep(5 * DAY)
        await world.peer.settled()
        assert current(world, made)["payment_status"] == status
        assert world.hook.types("checkout") == ["checkout.session.completed", event]
        last = next(e for e in world.hook.events if e["type"] == event)
        assert last["data"]["object"]["payment_status"] == status

    in_world(scenario)


def test_a_payment_taken_back_later_does_not_touch_the_session() -> None:
    async def scenario(world: World) -> None:
        made = session(world, line(100, 1, "eur"))
        world.peer.complete_checkout(made["id"], debit(world, "good"))
        await world.clock.sleep(5 * DAY)
        world.peer.fail_payment(world.peer.objects("charge")[0]["id"])
        await world.peer.settled()
        assert current(world, made)["payment_status"] == "paid"
        assert len(world.hook.types("checkout")) == 2

    in_world(scenario)


def test_a_session_can_be_captured_later() -> None:
    async def scenario(world: World) -> None:
        made = session(world, line(1_000), payment_intent_data={"capture_method": "manual"})
        done = world.peer.complete_checkout(made["id"])
        assert (done["status"], done["payment_status"]) == ("complete", "unpaid")
        world.post(f"payment_intents/{done['payment_intent']}/capture", amount_to_capture=600)
        assert current(world, made)["payment_status"] == "paid"
        await world.peer.settled()
        assert world.hook.types("checkout") == ["checkout.session.completed"]

    in_world(scenario)


def test_what_costs_nothing_needs_no_payment() -> None:
    async def scenario(world: World) -> None:
        coupon = world.post("coupons", percent_off=100, max_redemptions=1)["id"]
        off: dict[str, Any] = {"discounts": [{"coupon": coupon}]}
        made = session(world, line(1_000), customer_creation="always", **off)
        done = world.peer.complete_checkout(made["id"], None, details=ADA)
        assert (done["payment_status"], done["payment_intent"]) == ("no_payment_required", None)
        assert done["customer"] is not None
        used = world.get(f"coupons/{coupon}")
        assert (used["times_redeemed"], used["valid"]) == (1, False)
        with pytest.raises(ApiError, match="not valid anymore"):
            session(world, line(1_000), **off)
        paid = session(world, line(1_000))
        with pytest.raises(ApiError, match="payment_method"):
            world.peer.complete_checkout(paid["id"], None)

    in_world(scenario)


def test_the_customer_chooses_how_to_ship() -> None:
    async def scenario(world: World) -> None:
        options = [
            {
                "shipping_rate_data": {
                    "display_name": name,
                    "fixed_amount": {"amount": amount, "currency": "usd"},
                }
            }
            for name, amount in (("Post", 500), ("Courier", 1_500))
        ]
        made = session(world, line(1_000), shipping_options=options)
        assert made["amount_total"] == 1_500
        courier = made["shipping_options"][1]["shipping_rate"]
        done = world.peer.complete_checkout(made["id"], shipping_rate=courier)
        assert (done["amount_total"], done["shipping_cost"]["amount_total"]) == (2_500, 1_500)
        assert done["total_details"]["amount_shipping"] == 1_500
        assert world.peer.objects("charge")[0]["amount"] == 2_500
        other = session(world, line(1_000), shipping_options=options)
        with pytest.raises(ApiError, match="is not offered"):
            world.peer.complete_checkout(other["id"], shipping_rate=courier)

    in_world(scenario)


def test_a_disputed_card_disputes_the_charge_of_the_session() -> None:
    async def scenario(world: World) -> None:
        made = session(world, line(1_000))
        world.peer.complete_checkout(made["id"], "pm_card_createDispute")
        assert len(world.peer.objects("dispute")) == 1
        assert current(world, made)["payment_status"] == "paid"

    in_world(scenario)


# --- as the Stripe CLI does it --------------------------------------------------------------


def test_the_page_of_a_session_is_read_and_confirmed() -> None:
    async def scenario(world: World) -> None:
        made = session(world, line(1_500, 2))
        path = f"/v1/payment_pages/{made['id']}"
        status, page = await answer(world, "GET", path)
        assert (status, page["object"], page["session_id"]) == (200, "payment_page", made["id"])
        assert page["total_summary"]["due"] == 3_000
        method = world.post(
            "payment_methods",
            type="card",
            card={"token": "tok_visa"},
            billing_details={
                "email": "stripe@example.com",
                "name": "Jenny Rosen",
                "address": {"line1": "354 Oyster Point Blvd", "country": "US"},
            },
        )["id"]
        wrong = {"payment_method": method, "expected_amount": "2999"}
        status, error = await answer(world, "POST", f"{path}/confirm", data=wrong)
        assert (status, error["code"]) == (400, "checkout_amount_mismatch")
        right = {"payment_method": method, "expected_amount": "3000"}
        status, page = await answer(world, "POST", f"{path}/confirm", data=right)
        assert (status, page["status"], page["payment_status"]) == (200, "complete", "paid")
        details = current(world, made)["customer_details"]
        assert (details["name"], details["address"]["country"]) == ("Jenny Rosen", "US")
        status, error = await answer(world, "POST", f"{path}/confirm", data=right)
        assert (status, "no longer active" in error["message"]) == (400, True)

    in_world(scenario)


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({}, 400, "parameter_missing"),
        ({"payment_method": "pm_none"}, 400, "resource_missing"),
        ({"payment_method": "pm_card_chargeDeclined"}, 402, "card_declined"),
        ({"payment_method": "pm_card_visa", "expected_amount": "x"}, 400, None),
        ({"payment_method": "pm_card_visa", "amount": "1"}, 400, "parameter_unknown"),
    ],
)
def test_a_page_that_cannot_be_confirmed_stays_open(
    form: dict[str, str], status: int, code: str | None
) -> None:
    async def scenario(world: World) -> None:
        made = session(world, line(100))
        path = f"/v1/payment_pages/{made['id']}/confirm"
        got, error = await answer(world, "POST", path, data=form)
        assert got == status
        assert code is None or error["code"] == code
        assert current(world, made)["status"] == "open"

    in_world(scenario)

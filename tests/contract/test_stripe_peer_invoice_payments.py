"""Invoice payments of the Stripe peer, and what old API versions show of them and of Checkout."""

import pytest

from local.stripe import ApiError, DeliveryFaults, StripeFaults
from tests.contract.test_stripe_peer_checkout_amounts import line, session
from tests.contract.test_stripe_peer_rig import DAY, Json, World, in_world

OLD = StripeFaults(delivery=DeliveryFaults(old_api_version=1))


def listed(world: World, **params: object) -> list[str]:
    return [each["id"] for each in world.get("invoice_payments", **params)["data"]]


def of(intent: str) -> Json:
    return {"payment": {"type": "payment_intent", "payment_intent": intent}}


def test_no_payment_pays_an_invoice_by_itself() -> None:
    async def scenario(world: World) -> None:
        intent = world.pay()["id"]
        assert world.get("invoice_payments", **of(intent)) == {
            "object": "list",
            "data": [],
            "has_more": False,
            "url": "/v1/invoice_payments",
        }

    in_world(scenario)


def test_payments_and_invoices_find_each_other() -> None:
    async def scenario(world: World) -> None:
        customer = world.post("customers")["id"]
        first, second, other = (world.pay(customer=customer)["id"] for _ in range(3))
        a = world.peer.record_invoice_payment(first, "in_1", 4_000)
        b = world.peer.record_invoice_payment(first, "in_2", 6_000)
        c = world.peer.record_invoice_payment(second, "in_2", 10_000)
        assert listed(world) == [c, b, a]
        assert listed(world, **of(first)) == [b, a]
        assert listed(world, **of(first), limit=1) == [b]
        assert listed(world, **of(first), starting_after=b) == [a]
        assert listed(world, **of(other)) == []
        assert listed(world, invoice="in_2") == [c, b]
        assert listed(world, invoice="in_2", **of(first)) == [b]
        assert listed(world, invoice="in_none") == []
        assert listed(world, status="paid") == [c, b, a]
        assert listed(world, status="open") == []
        assert listed(world, payment={"type": "payment_record"}) == []
        found = world.get(f"invoice_payments/{b}", expand=["payment.payment_intent"])
        assert found["payment"]["payment_intent"]["id"] == first
        assert (found["amount_requested"], found["amount_paid"], found["currency"]) == (
            6_000,
            6_000,
            "usd",
        )
        assert [world.get(f"invoice_payments/{each}")["is_default"] for each in (a, b, c)] == [
            True,
            True,
            False,
        ]
        assert world.get(f"customers/{customer}")["currency"] == "usd"
        await world.peer.settled()
        assert world.hook.types("invoice_payment") == ["invoice_payment.paid"] * 3
        assert world.hook.types("customer.updated") == ["customer.updated"]

    in_world(scenario)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"payment": {"payment_intent": "pi_1"}}, r"payment\[type\]"),
        ({"payment": {"type": "charge"}}, "Invalid payment"),
        ({"payment": {"type": "payment_intent", "charge": "ch_1"}}, "unknown parameter"),
        ({"status": "void"}, "Invalid status"),
        ({"customer": "cus_1"}, "unknown parameter"),
        ({"limit": 0}, "greater than or equal to 1"),
    ],
)
def test_a_wrong_filter_is_refused(params: Json, text: str) -> None:
    async def scenario(world: World) -> None:
        with pytest.raises(ApiError, match=text):
            listed(world, **params)

    in_world(scenario)


def test_an_invoice_is_paid_when_the_payment_succeeds() -> None:
    async def scenario(world: World) -> None:
        iban = {"iban": "AT611904300234573201"}
        debit = world.post("payment_methods", type="sepa_debit", sepa_debit=iban)["id"]
        slow = world.pay(payment_method=debit, currency="eur")["id"]
        given_up = world.post("payment_intents", amount=500, currency="eur")["id"]
        waiting = world.peer.record_invoice_payment(slow, "in_1", 10_000)
        never = world.peer.record_invoice_payment(given_up, "in_2", 500)
        assert listed(world, status="open") == [never, waiting]
        assert world.get(f"invoice_payments/{waiting}")["amount_paid"] is None
        world.post(f"payment_intents/{given_up}/cancel")
        await world.clock.sleep(5 * DAY)
        assert listed(world, status="paid") == [waiting]
        assert listed(world, status="canceled") == [never]
        await world.peer.settled()
        assert world.hook.types("invoice_payment") == ["invoice_payment.paid"]

    in_world(scenario)


def test_an_impossible_invoice_payment_is_refused() -> None:
    async def scenario(world: World) -> None:
        intent = world.pay()["id"]
        for amount in (0, -1, 10_001):
            with pytest.raises(ValueError, match="cannot pay"):
                world.peer.record_invoice_payment(intent, "in_1", amount)
        with pytest.raises(KeyError):
            world.peer.record_invoice_payment("pi_none", "in_1", 5)

    in_world(scenario)


def test_a_session_that_announced_an_invoice_names_it() -> None:
    async def scenario(world: World) -> None:
        announced = session(world, line(1_000), invoice_creation={"enabled": True})
        plain = session(world, line(1_000))
        for made in (announced, plain):
            done = world.peer.complete_checkout(made["id"])
            assert done["invoice"] is None
            world.peer.record_invoice_payment(done["payment_intent"], "in_1", 1_000)
        assert world.get(f"checkout/sessions/{announced['id']}")["invoice"] == "in_1"
        assert world.get(f"checkout/sessions/{plain['id']}")["invoice"] is None

    in_world(scenario)


# --- old API versions -----------------------------------------------------------------------


def test_old_charges_and_intents_name_their_invoice() -> None:
    async def scenario(world: World) -> None:
        intent = world.post("payment_intents", amount=500, currency="usd")["id"]
        world.peer.record_invoice_payment(intent, "in_1", 500)
        world.post(f"payment_intents/{intent}/confirm", payment_method="pm_card_visa")
        await world.peer.settled()
        told = {e["type"]: e for e in world.hook.events}
        for type in ("charge.succeeded", "payment_intent.succeeded"):
            assert told[type]["data"]["object"]["invoice"] == "in_1"
            assert told[type]["api_version"] == "2020-08-27"
        assert told["invoice_payment.paid"]["api_version"] != "2020-08-27"
        charge = told["charge.succeeded"]["data"]["object"]["id"]
        assert "invoice" not in world.get(f"charges/{charge}")

    in_world(scenario, faults=OLD)


def test_an_old_session_has_its_shipping_at_the_top() -> None:
    async def scenario(world: World) -> None:
        data = {"display_name": "Post", "fixed_amount": {"amount": 500, "currency": "usd"}}
        made = session(world, line(1_000), shipping_options=[{"shipping_rate_data": data}])
        goods = {"name": "Ada", "address": {"line1": "Fő utca 1"}}
        done = world.peer.complete_checkout(made["id"], shipping=goods)
        await world.peer.settled()
        (event,) = [e for e in world.hook.events if e["type"] == "checkout.session.completed"]
        old = event["data"]["object"]
        assert event["api_version"] == "2020-08-27"
        assert old["shipping"] == done["collected_information"]["shipping_details"]
        assert "collected_information" not in old
        assert (old["ui_mode"], done["ui_mode"]) == ("hosted", "hosted_page")
        assert old["shipping_rate"] == done["shipping_cost"]["shipping_rate"]
        assert old["amount_total"] == 1_500

    in_world(scenario, faults=OLD)


def test_an_old_discount_holds_its_coupon() -> None:
    async def scenario(world: World) -> None:
        coupon = world.post("coupons", percent_off=10)
        source = {"coupon": coupon["id"], "type": "coupon"}
        discount = {"id": "di_1", "object": "discount", "source": source}
        stored = {"id": "cus_1", "object": "customer", "name": "A", "discount": discount}
        world.peer.control.store_objects([stored, stored | {"id": "cus_2", "discount": None}])
        world.post("customers/cus_1", name="B")
        world.post("customers/cus_2", name="B")
        await world.peer.settled()
        first, second = [e for e in world.hook.events if e["type"] == "customer.updated"]
        assert first["api_version"] == "2020-08-27"
        old = first["data"]["object"]["discount"]
        assert old["coupon"]["percent_off"] == 10
        assert "source" not in old
        assert second["api_version"] != "2020-08-27"
        assert world.get("customers/cus_1")["discount"] == discount

    in_world(scenario, faults=OLD)


def test_an_old_product_has_features() -> None:
    async def scenario(world: World) -> None:
        made = world.post("products", name="Mug", marketing_features=[{"name": "Blue"}])
        await world.peer.settled()
        (event,) = world.hook.events
        assert event["data"]["object"]["features"] == [{"name": "Blue"}]
        assert "marketing_features" not in event["data"]["object"]
        assert made["marketing_features"] == [{"name": "Blue"}]

    in_world(scenario, faults=OLD)

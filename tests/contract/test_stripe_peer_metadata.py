"""Updates of payments in the Stripe peer: metadata is merged, the event tells what was."""

import random
from typing import Any

import httpx
import pytest

from local.stripe import RestrictedKey
from shared.clients.stripe.gateway import StripeApi
from shared.errors import CredentialsRefused, ObjectMissing
from tests.contract.test_stripe_peer_rig import CARD, Json, World, in_world


@pytest.mark.parametrize(
    ("path", "event"),
    [
        ("charges", "charge.updated"),
        ("refunds", "refund.updated"),
        ("payouts", "payout.updated"),
        ("disputes", "charge.dispute.updated"),
        ("payment_methods", "payment_method.updated"),
        ("customers", "customer.updated"),
        ("products", "product.updated"),
        ("prices", "price.updated"),
        ("coupons", "coupon.updated"),
        ("tax_rates", "tax_rate.updated"),
    ],
)
def test_metadata_is_merged_and_the_event_tells_the_keys_that_changed(
    path: str, event: str
) -> None:
    async def scenario(world: World) -> None:
        id = made(world, path)
        world.post(f"{path}/{id}", metadata={"a": "1", "b": "2"})
        changed = world.post(f"{path}/{id}", metadata={"a": "", "b": "3", "c": "4"})
        assert changed["metadata"] == {"b": "3", "c": "4"}
        before = len(world.peer.objects("event"))
        world.post(f"{path}/{id}", metadata={"b": "3", "none": ""})
        world.post(f"{path}/{id}")
        assert len(world.peer.objects("event")) == before
        assert world.post(f"{path}/{id}", metadata="")["metadata"] == {}
        await world.peer.settled()
        told = [
            {name: value for name, value in previous.items() if name != "updated"}
            for each in world.hook.events
            if each["type"] == event and "metadata" in (previous := before_of(each))
        ]
        assert told == [
            {"metadata": {"a": None, "b": None}},
            {"metadata": {"a": "1", "b": "2", "c": None}},
            {"metadata": {"b": "3", "c": "4"}},
        ]

    in_world(scenario)


def before_of(event: Json) -> Json:
    found: Json = event["data"].get("previous_attributes") or {}
    return found


def made(world: World, path: str) -> str:
    """The id of a new object of that route."""
    match path:
        case "charges":
            return str(world.pay()["latest_charge"])
        case "refunds":
            charge = world.pay()["latest_charge"]
            return str(world.post("refunds", charge=charge, amount=5)["id"])
        case "payouts":
            world.pay(payment_method="pm_card_bypassPending")
            return str(world.post("payouts", amount=500, currency="usd")["id"])
        case "disputes":
            return world.peer.dispute_charge(world.pay()["latest_charge"])
        case "payment_methods":
            card = {"token": "tok_visa"}
            return str(world.post("payment_methods", type="card", card=card)["id"])
        case "prices":
            product = {"name": "Mug"}
            params: dict[str, Any] = {"currency": "usd", "unit_amount": 5, "product_data": product}
        case "products":
            params = {"name": "Mug"}
        case "coupons":
            params = {"percent_off": 5}
        case "tax_rates":
            params = {"display_name": "VAT", "percentage": 5, "inclusive": False}
        case _:
            params = {}
    return str(world.post(path, **params)["id"])


def test_a_refund_tells_its_charge_event_too() -> None:
    async def scenario(world: World) -> None:
        refund = made(world, "refunds")
        world.post(f"refunds/{refund}", metadata={"a": "1"})
        await world.peer.settled()
        (told,) = [e for e in world.hook.events if e["type"] == "charge.refund.updated"]
        assert before_of(told) == {"metadata": {"a": None}}

    in_world(scenario)


def test_a_payment_intent_changes_silently_and_its_charge_stays() -> None:
    async def scenario(world: World) -> None:
        intent = world.pay(metadata={"a": "1"})
        path = f"payment_intents/{intent['id']}"
        before = len(world.peer.objects("event"))
        changed = world.post(path, metadata={"a": "", "b": "2"}, description="Later")
        assert (changed["metadata"], changed["description"]) == ({"b": "2"}, "Later")
        assert world.charge_of(intent)["metadata"] == {"a": "1"}
        assert len(world.peer.objects("event")) == before
        refused = world.refused(path, amount=5)
        assert refused["code"] == "payment_intent_unexpected_state"
        assert world.get(path)["amount"] == CARD["amount"]

    in_world(scenario)


def test_empty_values_are_no_metadata_from_the_start() -> None:
    async def scenario(world: World) -> None:
        given = {"kept": "1", "dropped": ""}
        intent = world.pay(metadata=given)
        charge = world.post(
            "charges", amount=100, currency="usd", source="tok_visa", metadata=given
        )
        refund = world.post("refunds", charge=charge["id"], metadata=given)
        rate = world.post(
            "tax_rates", display_name="V", percentage=1, inclusive=True, metadata=given
        )
        for found in (intent, charge, refund, rate):
            assert found["metadata"] == {"kept": "1"}

    in_world(scenario)


def test_the_client_sets_metadata_and_is_told_when_its_key_may_not() -> None:
    async def scenario(world: World) -> None:
        id = world.post("customers", metadata={"old": "1"})["id"]
        for key, write in (("rk_test_writes", ("customer",)), ("rk_test_reads", ())):
            world.peer.issue_key(RestrictedKey(key, write=write))
        transport = httpx.ASGITransport(world.peer.asgi)
        async with httpx.AsyncClient(transport=transport) as http:
            writer, reader = (
                StripeApi(key, http, world.clock, random.Random(1), base_url="http://stripe")
                for key in ("rk_test_writes", "rk_test_reads")
            )
            made = await writer.note("customer", id, {"dynamics_customer_account": "US-1"}, "k1")
            assert made["metadata"] == {"old": "1", "dynamics_customer_account": "US-1"}
            await writer.note("customer", id, {"dynamics_customer_account": "US-1"}, "k1")
            with pytest.raises(CredentialsRefused, match="rak_customer_write"):
                await reader.note("customer", id, {"dynamics_customer_account": "US-2"}, "k2")
            with pytest.raises(ObjectMissing):
                await writer.note("customer", "cus_none", {"a": "1"}, "k3")
        events = [each["type"] for each in world.peer.objects("event")]
        assert events.count("customer.updated") == 1

    in_world(scenario)

"""Idempotency, faults and the official SDK against the Stripe peer."""

import inspect
from decimal import Decimal
from typing import Any

import httpx
import pytest
import stripe

from local.stripe import API_VERSION, RestrictedKey, StripeFaults
from shared.clients.stripe.http import HttpxTransport
from tests.contract.test_stripe_peer_rig import DAY, KEY, World, in_world

# --- idempotency ----------------------------------------------------------------------------


async def keyed(world: World, path: str, key: str, **data: Any) -> httpx.Response:
    return await world.http.post(path, data=data, headers={"Idempotency-Key": key})


def test_an_idempotency_key_replays_the_same_answer() -> None:
    async def scenario(world: World) -> None:
        first = await keyed(world, "/v1/customers", "k1", name="Jenny")
        second = await keyed(world, "/v1/customers", "k1", name="Jenny")
        other = await keyed(world, "/v1/customers", "k2", name="Jenny")
        assert first.content == second.content != other.content
        assert "idempotent-replayed" not in first.headers
        assert second.headers["idempotent-replayed"] == "true"
        assert len(world.peer.objects("customer")) == 2
        await world.peer.settled()
        assert world.hook.events[0]["request"]["idempotency_key"] == "k1"

    in_world(scenario)


def test_a_key_with_other_parameters_or_another_path_is_an_error() -> None:
    async def scenario(world: World) -> None:
        await keyed(world, "/v1/customers", "k", name="Jenny")
        for path, name in (("/v1/customers", "Other"), ("/v1/payment_methods", "Jenny")):
            response = await keyed(world, path, "k", name=name)
            assert response.status_code == 400
            assert response.json()["error"]["type"] == "idempotency_error"
        long = await keyed(world, "/v1/customers", "k" * 256)
        assert long.json()["error"]["type"] == "idempotency_error"
        assert len(world.peer.objects("customer")) == 1

    in_world(scenario)


def test_a_refusal_replays_too_and_a_key_is_forgotten_after_a_day() -> None:
    async def scenario(world: World) -> None:
        params = {"amount": "100", "currency": "usd", "confirm": "true"}
        declined = params | {"payment_method": "pm_card_chargeDeclined"}
        one = await keyed(world, "/v1/payment_intents", "k", **declined)
        two = await keyed(world, "/v1/payment_intents", "k", **declined)
        assert (one.status_code, two.status_code) == (402, 402)
        assert one.content == two.content
        await world.clock.sleep(DAY + 1)
        await keyed(world, "/v1/payment_intents", "k", **declined)
        assert len(world.peer.objects("payment_intent")) == 2

    in_world(scenario)


# --- faults ---------------------------------------------------------------------------------


def test_faults_refuse_in_stripes_shape_and_do_nothing() -> None:
    async def scenario(world: World) -> None:
        world.peer.set_faults(StripeFaults(rate_limit=1))
        response = await world.http.post("/v1/customers")
        assert response.status_code == 429
        assert response.headers["stripe-rate-limited-reason"] == "endpoint-rate"
        assert response.json()["error"]["code"] == "rate_limit"
        world.peer.set_faults(StripeFaults(server_error=1))
        response = await world.http.post("/v1/customers")
        assert (response.status_code, response.json()["error"]["type"]) == (500, "api_error")
        assert world.peer.objects("customer") == []

    in_world(scenario)


def test_a_time_out_comes_after_the_deed() -> None:
    async def scenario(world: World) -> None:
        before = world.clock.now()
        first = await keyed(world, "/v1/customers", "k")
        assert first.status_code == 504
        assert (world.clock.now() - before).total_seconds() >= 90
        assert len(world.peer.objects("customer")) == 1
        world.peer.set_faults(StripeFaults())
        assert (await keyed(world, "/v1/customers", "k")).status_code == 200
        assert len(world.peer.objects("customer")) == 1

    in_world(scenario, faults=StripeFaults(timeout=1))


def test_latency_takes_time() -> None:
    async def scenario(world: World) -> None:
        before = world.clock.now()
        for _ in range(20):
            await world.http.get("/v1/balance")
        seconds = (world.clock.now() - before).total_seconds()
        assert 0.5 < seconds < 4
        assert world.peer.requests == {"GET /v1/balance": 20}

    in_world(scenario, faults=StripeFaults(latency_seconds=0.2))


# --- the SDK --------------------------------------------------------------------------------


def _sdk(world: World) -> stripe.StripeClient:
    http = httpx.AsyncClient(transport=httpx.ASGITransport(world.peer.asgi))
    return stripe.StripeClient(
        KEY,
        http_client=HttpxTransport(http, world.clock),
        base_addresses={"api": "http://stripe"},
        max_network_retries=2,
    )


def test_the_official_sdk_understands_the_peer() -> None:
    async def scenario(world: World) -> None:
        client = _sdk(world)
        customer = await client.v1.customers.create_async({"name": "Jenny", "metadata": {"a": "b"}})
        for amount in range(100, 125):
            intent = await client.v1.payment_intents.create_async(
                {
                    "amount": amount,
                    "currency": "usd",
                    "customer": customer.id,
                    "payment_method": "pm_card_visa",
                    "confirm": True,
                    "expand": ["latest_charge"],
                }
            )
            assert isinstance(intent.latest_charge, stripe.Charge)
        await world.clock.sleep(61)
        listed = await client.v1.balance_transactions.list_async(
            {"limit": 10, "expand": ["data.source"], "created": {"gte": 0}}
        )
        found = [txn async for txn in listed.auto_paging_iter()]
        assert len(found) == 25
        assert all(isinstance(txn.source, stripe.Charge) for txn in found)
        refund = await client.v1.refunds.create_async({"payment_intent": intent.id})
        assert refund.status == "succeeded"
        with pytest.raises(stripe.InvalidRequestError) as missing:
            await client.v1.charges.retrieve_async("ch_none")
        assert (missing.value.code, missing.value.http_status) == ("resource_missing", 404)
        with pytest.raises(stripe.CardError):
            await client.v1.payment_intents.create_async(
                {
                    "amount": 100,
                    "currency": "usd",
                    "payment_method": "pm_card_chargeDeclined",
                    "confirm": True,
                }
            )
        world.peer.set_faults(StripeFaults(rate_limit=1))
        with pytest.raises(stripe.RateLimitError):
            await client.v1.balance.retrieve_async()

    in_world(scenario)


REQUIRED_OF_EVENT = (
    "id",
    "object",
    "api_version",
    "created",
    "data",
    "livemode",
    "type",
    "request",
)


def _promised(cls: type[stripe.StripeObject]) -> list[str]:
    """Members the SDK types as never null: they must always be there."""
    hints = inspect.get_annotations(cls)
    nullable = ("None", "Optional")
    return [
        name
        for name, hint in hints.items()
        if name.islower() and not any(word in str(hint) for word in nullable)
    ]


def test_objects_have_every_member_the_sdk_promises() -> None:
    async def scenario(world: World) -> None:
        customer = world.post("customers")
        world.pay(payment_method="pm_card_bypassPending")
        payout = world.post("payouts", amount=100, currency="usd")
        intent = world.pay(customer=customer["id"], payment_method="pm_card_createDispute")
        refund = world.post("refunds", payment_intent=world.pay()["id"])
        await world.clock.sleep(61)
        samples = (
            (stripe.Customer, customer),
            (stripe.PaymentIntent, intent),
            (stripe.PaymentMethod, world.get(f"payment_methods/{intent['payment_method']}")),
            (stripe.Charge, world.charge_of(intent)),
            (stripe.Refund, refund),
            (stripe.Dispute, world.get("disputes")["data"][0]),
            (stripe.Payout, payout),
            (stripe.Balance, world.get("balance")),
            (stripe.BalanceTransaction, world.txns()[0]),
            (stripe.Event, world.get("events")["data"][0]),
        )
        for cls, sample in samples:
            promised = _promised(cls)
            assert len(promised) >= 4, cls
            assert [name for name in promised if name not in sample] == [], cls
        event = world.get("events")["data"][0]
        assert all(name in event for name in REQUIRED_OF_EVENT)
        assert event["api_version"] == API_VERSION

    in_world(scenario)


def test_a_request_over_a_lifespan_and_a_websocket() -> None:
    async def scenario(world: World) -> None:
        messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
        sent: list[Any] = []

        async def receive() -> Any:
            return messages.pop(0)

        async def send(message: Any) -> None:
            sent.append(message["type"])

        await world.peer.asgi({"type": "lifespan"}, receive, send)
        assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
        with pytest.raises(NotImplementedError):
            await world.peer.asgi({"type": "websocket"}, receive, send)

    in_world(scenario)


def test_a_body_beyond_the_limit_is_413() -> None:
    async def scenario(world: World) -> None:
        response = await world.http.post("/v1/customers", content=b"a" * (32 * 1024 * 1024 + 1))
        assert response.status_code == 413

    in_world(scenario)


def test_the_official_sdk_sells_and_reads_what_was_sold() -> None:
    async def scenario(world: World) -> None:
        client = _sdk(world)
        price = await client.v1.prices.create_async(
            {
                "currency": "eur",
                "unit_amount_decimal": Decimal("12.5"),
                "product_data": {"name": "Mug"},
            }
        )
        assert (price.unit_amount, price.unit_amount_decimal) == (None, Decimal("12.5"))
        made = await client.v1.checkout.sessions.create_async(
            {
                "mode": "payment",
                "success_url": "https://example.com",
                "line_items": [{"price": price.id, "quantity": n + 100} for n in range(12)],
            }
        )
        world.peer.complete_checkout(made.id)
        (found,) = (
            await client.v1.checkout.sessions.list_async(
                {
                    "payment_intent": world.peer.objects("payment_intent")[0]["id"],
                    "expand": ["data.line_items"],
                }
            )
        ).data
        assert found.line_items is not None
        assert (len(found.line_items.data), found.line_items.has_more) == (10, True)
        listed = await client.v1.checkout.sessions.line_items.list_async(
            made.id, {"limit": 5, "expand": ["data.price.product"]}
        )
        items = [item async for item in listed.auto_paging_iter()]
        assert len(items) == 12
        assert sum(item.amount_total for item in items) == found.amount_total
        assert isinstance(items[0].price, stripe.Price)
        assert isinstance(items[0].price.product, stripe.Product)
        world.peer.issue_key(RestrictedKey("rk_test_reads_only"))
        with pytest.raises(stripe.PermissionError):
            await client.v1.products.create_async(
                {"name": "Cup"}, {"api_key": "rk_test_reads_only"}
            )

    in_world(scenario)

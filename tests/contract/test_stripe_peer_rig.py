"""What the tests of the Stripe peer stand on, and the tests of its clockwork."""

import random
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import simplejson

from local.clock import LoopClock
from local.loop import run_virtual
from local.stripe import ApiError, Faults, PeerSettings, StripePeer, WebhookTarget
from local.stripe.settings import Fee

START = datetime(2026, 9, 1, 10, tzinfo=UTC)
KEY = "sk_test_tieoutlocal"
SECRETS = ["whsec_new", "whsec_old"]
CARD = {"amount": 10_000, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}
DAY = 86_400

type Json = dict[str, Any]


@dataclass
class Hook:
    """A webhook that records what arrives; `statuses` are its next answers, then 202."""

    clock: LoopClock
    statuses: list[int] = field(default_factory=list)
    seconds: float = 0.0
    bodies: list[bytes] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    times: list[datetime] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.bodies.append((await receive())["body"])
        self.headers.append({k.decode(): v.decode() for k, v in scope["headers"]})
        self.times.append(self.clock.now())
        await self.clock.sleep(self.seconds)
        status = self.statuses.pop(0) if self.statuses else 202
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    @property
    def events(self) -> list[Json]:
        return [simplejson.loads(body) for body in self.bodies]

    def types(self, prefix: str = "") -> list[str]:
        return [e["type"] for e in self.events if e["type"].startswith(prefix)]


@dataclass
class World:
    clock: LoopClock
    peer: StripePeer
    hook: Hook
    http: httpx.AsyncClient

    def post(self, path: str, **params: Any) -> Json:
        return self.peer.request("POST", f"/v1/{path}", params)

    def get(self, path: str, **params: Any) -> Json:
        return self.peer.request("GET", f"/v1/{path}", params)

    def pay(self, **params: Any) -> Json:
        """A paid intent."""
        return self.post("payment_intents", **(CARD | params))

    def charge_of(self, intent: Json) -> Json:
        return self.get(f"charges/{intent['latest_charge']}")

    def txns(self, **params: Any) -> list[Json]:
        return list(self.get("balance_transactions", limit=100, **params)["data"])

    def refused(self, path: str, **params: Any) -> Json:
        """The error object of a POST that must be refused."""
        with pytest.raises(ApiError) as caught:
            self.post(path, **params)
        return caught.value.error | {"status": caught.value.status}

    async def until_exhausted(self, hours_max: int = 24 * 30) -> None:
        for _ in range(hours_max):
            if self.peer.exhausted():
                return
            await self.clock.sleep(3_600)
        raise AssertionError("the account never comes to rest")


def in_world[T](
    scenario: Callable[[World], Awaitable[T]],
    *,
    seed: int = 1,
    settings: PeerSettings | None = None,
    faults: Faults | None = None,
    secrets: list[str] | None = None,
    enabled_events: tuple[str, ...] = ("*",),
    webhook: bool = True,
) -> T:
    """Run a scenario on virtual time against a fresh peer and a recording webhook."""

    async def main(clock: LoopClock) -> T:
        hook = Hook(clock)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(hook)) as to_hook:
            target = WebhookTarget("http://app/hook", to_hook, enabled_events=enabled_events)
            peer = StripePeer(
                clock,
                random.Random(seed),
                webhook=target if webhook else None,
                signing_secrets=SECRETS if secrets is None else secrets,
                api_key=KEY,
                settings=settings,
                faults=faults,
            )
            transport = httpx.ASGITransport(peer.asgi)
            headers = {"Authorization": f"Bearer {KEY}"}
            async with httpx.AsyncClient(
                transport=transport, base_url="http://stripe", headers=headers
            ) as http:
                peer.start()
                try:
                    return await scenario(World(clock, peer, hook, http))
                finally:
                    await peer.stop()

    return run_virtual(main, start=START)


def test_a_month_of_an_empty_account_passes_without_a_single_event() -> None:
    async def scenario(world: World) -> None:
        await world.clock.sleep(30 * DAY)
        assert world.peer.idle()
        assert world.peer.exhausted()
        assert world.hook.bodies == []

    in_world(scenario)


def test_the_same_seed_gives_the_same_account_and_another_seed_another() -> None:
    async def scenario(world: World) -> list[bytes]:
        customer = world.post("customers", name="Jenny Rosen")
        world.pay(customer=customer["id"])
        await world.clock.sleep(5 * DAY)
        await world.peer.settled()
        return world.hook.bodies

    faults = Faults().changed({"delivery": {"shuffle_seconds": 900, "duplicate": 0.5}})
    first = in_world(scenario, faults=faults)
    assert first == in_world(scenario, faults=faults)
    assert first != in_world(scenario, faults=faults, seed=2)


def test_a_fault_of_delivery_changes_no_id_and_no_delay() -> None:
    async def scenario(world: World) -> list[tuple[str, str, int]]:
        world.pay()
        await world.clock.sleep(4 * DAY)
        events = world.get("events", limit=100)["data"]
        return [(e["id"], e["type"], e["created"]) for e in events]

    faults = Faults().changed({"delivery": {"drop": 1, "shuffle_seconds": 60}})
    assert in_world(scenario) == in_world(scenario, faults=faults)


def test_idle_tells_of_deliveries_and_of_work_that_comes_soon() -> None:
    async def scenario(world: World) -> None:
        assert world.peer.idle(within_seconds=3_600)
        world.pay()
        assert not world.peer.idle()
        await world.peer.settled()
        assert world.peer.idle()
        assert not world.peer.idle(within_seconds=60)  # the charge is still to be settled
        await world.clock.sleep(60)
        await world.peer.settled()
        assert world.peer.idle(within_seconds=3_600)
        assert not world.peer.exhausted()

    in_world(scenario)


def test_starting_twice_is_refused_and_stopping_twice_is_nothing() -> None:
    async def scenario(world: World) -> None:
        with pytest.raises(RuntimeError, match="runs already"):
            world.peer.start()
        await world.peer.stop()
        await world.peer.stop()

    in_world(scenario)


def test_a_broken_webhook_application_is_not_swallowed() -> None:
    async def broken(_scope: Any, _receive: Any, _send: Any) -> None:
        raise ZeroDivisionError("a defect of the receiver")

    async def main(clock: LoopClock) -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(broken)) as client:
            peer = StripePeer(
                clock,
                random.Random(1),
                webhook=WebhookTarget("http://app/hook", client),
                signing_secrets=SECRETS,
                api_key=KEY,
            )
            peer.start()
            peer.request("POST", "/v1/customers")
            with pytest.raises(ZeroDivisionError):
                await peer.settled()
            with pytest.raises(ZeroDivisionError):
                await peer.stop()

    run_virtual(main, start=START)


def test_a_webhook_without_a_secret_is_refused() -> None:
    async def scenario(_world: World) -> None:
        raise AssertionError("never reached")

    with pytest.raises(ValueError, match="at least one signing secret"):
        in_world(scenario, secrets=[])


@pytest.mark.parametrize(
    ("fee", "amount", "expected"),
    [
        (Fee(), 10_000, (320, 0)),
        (Fee(), 50, (31, 0)),  # 1.45 + 30: halves go up, less goes down
        (Fee(basis_points=360, fixed_minor=0), 125, (5, 0)),  # 4.5
        (Fee(tax_basis_points=1_900), 10_000, (320, 61)),
        (Fee(basis_points=0, fixed_minor=0), 10_000, (0, 0)),
    ],
)
def test_fees_are_rounded_to_the_minor_unit(
    fee: Fee, amount: int, expected: tuple[int, int]
) -> None:
    assert fee.on(amount) == expected


def test_ids_look_like_ids_of_stripe() -> None:
    async def scenario(world: World) -> None:
        intent = world.pay()
        assert re.fullmatch(r"pi_[0-9A-Za-z]{24}", intent["id"])
        assert re.fullmatch(r"ch_[0-9A-Za-z]{24}", intent["latest_charge"])
        assert re.fullmatch(r"cus_[0-9A-Za-z]{14}", world.post("customers")["id"])

    in_world(scenario)


def test_time_stamps_are_the_clock_of_the_world() -> None:
    async def scenario(world: World) -> None:
        await world.clock.sleep(12.7)
        customer = world.post("customers")
        assert customer["created"] == int((START + timedelta(seconds=12)).timestamp())

    in_world(scenario)

"""The clockwork of the Stripe peer: seeds, idleness, start and stop."""

import asyncio
import random
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from local.clock import LoopClock
from local.loop import run_virtual
from local.stripe import PeerSettings, StripeFaults, StripePeer, WebhookTarget
from local.stripe.settings import Fee
from tests.contract.test_stripe_peer_rig import (
    CARD,
    DAY,
    KEY,
    SECRETS,
    START,
    Hook,
    World,
    in_world,
)


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

    faults = StripeFaults().changed({"delivery": {"shuffle_seconds": 900, "duplicate": 0.5}})
    first = in_world(scenario, faults=faults)
    assert first == in_world(scenario, faults=faults)
    assert first != in_world(scenario, faults=faults, seed=2)


def test_a_fault_of_delivery_changes_no_id_and_no_delay() -> None:
    async def scenario(world: World) -> list[tuple[str, str, int]]:
        world.pay()
        await world.clock.sleep(4 * DAY)
        events = world.get("events", limit=100)["data"]
        return [(e["id"], e["type"], e["created"]) for e in events]

    faults = StripeFaults().changed({"delivery": {"drop": 1, "shuffle_seconds": 60}})
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


def test_a_stopped_account_goes_on_where_it_was() -> None:
    async def scenario(world: World) -> None:
        world.hook.seconds = 10
        world.post("customers")
        await world.clock.sleep(5)
        await world.peer.stop()
        await world.clock.sleep(DAY)
        assert [delivery.state for delivery in world.peer.deliveries] == ["outstanding"]
        world.peer.start()
        await world.peer.settled()
        assert [delivery.state for delivery in world.peer.deliveries] == ["delivered"]

    in_world(scenario)


class WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def test_the_same_code_runs_on_real_time() -> None:
    clock = WallClock()
    hook = Hook(clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(hook)) as client:
        peer = StripePeer(
            clock,
            random.Random(1),
            webhook=WebhookTarget("http://app/hook", client),
            signing_secrets=SECRETS,
            api_key=KEY,
            settings=PeerSettings(settle_delay_seconds=(0.01, 0.02)),
        )
        peer.start()
        peer.request("POST", "/v1/payment_intents", CARD)
        await asyncio.sleep(0.1)
        await peer.settled()
        await peer.stop()
    assert hook.types("charge") == ["charge.succeeded", "charge.updated"]


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

"""The backfill in a whole world: an account with a past, a first run."""

import json
from dataclasses import replace

import pytest

from local.stripe import DeliveryFaults, PayoutSchedule, PeerSettings, StripeFaults
from local.world import Options, World
from tests.world import (
    BANK,
    DAY,
    NO_GAPS,
    TRANSIT,
    Json,
    ask,
    booked_and_proved,
    gaps,
    lines,
    live,
    new_customer,
    rest,
    sell,
    waiting,
)

OPTIONS = Options(
    stripe=PeerSettings(payouts=None), settings={"sweep_first_days": 1, "sweep_overlap_hours": 1}
)


async def _past(world: World) -> None:
    """A week of sales while the app did not exist."""
    await world.host.stop()
    for day in range(5):
        for _ in range(30):
            sell(world, 1_000 + day, "usd", new_customer(world))
        await world.clock.sleep(DAY)
    await world.clock.sleep(3 * DAY)
    world.stripe.set_faults(world.stripe.faults)
    await world.host.start()


def test_a_backfill_books_the_past_and_tells_its_progress() -> None:
    async def story(world: World) -> None:
        await _past(world)
        before = (await ask(world, "GET", "backfill")).json()
        assert before["status"] == "none"
        answer = await ask(world, "POST", "backfill", json.dumps({"days": 10}).encode())
        assert answer.status_code == 202
        await rest(world, DAY)
        done = (await ask(world, "GET", "backfill")).json()
        assert done == {"status": "done", "seen": 150, "sent": done["sent"], "percent": 100}
        assert await gaps(world) == NO_GAPS
        again = await ask(world, "POST", "backfill", json.dumps({"days": 10}).encode())
        assert again.status_code == 202
        await rest(world, DAY)
        assert (await ask(world, "GET", "backfill")).json()["sent"] == 0

    live(story, OPTIONS)


UNHEARD = Options(
    stripe=PeerSettings(payouts=PayoutSchedule(arrival_days=2)),
    stripe_faults=StripeFaults(delivery=DeliveryFaults(drop=1.0)),
    settings={"sweep_first_days": 1, "sweep_overlap_hours": 1},
)


def _pay_out(world: World, amount_minor: int, **params: object) -> str:
    given = {"amount": amount_minor, "currency": "usd", **params}
    return str(world.stripe.request("POST", "/v1/payouts", given)["id"])


async def _past_of_payouts(world: World) -> str:
    """Forty days ago: automatic payouts, a manual, an instant, a failed one. Returns the last."""
    await world.host.stop()
    for day in range(4):
        for _ in range(3):
            sell(world, 1_000 + day, "usd", new_customer(world), card="pm_card_bypassPending")
        if day == 1:
            _pay_out(world, 500)
            _pay_out(world, 300, method="instant")
            failed = _pay_out(world, 200)
        await world.clock.sleep(DAY)
    await world.clock.sleep(2 * DAY)
    world.stripe.fail_payout(failed)
    await world.clock.sleep(38 * DAY)
    await world.host.start()
    return failed


def _held(world: World, account: str) -> int:
    """What an account holds, in cents."""
    found = lines(world).values()
    held = [line.amount for line in found if line.account == account]
    held += [-line.amount for line in found if line.offset == account]
    return int(100 * sum(held))


def _paid(world: World) -> list[Json]:
    return [each for each in world.stripe.objects("payout") if each["status"] == "paid"]


async def _bank_side_is_complete(world: World) -> None:
    """Both legs of every payout, and the tie-out of each that Stripe itemises; no event came."""
    paid = _paid(world)
    assert {each["method"] for each in paid} == {"standard", "instant"}
    assert len(paid) >= 4
    assert [each["id"] for each in paid if not lines(world, each["id"])] == []
    assert _held(world, TRANSIT) == 0
    assert _held(world, BANK) == sum(each["amount"] for each in paid)
    tied = {each["payout"]: each["status"] for each in (await world.get("payouts"))["payouts"]}
    assert tied == {each["id"]: "tied" for each in paid if each["automatic"]}
    assert await waiting(world) == []
    await booked_and_proved(world)


def test_a_backfill_completes_the_bank_side_of_payouts_of_any_age() -> None:
    async def story(world: World) -> None:
        failed = await _past_of_payouts(world)
        await ask(world, "POST", "backfill", json.dumps({"days": 100}).encode())
        await rest(world, DAY)
        await _bank_side_is_complete(world)
        assert lines(world, failed) == {}
        again = await ask(world, "POST", "backfill", json.dumps({"days": 100}).encode())
        assert again.status_code == 202
        await rest(world, DAY)
        assert (await ask(world, "GET", "backfill")).json()["sent"] == 0

    live(story, UNHEARD)


def test_a_first_sweep_completes_the_bank_side_of_payouts_of_any_age() -> None:
    async def story(world: World) -> None:
        await _past_of_payouts(world)
        await rest(world, DAY)
        await _bank_side_is_complete(world)

    live(story, replace(UNHEARD, settings={"sweep_first_days": 100}))


def test_a_payout_that_was_on_its_way_when_seen_is_completed_without_an_event() -> None:
    async def story(world: World) -> None:
        sell(world, 10_000, "usd", new_customer(world), card="pm_card_bypassPending")
        manual = _pay_out(world, 500)
        await rest(world, DAY)  # the sweep saw them
        assert {item.cause for item in await waiting(world)} == {"payout_not_arrived"}
        assert lines(world, manual) == {}
        await rest(world, 7 * DAY)
        assert len(lines(world, manual)) == 1
        assert len(_paid(world)) == 2
        assert _held(world, TRANSIT) == 0
        (tied,) = (await world.get("payouts"))["payouts"]
        assert tied["status"] == "tied"
        await booked_and_proved(world)
        world.stripe.fail_payout(manual)
        await rest(world, 5 * DAY)  # what came back is paid out again
        assert sorted(lines(world, manual)) == [f"{manual}:arrival", f"{manual}:arrival_return"]
        assert _held(world, TRANSIT) == 0

    live(story, UNHEARD)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"days": 0}', b'{"days": "9"}', b'{"days": 1e9}'])
def test_a_backfill_of_no_sensible_length_is_refused(body: bytes) -> None:
    async def story(world: World) -> None:
        answer = await ask(world, "POST", "backfill", body)
        assert answer.status_code == 400
        assert answer.json()["code"] == "malformed"

    live(story, OPTIONS)

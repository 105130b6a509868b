"""The bank side of payouts: in transit, arrived, returned."""

from collections.abc import Mapping
from decimal import Decimal

from local.stripe import PeerSettings
from local.world import Options, World
from tests.world import (
    BANK,
    DAY,
    GENERAL,
    HOUR,
    TRANSIT,
    Booked,
    booked_and_proved,
    lines,
    live,
    rest,
    sell,
    transactions_of,
    usd,
)


def _payout(world: World, amount_minor: int) -> str:
    params: Mapping[str, object] = {"amount": amount_minor, "currency": "usd"}
    return str(world.stripe.request("POST", "/v1/payouts", params)["id"])


MANUAL = Options(stripe=PeerSettings(payouts=None))


def test_a_payout_is_in_transit_until_it_arrives_at_the_bank() -> None:
    async def story(world: World) -> None:
        sell(world, card="pm_card_bypassPending")
        await rest(world)
        payout = _payout(world, 5_000)
        await rest(world)
        (txn,) = transactions_of(world, payout)
        assert lines(world, txn["id"]) == {f"{txn['id']}:gross": usd(GENERAL, TRANSIT, "50.00")}
        assert lines(world, payout) == {}
        await rest(world, 3 * DAY)
        arrival = Booked(GENERAL, "usmf", BANK, TRANSIT, Decimal("50.00"), "USD", "2026-10-03")
        assert lines(world, payout) == {f"{payout}:arrival": arrival}
        await booked_and_proved(world)

    live(story, MANUAL)


def test_a_payout_that_fails_after_it_was_paid_returns_from_the_bank() -> None:
    async def story(world: World) -> None:
        sell(world, card="pm_card_bypassPending")
        await rest(world)
        payout = _payout(world, 5_000)
        await rest(world, 4 * DAY)
        world.stripe.fail_payout(payout)
        await rest(world)
        found = lines(world, payout)
        assert {key: (line.amount, line.date) for key, line in found.items()} == {
            f"{payout}:arrival": (Decimal("50.00"), "2026-10-03"),
            f"{payout}:arrival_return": (Decimal("-50.00"), "2026-10-05"),
        }
        touched = lines(world).values()
        for account in (TRANSIT, BANK):
            held = [line.amount for line in touched if line.account == account]
            held += [-line.amount for line in touched if line.offset == account]
            assert sum(held) == 0
        await booked_and_proved(world)

    live(story, MANUAL)


def test_a_payout_that_fails_on_its_way_never_touches_the_bank() -> None:
    async def story(world: World) -> None:
        sell(world, card="pm_card_bypassPending")
        await rest(world)
        payout = _payout(world, 5_000)
        await rest(world, HOUR)
        world.stripe.fail_payout(payout)
        await rest(world, 4 * DAY)
        assert lines(world, payout) == {}
        transit = [line.amount for line in lines(world).values() if line.account == TRANSIT]
        assert transit == [Decimal("50.00"), Decimal("-50.00")]
        await booked_and_proved(world)

    live(story, MANUAL)


def test_a_payout_that_is_canceled_comes_back() -> None:
    async def story(world: World) -> None:
        sell(world, card="pm_card_bypassPending")
        await rest(world)
        payout = _payout(world, 5_000)
        world.stripe.request("POST", f"/v1/payouts/{payout}/cancel")
        await rest(world, 4 * DAY)
        assert lines(world, payout) == {}
        transit = [line.amount for line in lines(world).values() if line.account == TRANSIT]
        assert transit == [Decimal("50.00"), Decimal("-50.00")]
        await booked_and_proved(world)

    live(story, MANUAL)

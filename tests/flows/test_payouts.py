"""The bank side of payouts: in transit, arrived, returned."""

from collections.abc import Mapping
from decimal import Decimal

from local.stripe import PayoutSchedule, PeerSettings
from local.world import Options, World
from tests.flows.test_what_follows_a_sale import now_the_books_are
from tests.world import (
    BANK,
    DAY,
    GENERAL,
    HOUR,
    TRANSIT,
    Booked,
    Json,
    ask,
    booked_and_proved,
    encoded,
    lines,
    live,
    parked,
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


def test_the_members_of_a_payout_that_a_person_resolved_tie_out_without_its_bank_line() -> None:
    def without_the_bank(books: Json) -> None:
        books["currencies"]["usd"]["bank"]["id"] = "GONE"

    async def story(world: World) -> None:
        now_the_books_are(world, without_the_bank)
        sell(world)
        await rest(world, 6 * DAY)
        [item] = await parked(world)
        assert item.entity == "payout"
        assert (await world.get("payouts"))["payouts"] == []
        said = {"ids": [item.item], "reason": "booked by hand", "who": "Kim", "not_to_book": True}
        answer = await ask(world, "POST", "inbox/resolve", encoded(said))
        assert answer.json() == {"resolved": 1, "refused": []}
        await rest(world, 5 * HOUR)
        [found] = (await world.get("payouts"))["payouts"]
        assert (found["payout"], found["status"]) == (item.object, "tied")
        assert lines(world, item.object) == {}
        await booked_and_proved(world)

    schedule = PayoutSchedule(reconcile_seconds=(80.0 * HOUR, 80.0 * HOUR))  # after it was paid
    live(story, Options(stripe=PeerSettings(payouts=schedule)))

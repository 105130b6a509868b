"""The sums of parked objects, kept in the transaction of their rows."""

from datetime import UTC, datetime, timedelta

import pytest

from local.tables import MemoryTables
from shared.outcomes import Kind, Outcome
from shared.stores.item import Item, ItemKind
from shared.stores.items import ItemOutcome, Items, place
from shared.stores.reception import Reception
from shared.stores.rollup import Rollup
from tests.unit.services.fakes import ManualClock

WHERE = place("charge", 0)
MOMENT = datetime(2026, 10, 1, 12, tzinfo=UTC)


class Bench:
    def __init__(self) -> None:
        self.items = Items(MemoryTables(), ManualClock(MOMENT))

    async def tell(
        self,
        object: str,
        kind: Kind,
        cause: str = "",
        amount_minor: int = 0,
        currency: str = "",
        *,
        where: str = WHERE,
        asked: ItemKind = ItemKind.CONVERGE,
        received_at: datetime | None = None,
    ) -> None:
        id = f"evt_{object}_{asked}_{kind}_{cause}"
        item = Item(id, "charge.updated", "charge", object, kind=asked)
        outcome = Outcome(kind, cause=cause, amount_minor=amount_minor, currency=currency)
        told = ItemOutcome(item, outcome, Reception(received_at))
        await self.items.record(where, [told])

    async def sums(self, *places: str) -> Rollup:
        return await self.items.rollup(places or (WHERE,))


async def test_parked_objects_are_summed_by_cause_and_their_stake_by_currency() -> None:
    bench = Bench()
    await bench.tell("ch_1", Kind.PARK, "refused", 10_000, "usd")
    await bench.tell("ch_2", Kind.PARK, "refused", -2_500, "usd")
    await bench.tell("ch_3", Kind.PARK, "unexpected", 700, "jpy")
    await bench.tell("ch_4", Kind.WAITING, "transaction_not_made", 900, "usd")
    sums = await bench.sums()
    assert sums.parked == {"refused": 2, "unexpected": 1}
    assert sums.stake_minor == {"jpy": 700, "usd": 12_500}


async def test_telling_the_same_twice_counts_once() -> None:
    bench = Bench()
    for _ in range(2):
        await bench.tell("ch_1", Kind.PARK, "refused", 10_000, "usd")
    assert (await bench.sums()).stake_minor == {"usd": 10_000}


async def test_what_leaves_the_inbox_leaves_a_zero() -> None:
    bench = Bench()
    await bench.tell("ch_1", Kind.PARK, "refused", 10_000, "usd")
    await bench.tell("ch_1", Kind.DONE)
    sums = await bench.sums()
    assert sums.parked == {"refused": 0}
    assert sums.stake_minor == {"usd": 0}


async def test_an_object_that_parks_for_another_cause_or_amount_moves() -> None:
    bench = Bench()
    await bench.tell("ch_1", Kind.PARK, "refused", 10_000, "usd")
    await bench.tell("ch_1", Kind.PARK, "unexpected", 8_000, "eur")
    sums = await bench.sums()
    assert sums.parked == {"refused": 0, "unexpected": 1}
    assert sums.stake_minor == {"eur": 8_000, "usd": 0}


async def test_a_resolved_object_is_at_stake_no_more_until_it_is_reopened() -> None:
    bench = Bench()
    await bench.tell("ch_1", Kind.PARK, "refused", 10_000, "usd")
    await bench.tell("ch_1", Kind.RESOLVED)
    assert (await bench.sums()).stake_minor == {"usd": 0}
    parked = Outcome(Kind.PARK, cause="reopened", amount_minor=9_000, currency="usd")
    await bench.items.reopen(WHERE, "ch_1", parked)
    sums = await bench.sums()
    assert sums.parked == {"refused": 0, "reopened": 1}
    assert sums.stake_minor == {"usd": 9_000}


async def test_a_command_that_parks_with_its_object_counts_once() -> None:
    bench = Bench()
    await bench.tell("ch_1", Kind.PARK, "refused", 10_000, "usd")
    await bench.tell("ch_1", Kind.PARK, "refused", 10_000, "usd", asked=ItemKind.VERIFY)
    sums = await bench.sums()
    assert sums.parked == {"refused": 1}
    assert sums.stake_minor == {"usd": 10_000}


async def test_sums_may_be_larger_than_a_cell_holds() -> None:
    bench = Bench()
    largest = (1 << 63) - 1
    for n in range(3):
        await bench.tell(f"ch_{n}", Kind.PARK, "refused", largest, "usd")
    assert (await bench.sums()).stake_minor == {"usd": 3 * largest}


@pytest.mark.parametrize("cause", ["", "Not a word", "x" * 100, "1st", "a-b"])
async def test_a_cause_that_names_no_cell_is_summed_with_its_like(cause: str) -> None:
    bench = Bench()
    await bench.tell("ch_1", Kind.PARK, cause)
    assert (await bench.sums()).parked == {"other": 1}


async def test_an_amount_without_a_currency_is_no_stake() -> None:
    bench = Bench()
    await bench.tell("ch_1", Kind.PARK, "refused", 10_000, "")
    await bench.tell("ch_2", Kind.PARK, "refused", 10_000, "USDC")
    assert (await bench.sums()).stake_minor == {}


async def test_places_add_up_and_one_without_a_counter_is_nothing() -> None:
    bench = Bench()
    other = place("customer", 1)
    await bench.tell("ch_1", Kind.PARK, "refused", 10, "usd")
    await bench.tell("cus_1", Kind.PARK, "refused", 5, "usd", where=other)
    sums = await bench.sums(WHERE, other, place("payout", 2))
    assert (sums.parked, sums.stake_minor) == ({"refused": 2}, {"usd": 15})


async def test_the_newest_event_is_kept_whatever_the_order() -> None:
    bench = Bench()
    assert (await bench.sums()).received_at is None
    newest = MOMENT - timedelta(seconds=5)
    await bench.tell("ch_1", Kind.DONE, received_at=newest)
    await bench.tell("ch_2", Kind.DONE, received_at=newest - timedelta(hours=1))
    await bench.tell("ch_3", Kind.DONE)  # a sweep found it
    assert (await bench.sums()).received_at == newest


async def test_an_event_that_is_skipped_at_the_webhook_breaks_the_silence_too() -> None:
    bench = Bench()
    await bench.tell("ch_1", Kind.PARK, "refused", 10, "usd")
    await bench.items.skip(WHERE)
    sums = await bench.sums()
    assert sums.received_at == MOMENT
    assert sums.parked == {"refused": 1}

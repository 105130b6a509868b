"""The list of what waits and what is scheduled: since when, why, until when."""

from datetime import timedelta

import pytest

from shared.outcomes import Kind, Outcome
from shared.services.inbox.waiting import LISTED_MAX, PendingItem
from shared.services.work.sweep import RESEND_AFTER_MIN
from shared.stores.item import Item
from shared.stores.items import ItemOutcome, Items, place
from tests.unit.services.fakes import START, rig


def outcome(number: int, kind: Kind, delay_seconds: float | None = None) -> ItemOutcome:
    outcome = Outcome(kind, delay_seconds=delay_seconds, cause=f"cause_of_{kind}", text="why")
    return ItemOutcome(Item(f"evt_{number}", "charge.updated", "charge", f"ch_{number}"), outcome)


class Desk:
    """A list over tables in process."""

    def __init__(self) -> None:
        found = rig()
        self.clock = found.clock
        self.items = Items(found.tables, found.clock)
        self.list = found.app.waiting()

    async def record(self, *outcomes: ItemOutcome) -> None:
        await self.items.record(place("charge", 0), outcomes)

    async def shown(self) -> list[PendingItem]:
        return (await self.list.page())[0]


async def test_what_waits_and_what_is_scheduled_is_listed_and_nothing_else() -> None:
    desk = Desk()
    kinds = [Kind.WAITING, Kind.RETRY, Kind.DONE, Kind.PARK, Kind.SKIP]
    await desk.record(*(outcome(number, kind, 90.0) for number, kind in enumerate(kinds)))
    waiting, retry = await desk.shown()
    assert (waiting.kind, waiting.object, waiting.cause) == ("waiting", "ch_0", "cause_of_waiting")
    assert waiting.next_at == START + RESEND_AFTER_MIN
    assert (retry.kind, retry.object, retry.cause) == ("retry", "ch_1", "cause_of_retry")
    assert (retry.since, retry.next_at) == (START, START + timedelta(seconds=90))
    assert {each.text for each in (waiting, retry)} == {"why"}


async def test_since_when_is_kept_and_the_next_look_comes_later_the_longer_it_waits() -> None:
    desk = Desk()
    await desk.record(outcome(1, Kind.WAITING))
    desk.clock.advance(4 * 3_600)
    await desk.record(outcome(1, Kind.WAITING))
    (found,) = await desk.shown()
    assert (found.since, found.updated_at) == (START, START + timedelta(hours=4))
    assert found.next_at == START + timedelta(hours=5)


@pytest.mark.parametrize("end", [Kind.DONE, Kind.SKIP, Kind.PARK])
async def test_what_came_through_or_parks_leaves_the_list(end: Kind) -> None:
    desk = Desk()
    await desk.record(outcome(1, Kind.RETRY, 5.0), outcome(2, Kind.WAITING))
    await desk.record(outcome(1, end), outcome(2, end))
    assert await desk.shown() == []


async def test_a_long_list_is_cut_and_says_how_many_are_left() -> None:
    desk = Desk()
    await desk.record(*(outcome(number, Kind.RETRY, 5.0) for number in range(LISTED_MAX + 3)))
    await desk.record(outcome(LISTED_MAX + 4, Kind.WAITING))
    found, more = await desk.list.page()
    assert (len(found), more) == (LISTED_MAX + 1, 3)

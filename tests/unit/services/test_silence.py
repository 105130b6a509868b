"""When silence is unusual, for shops of different habits."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ports import CELL_CHARS_MAX
from shared.services.operations.silence import (
    LEARNING,
    WEEK_HOURS,
    WEEKS_KEPT,
    Rhythm,
    rhythm_in,
)

START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
LOOK = timedelta(minutes=15)
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
OPENS, CLOSES, WEEKEND = 8, 18, 5

type Habit = Callable[[datetime], float]
"""Events an hour at a moment."""


def office(moment: datetime) -> float:
    return 8.0 if moment.weekday() < WEEKEND and OPENS <= moment.hour < CLOSES else 0.0


def night_owl(moment: datetime) -> float:
    return 20.0 if moment.hour >= CLOSES or moment.hour < 2 else 0.5


def around_the_clock(moment: datetime) -> float:
    del moment
    return 60.0


def rarely(moment: datetime) -> float:
    del moment
    return 2 / 24


HABITS = (office, night_owl, around_the_clock, rarely)


def events(habit: Habit, seed: int, until: datetime, begin: datetime = START) -> Iterator[datetime]:
    """Moments at random, as often as the habit says."""
    rng = random.Random(seed)
    minute = timedelta(minutes=1)
    moment = begin
    while moment < until:
        if rng.random() < habit(moment) / 60:
            yield moment
        moment += minute


class Watch:
    """Looks every quarter of an hour, and notes what it sees."""

    def __init__(self) -> None:
        self.rhythm = Rhythm(START)
        self.ratios: list[tuple[datetime, float]] = []

    def live(self, moments: Iterator[datetime], begin: datetime, until: datetime) -> None:
        known: datetime | None = None
        coming = next(moments, None)
        now = begin
        while now < until:
            while coming is not None and coming <= now:
                known, coming = coming, next(moments, None)
            self.rhythm = self.rhythm.seen(known)
            self.ratios.append((now, self.rhythm.ratio(now)))
            now += LOOK

    def alarms(self, since: datetime) -> list[datetime]:
        return [at for at, ratio in self.ratios if at >= since and ratio > 1]


@pytest.mark.parametrize("habit", HABITS)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_quarter_of_ordinary_life_is_unusual_for_two_hours_at_most(
    habit: Habit, seed: int
) -> None:
    watch = Watch()
    until = START + 13 * WEEK
    watch.live(events(habit, seed, until), START, until)
    assert LOOK * len(watch.alarms(START)) <= 2 * HOUR


@pytest.mark.parametrize(
    ("habit", "from_then", "within"),
    [
        (office, START + 8 * WEEK + DAY + 10 * HOUR, timedelta(hours=6)),
        (night_owl, START + 8 * WEEK + DAY + 20 * HOUR, timedelta(hours=5)),
        (around_the_clock, START + 8 * WEEK + 3 * HOUR, timedelta(hours=2)),
        (rarely, START + 8 * WEEK, timedelta(days=5)),
    ],
)
def test_a_silence_that_is_unusual_is_seen_soon(
    habit: Habit, from_then: datetime, within: timedelta
) -> None:
    watch = Watch()
    watch.live(events(habit, 3, from_then), START, from_then + within)
    assert len(watch.alarms(from_then)) > 0
    assert watch.alarms(START)[0] >= from_then


def test_the_night_and_the_weekend_of_an_office_are_usual() -> None:
    watch = Watch()
    until = START + 8 * WEEK
    watch.live(events(office, 1, until), START, until)
    friday_evening = until - 2 * DAY - 6 * HOUR
    assert watch.rhythm.ratio(until) < 1
    weekend = [ratio for at, ratio in watch.ratios if at > friday_evening]
    assert max(weekend) < 1


def test_one_outage_does_not_teach_the_next_one_to_be_quiet() -> None:
    """Ten hours on a Tuesday; a week later the same again is seen, perhaps later."""
    watch = Watch()
    first = START + 8 * WEEK + DAY + 8 * HOUR
    second = first + WEEK
    watch.live(events(office, 1, first), START, first + 10 * HOUR)
    between = events(office, 2, second, first + 10 * HOUR)
    watch.live(between, first + 10 * HOUR, second + 10 * HOUR)
    assert len(watch.alarms(second)) > 0
    assert watch.alarms(second)[0] - second < timedelta(hours=10)


def test_a_shop_that_slows_down_is_known_after_some_weeks() -> None:
    watch = Watch()
    change = START + 6 * WEEK
    until = change + 8 * WEEK
    watch.live(events(around_the_clock, 1, change), START, change)
    watch.live(events(rarely, 2, until, change), change, until)
    assert watch.alarms(change)
    assert watch.alarms(until - 2 * WEEK) == []


def test_nothing_is_unusual_before_two_weeks_were_seen() -> None:
    rhythm = Rhythm(START).seen(START + HOUR)
    before, after = START + LEARNING - HOUR, START + LEARNING + HOUR
    assert rhythm.ratio(before) == 0
    assert rhythm.ratio(after) > 0


def test_a_shop_that_never_sold_anything_is_not_silent() -> None:
    assert Rhythm(START).seen(None).ratio(START + 52 * WEEK) == 0


def test_an_event_that_is_older_than_the_newest_one_changes_nothing() -> None:
    rhythm = Rhythm(START).seen(START + DAY)
    assert rhythm.seen(START + HOUR) is rhythm
    assert rhythm.seen(START + DAY) is rhythm


def test_a_clock_that_is_behind_makes_no_negative_silence() -> None:
    rhythm = Rhythm(START).seen(START + 3 * WEEK)
    assert rhythm.ratio(START + 3 * WEEK - HOUR) == 0


@given(st.lists(st.integers(1, 60 * 24 * 20), min_size=1, max_size=40))
def test_a_row_keeps_all_of_it_within_one_cell(minutes: list[int]) -> None:
    rhythm, now = Rhythm(START), START
    for gap in minutes:
        now += timedelta(minutes=gap)
        rhythm = rhythm.seen(now)
    cells = rhythm.cells()
    assert rhythm_in(cells, now + DAY) == rhythm
    assert len(str(cells["weeks"])) < CELL_CHARS_MAX
    assert len(rhythm.weeks) <= WEEKS_KEPT
    assert {len(week.minutes) for week in rhythm.weeks} == {WEEK_HOURS}
    assert rhythm.ratio(now) == 0


def test_without_a_row_the_rhythm_begins_now() -> None:
    assert rhythm_in({}, START) == Rhythm(START)

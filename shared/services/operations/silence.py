"""Silence: is it longer since the last event than is usual for this merchant at this hour? Pure.

A shop has its own rhythm: nights, weekends, a lunch break. So for each hour of the week (UTC) the
longest silence is kept that was seen in it, for a few weeks: how old the last event was in that
hour at most. That, doubled, is the usual gap; or that of the same hour on other days, of which two
may be off, because one day of the week alone has seen little. It is never less than six times the
mean gap, because the gaps of a shop that sells rarely and at random differ as much, nor less than
an hour. A gap that is longer than the usual one counts as long as the usual one: one outage does
not teach the next one to be quiet, while a shop that slows down is known after some weeks.

Memory: `WEEKS_KEPT` x 168 small numbers, whatever the number of events.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shared.ports import Cell

HOUR = timedelta(hours=1)
WEEK_HOURS, DAY_HOURS, DAYS_A_WEEK = 168, 24, 7
DAYS_OFF = 2  # days of a week that may be unlike the others
WEEKS_KEPT = 5  # the one that runs, and four whole ones
LEARNING = timedelta(days=14)  # until then nothing is unusual
NEAR_HOURS = 2  # hours on each side whose silences count too: habits shift, and so does the clock
HOUR_FACTOR, MEAN_FACTOR = 2, 6
SHORTEST = HOUR


@dataclass(frozen=True, slots=True)
class Week:
    """One week. `arrivals`: looks that saw a new event. `minutes`: by hour of the week, the longest
    silence in it."""

    number: int
    arrivals: int = 0
    minutes: tuple[int, ...] = (0,) * WEEK_HOURS


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When events come. `last_at`: of the newest one; `weeks`: newest first."""

    began_at: datetime
    last_at: datetime | None = None
    weeks: tuple[Week, ...] = ()

    def seen(self, received_at: datetime | None) -> "Rhythm":
        """After a look: the newest event that is known now."""
        if received_at is None or (self.last_at is not None and received_at <= self.last_at):
            return self
        number = _hours(received_at) // WEEK_HOURS
        kept = [week for week in self.weeks if week.number > number - WEEKS_KEPT]
        week = next((week for week in kept if week.number == number), Week(number))
        minutes = list(week.minutes)
        for hour, age in self._ages(received_at):
            minutes[hour] = max(minutes[hour], int(age / timedelta(minutes=1)))
        now = Week(number, week.arrivals + 1, tuple(minutes))
        others = tuple(each for each in kept if each.number != number)
        return replace(self, last_at=received_at, weeks=(now, *others))

    def _ages(self, until: datetime) -> list[tuple[int, timedelta]]:
        """The hours of the week that the gap up to `until` touches, each with how old the last
        event was at its end, and no more than is usual then."""
        last = self.last_at
        if last is None:
            return []
        found = []
        for n in range(min(_hours(until) - _hours(last) + 1, WEEK_HOURS)):
            ends_at = min(_floor(last) + (n + 1) * HOUR, until)
            usual = self.usual(ends_at)
            age = ends_at - last
            found.append((_hour_of_week(ends_at), age if usual is None else min(age, usual)))
        return found

    def usual(self, now: datetime) -> timedelta | None:
        """The longest gap that is usual at this moment; None as long as too little was seen."""
        arrivals = sum(week.arrivals for week in self.weeks)
        watched = now - self.began_at
        if watched < LEARNING or not arrivals:
            return None
        hour = _hour_of_week(now)
        days = [self._longest_near(hour + DAY_HOURS * n) for n in range(DAYS_A_WEEK)]
        longest = max(days[0], sorted(days, reverse=True)[DAYS_OFF])
        oldest = datetime.fromtimestamp(self.weeks[-1].number * WEEK_HOURS * 3_600, UTC)
        mean = (now - max(oldest, self.began_at)) / arrivals
        return max(SHORTEST, HOUR_FACTOR * timedelta(minutes=longest), MEAN_FACTOR * mean)

    def _longest_near(self, hour: int) -> int:
        """The longest silence around an hour of the week, in minutes."""
        near = [(hour + n) % WEEK_HOURS for n in range(-NEAR_HOURS, NEAR_HOURS + 1)]
        return max(week.minutes[each] for week in self.weeks for each in near)

    def ratio(self, now: datetime) -> float:
        """How old the last event is, in usual gaps; 0 as long as too little was seen."""
        usual = self.usual(now)
        if usual is None or self.last_at is None:
            return 0.0
        return max(timedelta(0), now - self.last_at) / usual

    def cells(self) -> dict[str, Cell]:
        """As a row."""
        weeks = [[week.number, week.arrivals, *week.minutes] for week in self.weeks]
        found: dict[str, Cell] = {
            "began_at": self.began_at,
            "weeks": json.dumps(weeks, separators=(",", ":")),
        }
        return found if self.last_at is None else {**found, "last_at": self.last_at}


def rhythm_in(cells: Mapping[str, Cell], now: datetime) -> Rhythm:
    """The rhythm that a row keeps; a new one where there is none."""
    began_at, last_at = cells.get("began_at"), cells.get("last_at")
    if not isinstance(began_at, datetime):
        return Rhythm(now)
    weeks = tuple(
        Week(number, arrivals, tuple(minutes))
        for number, arrivals, *minutes in json.loads(str(cells["weeks"]))
    )
    return Rhythm(began_at, last_at if isinstance(last_at, datetime) else None, weeks)


def _hours(moment: datetime) -> int:
    return int(moment.timestamp()) // 3_600


def _floor(moment: datetime) -> datetime:
    return datetime.fromtimestamp(_hours(moment) * 3_600, UTC)


def _hour_of_week(moment: datetime) -> int:
    """Hours since Thursday 00:00 UTC, on which 1970 began."""
    return _hours(moment) % WEEK_HOURS

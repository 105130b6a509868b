"""NCRONTAB: the schedules of timer triggers.

Six fields: second minute hour day month day-of-week, in UTC; all six must agree (day of month
*and* day of week). https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer

Not croniter, which finds the same moments (a test compares the two) but takes schedules that Azure
refuses: five or seven fields, `7` for Sunday, `L`, `15W`, `5#2`, `?`, hours from 17 to 9. Such a
schedule would run here and fail in production; to refuse it takes the parser below in any case.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from local.host.config import HostRefused

FIELDS = 6
DAYS_AHEAD_MAX = 41 * 366  # 29 February on a given weekday recurs within 40 years

_ITEM = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d+))?")
_MONTHS = {name.lower(): n for n, name in enumerate(calendar.month_abbr) if n}
_DAYS = {name.lower(): (n + 1) % 7 for n, name in enumerate(calendar.day_abbr)}


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12),
    _Field("day of week", 0, 6),
)


@dataclass(frozen=True, slots=True)
class NcrontabSchedule:
    """A parsed NCRONTAB expression; each field is the sorted tuple of the values it allows."""

    text: str
    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> "NcrontabSchedule":
        """Read an expression. Raises `HostRefused` for what NCRONTAB does not know, for five
        fields (crontab's form would mean something else), and for what never fires."""
        parts = text.split()
        if len(parts) != FIELDS:
            raise HostRefused(
                f"schedule {text!r} has {len(parts)} fields; NCRONTAB has six: second minute "
                "hour day month day-of-week"
            )
        values = [_values(field, part, text) for field, part in zip(_FIELDS, parts, strict=True)]
        schedule = cls(text, *values)
        schedule.next_after(datetime(2000, 1, 1, tzinfo=UTC))
        return schedule

    def next_after(self, moment: datetime) -> datetime:
        """The first moment of the schedule after `moment` (aware), in UTC."""
        start = moment.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        day = start.replace(hour=0, minute=0, second=0)
        earliest = (start.hour, start.minute, start.second)
        for _ in range(DAYS_AHEAD_MAX):
            if self._has_day(day):
                time = self._time_from(*earliest)
                if time is not None:
                    return day.replace(hour=time[0], minute=time[1], second=time[2])
            day += timedelta(days=1)
            earliest = (0, 0, 0)
        raise HostRefused(f"schedule {self.text!r} never fires")

    def _has_day(self, day: datetime) -> bool:
        return (
            day.month in self.months
            and day.day in self.days
            and (day.weekday() + 1) % 7 in self.weekdays
        )

    def _time_from(self, hour: int, minute: int, second: int) -> tuple[int, int, int] | None:
        for h in self.hours:
            if h < hour:
                continue
            for m in self.minutes:
                if (h, m) < (hour, minute):
                    continue
                for s in self.seconds:
                    if (h, m, s) >= (hour, minute, second):
                        return h, m, s
        return None


def _values(field: _Field, part: str, text: str) -> tuple[int, ...]:
    allowed = [False] * (field.high + 1)
    for item in part.split(","):
        match = _ITEM.fullmatch(item)
        if match is None:
            raise HostRefused(f"schedule {text!r}: NCRONTAB does not know {item!r} as {field.name}")
        first, last, step = match["first"], match["last"], match["step"]
        if first == "*":
            if last is not None:
                raise HostRefused(f"schedule {text!r}: {item!r} is no range of {field.name}")
            low, high = field.low, field.high
        else:
            low = _value(field, first, text)
            high = _value(field, last, text) if last else (field.high if step else low)
        if high < low:
            raise HostRefused(f"schedule {text!r}: {item!r} runs backwards")
        if step is not None and int(step) == 0:
            raise HostRefused(f"schedule {text!r}: {item!r} has a step of zero")
        for value in range(low, high + 1, int(step or 1)):
            allowed[value] = True
    return tuple(value for value, is_allowed in enumerate(allowed) if is_allowed)


def _value(field: _Field, word: str, text: str) -> int:
    names = {"month": _MONTHS, "day of week": _DAYS}.get(field.name, {})
    value = names.get(word.lower())
    if value is None and word.isascii() and word.isdigit():
        value = int(word)
    if value is None or not field.low <= value <= field.high:
        raise HostRefused(
            f"schedule {text!r}: {word!r} is no {field.name} ({field.low} to {field.high})"
        )
    return value

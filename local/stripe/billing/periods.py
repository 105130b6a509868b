"""Billing periods on the calendar: https://docs.stripe.com/billing/subscriptions/billing-cycle.

All moments are Unix seconds. Months and years keep the day of the anchor: 31 January, then the last
of February, then 31 March.
"""

from calendar import monthrange
from datetime import UTC, datetime, timedelta

DAY = 86_400
MONTHS = {"month": 1, "year": 12}
DAYS = {"day": 1, "week": 7}
MONTHS_A_YEAR = 12


def moved(moment: int, interval: str, count: int) -> int:
    """A moment so many intervals later."""
    start = datetime.fromtimestamp(moment, UTC)
    if interval in DAYS:
        return int((start + timedelta(days=DAYS[interval] * count)).timestamp())
    months = start.year * MONTHS_A_YEAR + start.month - 1 + MONTHS[interval] * count
    year, month = divmod(months, MONTHS_A_YEAR)
    day = min(start.day, monthrange(year, month + 1)[1])
    return int(start.replace(year=year, month=month + 1, day=day).timestamp())


def end_of(anchor: int, recurring: dict[str, object], start: int) -> int:
    """When the period ends that starts, or runs, at `start`: the next moment of the anchor's
    cycle."""
    interval, count = str(recurring["interval"]), int(str(recurring["interval_count"]))
    shortest = count * (DAYS.get(interval) or MONTHS[interval] * 28) * DAY
    longest = count * (DAYS.get(interval) or MONTHS[interval] * 31) * DAY
    far = longest if start >= anchor else shortest
    steps = (start - anchor) // far
    while moved(anchor, interval, steps * count) > start:
        steps -= 1
    while moved(anchor, interval, steps * count) <= start:
        steps += 1
    return moved(anchor, interval, steps * count)


def day_of(moment: int) -> str:
    """A day as descriptions show it: `1 Sep 2026`."""
    day = datetime.fromtimestamp(moment, UTC)
    return f"{day.day} {day:%b} {day.year}"


def when(moment: int) -> datetime:
    """The moment for the schedule."""
    return datetime.fromtimestamp(moment, UTC)

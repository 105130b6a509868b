"""Which days of a company are closed: those up to a typed date, or those of no open fiscal period.

One date cannot say that a period between closed ones is open; the spans of open periods can. What
is not known to be open is closed.
"""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Literal

FOLLOW: Literal["follow"] = "follow"
"""In place of a date: the fiscal periods of Dynamics say which days are closed."""

_A_DAY = timedelta(days=1)


class Module(StrEnum):
    """What a document is posted in. A period may be closed for one of them alone."""

    LEDGER = "ledger"
    CUSTOMERS = "customers"
    VENDORS = "vendors"


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """The first and the last day of a fiscal period."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class TypedDays:
    """Closed through a day that a person typed; None: no day is closed."""

    through: date | None = None

    def cut_off(self, day: date, module: Module) -> date | None:
        """The last day on which what is of a day may be written: that of its month. None where
        the day is closed."""
        del module
        return None if self.through is not None and day <= self.through else _end_of_month(day)

    def reason(self, company: str, day: date) -> str:
        """Why a closed day is closed."""
        return f"{company} is closed through {self.through}, the line is of {day}"


@dataclass(frozen=True, slots=True)
class FollowedDays:
    """Closed but for the open fiscal periods of each module."""

    periods: Mapping[Module, tuple[Period, ...]] = field(default_factory=dict)

    def cut_off(self, day: date, module: Module) -> date | None:
        """The last day on which what is of a day may be written: that of its period, of its month
        at most. None where no open period holds the day."""
        ends = [each.last for each in self._open(module) if each.first <= day <= each.last]
        return min(max(ends), _end_of_month(day)) if ends else None

    def reason(self, company: str, day: date) -> str:
        """Why a closed day is closed."""
        return f"Dynamics shows no open fiscal period of {company} for the line's day, {day}"

    def closed(self, module: Module) -> str:
        """The closed days in words: `through 2026-09-30, 2026-11-01 to 2026-11-30, from ...`."""
        spans = self._joined(module)
        if not spans:
            return "every day"
        between = (
            f"{one.last + _A_DAY} to {other.first - _A_DAY}" for one, other in pairwise(spans)
        )
        first, last = spans[0].first - _A_DAY, spans[-1].last + _A_DAY
        return ", ".join((f"through {first}", *between, f"from {last}"))

    def _open(self, module: Module) -> tuple[Period, ...]:
        return self.periods.get(module, ())

    def _joined(self, module: Module) -> list[Period]:
        """Open periods in order, those that follow each other without a gap as one."""
        joined: list[Period] = []
        for each in sorted(self._open(module)):
            if joined and each.first <= joined[-1].last + _A_DAY:
                before = joined.pop()
                joined.append(Period(before.first, max(before.last, each.last)))
            else:
                joined.append(each)
        return joined


type ClosedDays = TypedDays | FollowedDays


def _end_of_month(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])

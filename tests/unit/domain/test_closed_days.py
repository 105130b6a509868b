from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.closed_days import FollowedDays, Module, Period, TypedDays

LEDGER, CUSTOMERS = Module.LEDGER, Module.CUSTOMERS
JAN = Period(date(2026, 1, 1), date(2026, 1, 31))
FEB = Period(date(2026, 2, 1), date(2026, 2, 28))
APRIL = Period(date(2026, 4, 1), date(2026, 4, 30))
DAYS = st.dates(date(2025, 12, 1), date(2026, 6, 30))


def followed(*periods: Period) -> FollowedDays:
    return FollowedDays({LEDGER: periods})


@pytest.mark.parametrize(
    ("day", "cut_off"),
    [
        (date(2025, 12, 31), None),
        (date(2026, 1, 31), JAN.last),
        (date(2026, 2, 1), FEB.last),
        (date(2026, 3, 15), None),  # between two open periods
        (date(2026, 4, 30), APRIL.last),
        (date(2026, 5, 1), None),
    ],
)
def test_a_day_is_open_in_its_open_period_alone(day: date, cut_off: date | None) -> None:
    assert followed(FEB, APRIL, JAN).cut_off(day, LEDGER) == cut_off


def test_a_module_has_periods_of_its_own() -> None:
    days = FollowedDays({LEDGER: (JAN,), CUSTOMERS: (FEB,)})
    assert days.cut_off(JAN.first, LEDGER) == JAN.last
    assert days.cut_off(JAN.first, CUSTOMERS) is None
    assert days.cut_off(JAN.first, Module.VENDORS) is None


def test_nothing_is_open_where_nothing_is_known() -> None:
    assert FollowedDays().cut_off(JAN.first, LEDGER) is None
    assert FollowedDays().closed(LEDGER) == "every day"


@pytest.mark.parametrize(
    ("period", "cut_off"),
    [
        (Period(date(2026, 1, 1), date(2026, 1, 28)), date(2026, 1, 28)),  # of four weeks
        (Period(date(2026, 1, 1), date(2026, 3, 31)), date(2026, 1, 31)),  # a quarter
    ],
)
def test_the_cut_off_is_the_end_of_month_or_of_a_period_that_ends_before(
    period: Period, cut_off: date
) -> None:
    assert followed(period).cut_off(date(2026, 1, 5), LEDGER) == cut_off


def test_the_closed_days_are_said_with_their_gaps() -> None:
    text = "through 2025-12-31, 2026-03-01 to 2026-03-31, from 2026-05-01"
    assert followed(APRIL, FEB, JAN).closed(LEDGER) == text


@given(DAYS, DAYS)
def test_a_typed_day_closes_itself_and_what_is_before(through: date, day: date) -> None:
    for module in Module:
        is_open = TypedDays(through).cut_off(day, module) is not None
        assert is_open == (day > through)
    last = TypedDays().cut_off(day, LEDGER)
    assert last is not None
    assert (last.month, (last + timedelta(days=1)).day) == (day.month, 1)

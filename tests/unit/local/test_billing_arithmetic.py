"""The arithmetic of Billing: periods on the calendar, and parts of them."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.stripe.billing.periods import DAY, day_of, end_of, moved
from local.stripe.billing.proration import part
from local.stripe.line_amounts import Rate, amounts, spread

EPOCH_MIN, EPOCH_MAX = 1_500_000_000, 2_500_000_000
INTERVALS = ("day", "week", "month", "year")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("start", "interval", "count", "end"),
    [
        ("2026-01-31T10:00", "month", 1, "2026-02-28T10:00"),
        ("2026-01-31T10:00", "month", 2, "2026-03-31T10:00"),
        ("2027-12-15T00:00", "month", 3, "2028-03-15T00:00"),
        ("2028-02-29T00:00", "year", 1, "2029-02-28T00:00"),
        ("2026-03-31T10:00", "month", -1, "2026-02-28T10:00"),
        ("2026-12-30T23:59", "week", 1, "2027-01-06T23:59"),
        ("2026-12-31T23:59", "day", 1, "2027-01-01T23:59"),
    ],
)
def test_a_moment_moves_on_the_calendar(start: str, interval: str, count: int, end: str) -> None:
    assert moved(at(start), interval, count) == at(end)


def test_the_day_of_the_anchor_comes_back_after_a_short_month() -> None:
    month = {"interval": "month", "interval_count": 1}
    anchor = at("2026-01-31T10:00")
    february = end_of(anchor, month, anchor)
    assert february == at("2026-02-28T10:00")
    assert end_of(anchor, month, february) == at("2026-03-31T10:00")
    assert day_of(february) == "28 Feb 2026"


@given(
    st.integers(EPOCH_MIN, EPOCH_MAX),
    st.integers(EPOCH_MIN, EPOCH_MAX),
    st.sampled_from(INTERVALS),
    st.integers(1, 6),
)
def test_a_period_ends_at_the_next_moment_of_the_cycle(
    anchor: int, start: int, interval: str, count: int
) -> None:
    end = end_of(anchor, {"interval": interval, "interval_count": count}, start)
    longest = {"day": 1, "week": 7, "month": 31, "year": 366}[interval] * count
    assert start < end <= start + longest * DAY + 3 * DAY
    steps = [moved(anchor, interval, count * n) for n in range(-3, 4)]
    assert steps == sorted(steps)


@given(st.integers(-(10**9), 10**9), st.integers(1, 366 * DAY), st.integers(0, 366 * DAY))
def test_what_is_unused_and_what_was_used_are_the_whole(
    amount: int, length: int, used: int
) -> None:
    used = min(used, length)
    rest = part(amount, 0, length, used)
    assert part(-amount, 0, length, used) == -rest
    assert abs(rest * length - amount * (length - used)) * 2 <= length
    assert part(amount, 0, length, 0) == amount
    assert part(amount, 0, length, length) == 0


@given(st.integers(-(10**6), 10**6), st.lists(st.integers(0, 1_000), min_size=1, max_size=8))
def test_an_amount_is_spread_without_rest(total: int, weights: list[int]) -> None:
    parts = spread(total, weights)
    assert sum(parts) == total
    assert all(each == 0 or (each > 0) == (total > 0) for each in parts)


@given(st.integers(0, 10**7), st.integers(0, 2_500), st.booleans())
def test_a_credit_mirrors_the_charge_with_its_taxes(
    amount: int, points: int, inclusive: bool
) -> None:
    charge = amounts(amount, 0, [Rate("txr", Decimal(points) / 100, inclusive)])
    credit = charge.negated()
    assert credit.total_minor == -charge.total_minor
    assert credit.taxes[0].amount_minor == -charge.taxes[0].amount_minor
    assert credit.negated() == charge

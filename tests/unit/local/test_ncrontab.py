from datetime import UTC, datetime

import pytest
from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st

from local.host.config import HostRefused
from local.host.ncrontab import NcrontabSchedule

NOW = datetime(2026, 1, 31, 23, 59, 30, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 */5 * * * *", "2026-02-01T00:00:00"),
        ("45 * * * * *", "2026-01-31T23:59:45"),
        ("30 59 23 31 1 *", "2027-01-31T23:59:30"),
        ("0 0 2 * * *", "2026-02-01T02:00:00"),
        ("0 0 0 13 * 5", "2026-02-13T00:00:00"),
        ("0 30 9 * * Mon-Fri", "2026-02-02T09:30:00"),
        ("0 0 9-17/4 * Jan,mar 0", "2026-03-01T09:00:00"),
        ("5/15 0 0 1 1 *", "2027-01-01T00:00:05"),
        ("0 0 0 29 2 1", "2044-02-29T00:00:00"),
        ("0 0 0 31 * *", "2026-03-31T00:00:00"),
    ],
)
def test_the_next_moment_is_found(text: str, expected: str) -> None:
    assert NcrontabSchedule.parse(text).next_after(NOW) == datetime.fromisoformat(
        expected + "+00:00"
    )


def test_the_next_moment_is_after_the_present_one() -> None:
    schedule = NcrontabSchedule.parse("*/10 * * * * *")
    moment = schedule.next_after(NOW)
    assert (moment.second, schedule.next_after(moment).second) == (40, 50)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0 */5 * * *", "has 5 fields"),
        ("0 0 0 * * * 2026", "has 7 fields"),
        ("", "has 0 fields"),
        ("0 0 0 * * 7", "'7' is no day of week"),
        ("0 0 0 L * *", "'L' is no day"),
        ("0 0 0 15W * *", "'15W' is no day"),
        ("0 0 0 * * 5#2", "does not know '5#2'"),
        ("0 0 0 ? * *", "does not know '?'"),
        ("60 * * * * *", "'60' is no second"),
        ("0 0 24 * * *", "'24' is no hour"),
        ("0 0 0 0 * *", "'0' is no day"),
        ("0 0 0 * 13 *", "'13' is no month"),
        ("0 0 0 * Foo *", "'Foo' is no month"),
        ("0 0 17-9 * * *", "runs backwards"),
        ("*/0 * * * * *", "a step of zero"),
        ("0 0 0 30 2 *", "never fires"),
        ("0 0 *-5 * * *", "is no range"),
        ("0 0 , * * *", "does not know ''"),
        ("-1 * * * * *", "does not know '-1'"),
        ("00:05:00", "has 1 fields"),
    ],
)
def test_what_ncrontab_does_not_know_is_refused(text: str, problem: str) -> None:
    with pytest.raises(HostRefused) as refused:
        NcrontabSchedule.parse(text)
    assert problem in str(refused.value)


@pytest.mark.parametrize(
    "text",
    ["0 */5 * * *", "0 0 0 * * 7", "0 0 0 L * *", "0 0 0 * * 5#2", "0 0 0 ? * *", "0 0 17-9 * * *"],
)
def test_croniter_takes_what_azure_refuses(text: str) -> None:
    # While this holds, croniter cannot take the place of the host's own parser.
    assert croniter.is_valid(text, second_at_beginning=True)
    with pytest.raises(HostRefused):
        NcrontabSchedule.parse(text)


def fields(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    # croniter takes the range 0-0 of weekdays for the whole week
    pair = st.tuples(number, number).map(sorted).filter(lambda p: p[0] < p[1])
    return st.one_of(
        st.just("*"),
        number.map(str),
        pair.map(lambda p: f"{p[0]}-{p[1]}"),
        st.integers(1, high).map(lambda n: f"*/{n}"),
        st.lists(number, min_size=1, max_size=4).map(lambda ns: ",".join(map(str, ns))),
    )


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(
        fields(0, 59), fields(0, 59), fields(0, 23), fields(1, 28), fields(1, 12), fields(0, 6)
    ).map(" ".join),
    st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001
)
def test_another_implementation_agrees(text: str, naive: datetime) -> None:
    moment = naive.replace(tzinfo=UTC)
    other = croniter(text, moment, second_at_beginning=True, day_or=False)
    assert NcrontabSchedule.parse(text).next_after(moment) == other.get_next(datetime)

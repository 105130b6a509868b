"""The process dies at crash points in turn, and the books end the same.

Points of one kind (before or after one call of a port to one place) are alike, so of each kind some
are tried, spread over the whole scenario: a scenario has up to 600 points, most of them at timers.
With `KIND_POINTS_MAX = 1_000` all of them are tried, which takes a quarter of an hour.
"""

import logging
from collections.abc import Iterator, Sequence

import pytest

from local.simulation.crashes import SCENARIOS, aftermath

PARTS = 4  # each scenario is cut into so many tests
KIND_POINTS_MAX = 5


@pytest.fixture(autouse=True)
def _silent_app() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def tried(points: Sequence[str]) -> list[int]:
    """The numbers of the points to die at, from 1 on: of each kind the first, the last, and some
    between."""
    places: dict[str, list[int]] = {}
    for number, point in enumerate(points, start=1):
        places.setdefault(point, []).append(number)
    chosen: set[int] = set()
    for numbers in places.values():
        count = min(len(numbers), KIND_POINTS_MAX)
        last = len(numbers) - 1
        chosen |= {numbers[round(last * each / max(count - 1, 1))] for each in range(count)}
    return sorted(chosen)


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_crash_at_any_point_changes_nothing_in_the_books(scenario: str, part: int) -> None:
    whole = aftermath(scenario)
    assert not whole.violations
    assert len(whole.points) > 50
    for point in tried(whole.points)[part::PARTS]:
        crashed = aftermath(scenario, point)
        where = f"{scenario}, point {point}: {whole.points[point - 1]}"
        assert crashed.lines == whole.lines, where
        assert not crashed.violations, f"{where}: {crashed.violations}"


def test_some_points_of_each_kind_are_tried() -> None:
    points = ["a", *["b"] * 100, "c", "c"]
    assert tried(points) == [1, 2, 27, 52, 76, 101, 102, 103]


def test_a_scenario_books_what_it_is_about() -> None:
    keys = {line[0].partition(":")[2] for line in aftermath("payout").lines}
    assert {"gross", "fee", "fee_tax", "arrival"} <= keys


def test_the_timers_find_what_no_event_told_of() -> None:
    whole = aftermath("timers")
    sources = [line[0].partition(":")[2] for line in whole.lines if line[1] == "demf"]
    assert sources.count("gross") == 6
    assert {"before tables.transact cursors", "after dead letter kept"} <= dict.fromkeys(
        point for point in whole.points
    ).keys()


def test_an_unknown_scenario_is_refused() -> None:
    with pytest.raises(KeyError):
        aftermath("invoice")

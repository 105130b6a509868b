"""The process dies at each of its crash points in turn, and the books end the same."""

import logging
from collections.abc import Iterator

import pytest

from local.simulation.crashes import SCENARIOS, aftermath

PARTS = 4  # each scenario is cut into so many tests
TRIED = {"timers": 3}  # of the many points of timers each third one


@pytest.fixture(autouse=True)
def _silent_app() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_crash_at_any_point_changes_nothing_in_the_books(scenario: str, part: int) -> None:
    whole = aftermath(scenario)
    assert not whole.violations
    assert len(whole.points) > 50
    step = TRIED.get(scenario, 1)
    for point in range(1 + part * step, len(whole.points) + 1, PARTS * step):
        crashed = aftermath(scenario, point)
        where = f"{scenario}, point {point}: {whole.points[point - 1]}"
        assert crashed.lines == whole.lines, where
        assert not crashed.violations, f"{where}: {crashed.violations}"


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

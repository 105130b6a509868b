"""Seeded stretches of business with every fault on: no invariant may break."""

from pathlib import Path

import pytest

from local.simulation.command import many
from local.simulation.report import Result

SEEDS = range(1, 21)
TWICE = 3  # this seed runs once more, in whichever process is free
DAYS = 2.0  # `make simulate` runs longer ones
JOBS = 2
SELDOM = {"period_closed": 1.0, "line_moved": 0.5, "journal_refused": 1.0}
"""What an office does every two to six days, so not in runs this short: with the rates at which
`OFFICE` seeds show it in `OFFICE_DAYS`."""
OFFICE, OFFICE_DAYS = (94, 13), 9.0


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[Result]:
    folder = tmp_path_factory.mktemp("timelines")
    wanted = [TWICE, TWICE, *(seed for seed in SEEDS if seed != TWICE)]
    return list(many(wanted, folder, jobs=JOBS, days=DAYS, shrinks=False))


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_or_doubled(results: list[Result], seed: int) -> None:
    found = next(result for result in results if result.seed == seed)
    assert not found.violations, Path(found.file).read_text(encoding="utf-8")[:3_000]
    assert found.entries > 0


def test_the_same_seed_gives_the_same_run_in_two_processes(results: list[Result]) -> None:
    first, second = (result for result in results if result.seed == TWICE)
    assert first.digest == second.digest
    assert first == second


def test_different_seeds_give_different_runs(results: list[Result]) -> None:
    assert len({result.digest for result in results}) == len(SEEDS)


def test_the_faults_really_happen(results: list[Result]) -> None:
    assert SELDOM.keys() <= results[0].faults.keys()
    silent = [
        name
        for name in results[0].faults
        if name not in SELDOM and not any(result.faults[name] for result in results)
    ]
    assert not silent


def test_what_happens_seldom_breaks_nothing_either(tmp_path: Path) -> None:
    found = list(
        many(OFFICE, tmp_path, JOBS, days=OFFICE_DAYS, rates=SELDOM, only=True, shrinks=False)
    )
    assert not any(result.violations for result in found)
    assert all(any(result.faults[name] for result in found) for name in SELDOM)

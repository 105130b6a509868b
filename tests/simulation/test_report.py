"""Shrinking, the timeline and the table: what a person gets of a failing seed."""

import dataclasses
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from cli.main import app
from local.simulation.command import main, one, rates_named
from local.simulation.faults import NAMES, Allowed, Injected
from local.simulation.report import (
    FIRED_WANTED,
    SEEDS_FOR_COVERAGE,
    Result,
    result_of,
    seldom,
    show,
)
from local.simulation.run import SeedOutcome
from local.simulation.shrink import RUNS_MAX, allowed_by, shrink
from local.simulation.subject import Violation
from local.simulation.timeline import Timeline

MOMENT = datetime(2026, 10, 12, 1, 2, 3, 456_000, tzinfo=UTC)


class StandingClock:
    def now(self) -> datetime:
        return MOMENT

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"nothing sleeps here, not even {seconds} s")


def outcome(
    injected: list[Injected], *, fails: bool, invariant: str = "line_missing"
) -> SeedOutcome:
    violation = Violation(invariant, "txn_1:gross")
    return SeedOutcome(
        seed=7,
        violations=(violation,) if fails else (),
        injected=tuple(injected),
        faults=dict.fromkeys(NAMES, 0),
        events=3,
        sales=2,
        entries=1,
        parked=0,
        healed=0,
        days=30.0,
        digest="d",
        timeline=Timeline(StandingClock()),
    )


FAULTS = [Injected(kind, number, "") for kind in NAMES[:6] for number in range(1, 9)]
NEEDED = [FAULTS[3], FAULTS[20]]


def play(allowed: Allowed) -> SeedOutcome:
    """A run that fails when both needed faults strike."""
    struck = [fault for fault in FAULTS if fault.number in allowed.get(fault.kind, ())]
    return outcome(struck, fails=all(fault in struck for fault in NEEDED))


def test_a_failure_is_shrunk_to_the_faults_it_needs() -> None:
    assert shrink(play, outcome(FAULTS, fails=True)) == NEEDED


def test_shrinking_does_not_follow_another_failure() -> None:
    def other(allowed: Allowed) -> SeedOutcome:
        return dataclasses.replace(
            play(allowed), violations=(Violation("duplicate_line", "another one"),)
        )

    assert shrink(other, outcome(FAULTS, fails=True)) == FAULTS


def test_shrinking_ends_after_a_number_of_runs() -> None:
    runs = 0

    def stubborn(allowed: Allowed) -> SeedOutcome:
        nonlocal runs
        runs += 1
        return outcome([], fails=False)

    many = [Injected(kind, number, "") for kind in NAMES for number in range(100)]
    assert shrink(stubborn, outcome(many, fails=True)) == many
    assert runs <= RUNS_MAX


def test_a_run_without_violation_cannot_be_shrunk() -> None:
    with pytest.raises(ValueError, match="no violation"):
        shrink(play, outcome(FAULTS, fails=False))


def test_an_allow_list_names_each_fault_once() -> None:
    assert allowed_by(NEEDED) == {NEEDED[0].kind: [4], NEEDED[1].kind: [5]}


def test_a_timeline_is_readable_and_its_digest_tells_runs_apart(tmp_path: Path) -> None:
    one, other, third = (Timeline(StandingClock()) for _ in range(3))
    for timeline in (one, other):
        timeline.note("app1", "tables.transact links cus_1 Insert:claim")
    third.note("app2", "tables.transact links cus_1 Insert:claim")
    assert one.digest == other.digest != third.digest
    file = tmp_path / "deep" / "seed-7.txt"
    one.write(file, "seed 7")
    assert file.read_text(encoding="utf-8").splitlines() == [
        "seed 7",
        "",
        "10-12 01:02:03.456  app1          tables.transact links cus_1 Insert:claim",
    ]


def shown(*results: Result) -> str:
    text = io.StringIO()
    show(results, Console(file=text, width=120))
    return text.getvalue()


def test_the_table_ends_in_the_number_of_violations() -> None:
    good = result_of(outcome([], fails=False))
    assert shown(good, good).rstrip().endswith("violations: 0")
    bad = result_of(
        outcome(FAULTS, fails=True), ["stripe_500 #4"], "/somewhere/seed-7.txt", "make x"
    )
    text = shown(good, bad)
    assert text.rstrip().endswith("violations: 1")
    for part in ("seed 7 fails", "line_missing: txn_1:gross", "stripe_500 #4", "seed-7.txt"):
        assert part in text
    assert "  again: make x\n" in text


def test_a_single_seed_shows_its_digest() -> None:
    assert "timeline digest: d" in shown(result_of(outcome([], fails=False)))


def fired(**counts: int) -> list[Result]:
    """Results of many seeds, of which the first met some faults."""
    quiet = result_of(outcome([], fails=False))
    faults = {**dict.fromkeys(NAMES, FIRED_WANTED), **counts}
    return [dataclasses.replace(quiet, faults=faults), *[quiet] * (SEEDS_FOR_COVERAGE - 1)]


def test_many_seeds_must_meet_every_kind_of_fault_often() -> None:
    assert not seldom(fired())
    assert f"every kind at least {FIRED_WANTED} times: yes" in shown(*fired())
    short = fired(line_moved=FIRED_WANTED - 1, redeployed=0)
    assert list(seldom(short).items()) == [("redeployed", 0), ("line_moved", FIRED_WANTED - 1)]
    assert "times: no (redeployed 0, line_moved 99)" in shown(*short)


def test_a_few_seeds_may_miss_kinds_and_name_the_rarest() -> None:
    few = fired(line_moved=3)[:-1]
    assert not seldom(few)
    assert "rarest fault: line_moved, 3 times" in shown(*few)


@pytest.mark.parametrize(("seeds", "jobs"), [(0, 1), (-1, 1), (1, 0), (1, 1_000)])
def test_senseless_numbers_are_refused(seeds: int, jobs: int) -> None:
    with pytest.raises(ValueError, match="seeds is 1 to"):
        main(seeds=seeds, jobs=jobs)


def test_a_step_that_leads_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="step is at least 1"):
        main(seeds=2, step=0)


def test_a_seed_can_be_shortened_and_have_other_rates_and_says_where_its_timeline_is(
    tmp_path: Path,
) -> None:
    rates = rates_named(["webhook_repeated=1", "stripe_500=0.25"])
    found = one(3, tmp_path, days=1.5, rates=rates, only=True, always_writes=True)
    struck = {kind for kind, count in found.faults.items() if count}
    assert struck == {"webhook_repeated", "stripe_500"}
    options = "--days 1.5 --rate webhook_repeated=1 --rate stripe_500=0.25 --only"
    assert found.again == f'make simulate SEED=3 ARGS="{options}"'
    assert Path(found.file).read_text(encoding="utf-8").startswith("seed 3: no violation")
    assert f"timeline: {found.file}\n" in shown(found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("thunder=0.1", "thunder is no kind of fault"),
        ("stripe_500", "write stripe_500=0.05"),
        ("stripe_500=often", "write stripe_500=0.05"),
        ("stripe_500=1.1", "a share of 0 to 1"),
        ("stripe_500=nan", "a share of 0 to 1"),
    ],
)
def test_a_senseless_rate_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        rates_named([text])
    result = CliRunner().invoke(app, ["simulate", "--seeds", "1", "--rate", text])
    assert result.exit_code == 2
    assert said.split(" ", maxsplit=1)[0] in result.output


@pytest.mark.parametrize("shrinks", [True, False])
def test_a_failure_is_shrunk_unless_that_is_switched_off(tmp_path: Path, shrinks: bool) -> None:
    said: list[str] = []

    def run(seed: int, *, allowed: Allowed | None = None, **_: object) -> SeedOutcome:
        assert seed == 7
        return outcome(FAULTS, fails=True) if allowed is None else play(allowed)

    found = one(7, tmp_path, shrinks=shrinks, say=said.append, run=run)
    assert bool(found.needed) is shrinks
    assert any("--no-minimise" in line for line in said) is shrinks
    assert Path(found.file).read_text(encoding="utf-8").startswith("seed 7\nline_missing")

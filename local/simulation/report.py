"""The figures of many seeds, as a table that ends in the number of violations."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from local.simulation.faults import KINDS
from local.simulation.run import SeedOutcome

FIRED_WANTED = 100  # times a kind, over so many seeds:
SEEDS_FOR_COVERAGE = 200


@dataclass(frozen=True, slots=True)
class Result:
    """What is kept of a seed. `violations` are texts, `file` names the timeline where one was
    written, `again` the command that repeats the run."""

    seed: int
    digest: str
    sales: int
    events: int
    entries: int
    parked: int
    healed: int
    faults: dict[str, int]
    violations: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    file: str = ""
    again: str = ""


def result_of(
    outcome: SeedOutcome, needed: Sequence[str] = (), file: str = "", again: str = ""
) -> Result:
    """The part of an outcome that travels between processes."""
    return Result(
        outcome.seed,
        outcome.digest,
        outcome.sales,
        outcome.events,
        outcome.entries,
        outcome.parked,
        outcome.healed,
        dict(outcome.faults),
        tuple(f"{each.invariant}: {each.text}" for each in outcome.violations),
        tuple(needed),
        file,
        again,
    )


def seldom(results: Sequence[Result]) -> dict[str, int]:
    """The kinds of faults that fired too seldom to prove anything, and how often they did: the
    rarest first. Empty for fewer seeds than `SEEDS_FOR_COVERAGE`, which may well miss some."""
    if len(results) < SEEDS_FOR_COVERAGE:
        return {}
    fired = _fired(results)
    return {name: fired[name] for name in fired if fired[name] < FIRED_WANTED}


def _fired(results: Sequence[Result]) -> dict[str, int]:
    """How often each kind struck in all, the rarest first."""
    counts = {kind.name: sum(each.faults[kind.name] for each in results) for kind in KINDS}
    return dict(sorted(counts.items(), key=lambda found: found[1]))


def show(results: Sequence[Result], console: Console) -> None:
    """Print faults by kind, failing seeds and sums."""
    faults = Table("fault", "what", "fired", "seeds", title="Faults by kind")
    for kind in KINDS:
        fired = sum(result.faults[kind.name] for result in results)
        seeds = sum(bool(result.faults[kind.name]) for result in results)
        faults.add_row(kind.name, kind.text, f"{fired:,}", f"{seeds:,}")
    console.print(faults)
    _show_coverage(results, console)
    for result in results:
        if result.violations:
            _show_failure(result, console)
    sums = Table(title="Sums")
    for name in ("seeds", "sales", "events", "entries", "faults", "parked", "healed"):
        sums.add_column(name, justify="right")
    sums.add_row(
        f"{len(results):,}",
        *(
            f"{sum(getattr(result, name) for result in results):,}"
            for name in ("sales", "events", "entries")
        ),
        f"{sum(sum(result.faults.values()) for result in results):,}",
        *(f"{sum(getattr(result, name) for result in results):,}" for name in ("parked", "healed")),
    )
    console.print(sums)
    if len(results) == 1:
        if results[0].file:
            _print(console, f"timeline: {results[0].file}")
        _print(console, f"timeline digest: {results[0].digest}")
    console.print(f"violations: {sum(len(result.violations) for result in results)}")


def _show_coverage(results: Sequence[Result], console: Console) -> None:
    rarest, count = next(iter(_fired(results).items()))
    if len(results) < SEEDS_FOR_COVERAGE:
        console.print(f"rarest fault: {rarest}, {count} times")
        return
    answer = "no" if seldom(results) else "yes"
    told = ", ".join(f"{name} {fired}" for name, fired in seldom(results).items())
    console.print(
        f"every kind at least {FIRED_WANTED} times: {answer} ({told or f'{rarest} {count}'})"
    )


def _show_failure(result: Result, console: Console) -> None:
    console.print(f"seed {result.seed} fails:", style="bold")
    for violation in result.violations:
        _print(console, f"  {violation}")
    if result.needed:
        console.print(f"  with these {len(result.needed)} faults alone:")
        for fault in result.needed:
            _print(console, f"    {fault}")
    _print(console, f"  timeline: {result.file}")
    _print(console, f"  again: {result.again}")


def _print(console: Console, text: str) -> None:
    """A line as it is, to be pasted: not wrapped, not coloured."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)

"""Many seeds in a few processes, or one seed in this one."""

import logging
import multiprocessing
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import track

from local.simulation.faults import NAMES, Allowed, rates_of
from local.simulation.report import Result, result_of, seldom, show
from local.simulation.run import DAYS, SeedOutcome, freeze_imports, simulate
from local.simulation.shrink import RUNS_MAX, shrink

SEEDS_MAX = 1_000_000
JOBS_MAX = 64
DAYS_MAX = 366.0
NEEDED_SHOWN_MAX = 40


def main(
    seeds: int = 200,
    first: int = 1,
    seed: int | None = None,
    timeline: Path | None = None,
    jobs: int = 2,
    *,
    step: int = 1,
    days: float = DAYS,
    rates: Mapping[str, float] | None = None,
    only: bool = False,
    shrinks: bool = True,
) -> int:
    """Run `seeds` seeds from `first` on, each `step` after the one before it, or the one `seed`.
    Returns 1 when an invariant was violated, or when many seeds left a kind of fault out of the
    test (`report.seldom`); the latter counts for whole months with the rates that the seeds draw.

    `timeline`: the folder for the timelines of failing seeds, and of a single one; None: a folder
    of the system's for temporary files. `days`, `rates`, `only`, `shrinks`: see `one`. Raises
    ValueError for numbers out of range.
    """
    if not (1 <= seeds <= SEEDS_MAX and 1 <= jobs <= JOBS_MAX and 1 <= days <= DAYS_MAX):
        raise ValueError(f"seeds is 1 to {SEEDS_MAX}, jobs 1 to {JOBS_MAX}, days 1 to {DAYS_MAX:g}")
    if step < 1:
        raise ValueError("step is at least 1")
    folder = timeline or Path(tempfile.gettempdir()) / "tieout-simulation"
    console = Console()
    if seed is not None:
        play = partial(one, days=days, rates=rates, only=only, shrinks=shrinks)
        results = [play(seed, folder, always_writes=True, say=console.print)]
    else:
        wanted = range(first, first + seeds * step, step)
        found = many(wanted, folder, jobs, days=days, rates=rates, only=only, shrinks=shrinks)
        results = list(track(found, "simulating", total=seeds, console=console))
        results.sort(key=lambda result: result.seed)
    show(results, console)
    is_whole = days >= DAYS and not rates and not only
    return int(any(result.violations for result in results) or (is_whole and bool(seldom(results))))


def rates_named(texts: Sequence[str]) -> dict[str, float]:
    """The rates of `KIND=SHARE`. Raises ValueError for what is none."""
    found: dict[str, float] = {}
    for text in texts:
        kind, _, share = text.partition("=")
        if kind not in NAMES:
            raise ValueError(f"{kind} is no kind of fault; there are {', '.join(NAMES)}")
        try:
            found[kind] = float(share)
        except ValueError:
            raise ValueError(f"{text}: write {kind}=0.05, for one of twenty") from None
        if not 0 <= found[kind] <= 1:
            raise ValueError(f"{text}: a rate is a share of 0 to 1")
    return found


def many(
    seeds: Sequence[int],
    folder: Path,
    jobs: int,
    *,
    days: float = DAYS,
    rates: Mapping[str, float] | None = None,
    only: bool = False,
    shrinks: bool = True,
) -> Iterator[Result]:
    """The results of seeds as they come, from so many processes; see `one`."""
    job = partial(one, folder=folder, days=days, rates=rates, only=only, shrinks=shrinks)
    if jobs == 1:
        yield from map(job, seeds)
        return
    processes = multiprocessing.get_context("spawn")
    with processes.Pool(min(jobs, len(seeds)), initializer=freeze_imports) as pool:
        yield from pool.imap_unordered(job, seeds)


def one(
    seed: int,
    folder: Path,
    *,
    days: float = DAYS,
    rates: Mapping[str, float] | None = None,
    only: bool = False,
    shrinks: bool = True,
    always_writes: bool = False,
    say: Callable[[str], None] = lambda _: None,
    run: Callable[..., SeedOutcome] = simulate,
) -> Result:
    """Run a seed for so many days.

    `rates` take the place of those that the seed draws; `only`: no other kinds strike. The timeline
    of a failure is written to `folder`, that of a success only if `always_writes`. `shrinks`: find
    the faults that a failure needs, which takes up to `RUNS_MAX` more runs. `run`: `simulate`.
    """
    logging.disable(logging.CRITICAL)  # the app logs every fault it meets
    drawn = dict.fromkeys(NAMES, 0.0) if only else rates_of(seed)
    chosen = {**drawn, **(rates or {})}
    outcome = run(seed, days=days, rates=chosen)
    file = folder / f"seed-{seed}.txt"
    again = _again(seed, days, rates or {}, only)
    if not outcome.violations:
        if always_writes:
            outcome.timeline.write(file, f"seed {seed}: no violation, digest {outcome.digest}")
        return result_of(outcome, file=str(file) if always_writes else "", again=again)
    heading = [f"seed {seed}", *(f"{each.invariant}: {each.text}" for each in outcome.violations)]
    outcome.timeline.write(file, "\n".join(heading))

    def play(allowed: Allowed) -> SeedOutcome:
        return run(seed, days=days, rates=chosen, allowed=allowed)

    if shrinks:
        say(f"seed {seed} fails, timeline: {file}")
        say(f"looking for the faults it needs, up to {RUNS_MAX} runs (--no-minimise leaves it out)")
    left = shrink(play, outcome) if shrinks else []
    needed = [f"{each.kind} #{each.number} {each.what}" for each in left]
    if needed:
        heading += ["", f"It fails with these {len(needed)} faults alone:", *needed]
        outcome.timeline.write(file, "\n".join(heading))
    return result_of(outcome, needed[:NEEDED_SHOWN_MAX], str(file), again)


def _again(seed: int, days: float, rates: Mapping[str, float], only: bool) -> str:
    """The command that repeats a run."""
    arguments = [f"--days {days:g}"] if days != DAYS else []
    arguments += [f"--rate {kind}={share:g}" for kind, share in rates.items()]
    arguments += ["--only"] if only else []
    given = f' ARGS="{" ".join(arguments)}"' if arguments else ""
    return f"make simulate SEED={seed}{given}"

"""Many seeds in a few processes, or one seed in this one."""

import logging
import multiprocessing
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import track

from local.simulation.faults import Allowed
from local.simulation.report import Result, result_of, seldom, show
from local.simulation.run import DAYS, Outcome, simulate
from local.simulation.shrink import shrink

SEEDS_MAX = 1_000_000
JOBS_MAX = 64
NEEDED_SHOWN_MAX = 40


def main(
    seeds: int = 200,
    first: int = 1,
    seed: int | None = None,
    timeline: Path | None = None,
    jobs: int = 2,
) -> int:
    """Run `seeds` seeds from `first` on, or the one `seed`. Returns 1 when an invariant was
    violated, or when many seeds left a kind of fault out of the test (`report.seldom`).

    `timeline`: the folder for the timelines of failing seeds, and of a single one; None: a folder
    of the system's for temporary files. Raises ValueError for numbers out of range.
    """
    if not (1 <= seeds <= SEEDS_MAX and 1 <= jobs <= JOBS_MAX):
        raise ValueError(f"seeds is 1 to {SEEDS_MAX}, jobs 1 to {JOBS_MAX}")
    folder = timeline or Path(tempfile.gettempdir()) / "tieout-simulation"
    console = Console()
    if seed is not None:
        results = [one(seed, folder, always_writes=timeline is not None)]
    else:
        found = many(range(first, first + seeds), folder, jobs=jobs)
        results = list(track(found, "simulating", total=seeds, console=console))
        results.sort(key=lambda result: result.seed)
    show(results, console)
    return int(any(result.violations for result in results) or bool(seldom(results)))


def many(
    seeds: Sequence[int],
    folder: Path,
    *,
    jobs: int,
    days: float = DAYS,
    shrinks: bool = True,
) -> Iterator[Result]:
    """The results of seeds as they come, from so many processes; see `one`."""
    job = partial(one, folder=folder, days=days, shrinks=shrinks)
    if jobs == 1:
        yield from map(job, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(min(jobs, len(seeds))) as pool:
        yield from pool.imap_unordered(job, seeds)


def one(
    seed: int,
    folder: Path,
    *,
    days: float = DAYS,
    shrinks: bool = True,
    always_writes: bool = False,
) -> Result:
    """Run a seed. The timeline of a failure is written to `folder`, that of a success only if
    `always_writes`; `shrinks`: with the faults that a failure needs."""
    logging.disable(logging.CRITICAL)  # the app logs every fault it meets
    outcome = simulate(seed, days=days)
    file = folder / f"seed-{seed}.txt"
    if not outcome.violations:
        if always_writes:
            outcome.timeline.write(file, f"seed {seed}: no violation, digest {outcome.digest}")
        return result_of(outcome, file=str(file) if always_writes else "")

    def play(allowed: Allowed) -> Outcome:
        return simulate(seed, days=days, allowed=allowed)

    left = shrink(play, outcome) if shrinks else []
    needed = [f"{each.kind} #{each.number} {each.what}" for each in left]
    heading = [f"seed {seed}", *(f"{each.invariant}: {each.text}" for each in outcome.violations)]
    if needed:
        heading += ["", f"It fails with these {len(needed)} faults alone:", *needed]
    outcome.timeline.write(file, "\n".join(heading))
    return result_of(outcome, needed[:NEEDED_SHOWN_MAX], str(file))

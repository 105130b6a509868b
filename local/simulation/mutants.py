"""Can the simulation fail? Each mutant takes one safeguard of the product away, and must be caught.

A mutant is a patch, applied to a copy of the tree and run in a process of its own. A patch that no
longer applies is a failure, and so is a mutant whose run ends in anything but a violation. A seed
that the product itself fails says nothing of a mutant and is passed over.
"""

import argparse
import json
import logging
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from types import MappingProxyType

from rich.console import Console
from rich.progress import track
from rich.table import Table

from local.simulation.run import freeze_imports, simulate

ROOT = Path(__file__).resolve().parents[2]
PATCHES = ROOT / "tests" / "simulation" / "mutants"
RECORD = PATCHES / "mutants.json"
COPIED = ("shared", "functions", "local", "infra", "function_app.py", "host.json")
SEEDS_MAX = 50
SHORT = (3, 13, 94, 81)  # seeds that take little time (no past, no rush, few sales) are tried first
HUNTED = (*SHORT, *(seed for seed in range(1, SEEDS_MAX + 1) if seed not in SHORT))
DAYS = 1.0  # a mutant that can be caught is caught soon
LONG_DAYS = 3.0  # for what follows a sale late
SECONDS_MAX = 3_600.0
JOBS = 2


class MutantError(Exception):
    """The mutant could not be tried; the text says why."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a mutant is hunted: the length of a run, and the rates of the faults in it as pairs
    (none: those of the seed)."""

    days: float = DAYS
    rates: tuple[tuple[str, float], ...] = ()


BUSY = Ground(
    DAYS,
    (
        *(("webhook_swallowed", 0.2), ("foreign_message", 0.5), ("person_resolves", 1.0)),
        *(("person_reroutes", 0.5), ("dynamics_key_taken", 0.3), ("refund_fails_soon", 1.0)),
    ),
)
"""Shared by several, so that the product runs there once for all of them."""
GROUNDS: Mapping[str, Ground] = MappingProxyType(
    {
        # Two workers meet in one journal when a session with much in it changes hands in mid-write:
        # the sweeps bring what no webhook did, all at once, and are worked off one by one.
        "journal_lease_off": Ground(
            DAYS, (("webhook_lost", 0.9), ("broker_lock_lost", 0.5), ("broker_small_batch", 1.0))
        ),
        **dict.fromkeys(
            (
                *("deep_message_raises", "resolution_ignored"),
                *("taken_key_final", "undelivered_events_only"),
            ),
            BUSY,
        ),
        "lost_dispute_silent": Ground(2.0),  # disputes are decided in runs of two days and more
        "again_without_status": Ground(LONG_DAYS, (("refund_fails_soon", 1.0),)),
        # Only sales of a shop whose route came or went between the sale and its money.
        "origin_from_policy": Ground(LONG_DAYS, (("person_reroutes", 0.7),)),
        # A page that a sweep could not hand on, of what no webhook brought.
        "cursor_before_queueing": Ground(DAYS, (("webhook_lost", 0.9), ("queue_unavailable", 0.5))),
        # Enough items of one cause that an item a run is not enough; no fault is needed.
        "first_item_heals": Ground(DAYS, (("webhook_lost", 0.0),)),
        "healing_never_opens": Ground(2.0, (("dynamics_gateway", 0.99),)),
        "old_tie_outs_left": Ground(LONG_DAYS, (("flow_ends_early", 0.5),)),
        # The broker is away when the message of a stored tax document is sent.
        "orders_forgotten": Ground(LONG_DAYS, (("queue_unavailable", 0.5),)),
        "unposted_deleted_first": Ground(LONG_DAYS, (("table_unavailable", 0.1),)),
    }
)
"""For mutants that the seeds as they are meet too seldom."""


@dataclass(frozen=True, slots=True)
class Kill:
    """The seed and the length of the run that caught a mutant, and the invariant it broke."""

    seed: int
    days: float
    invariant: str


def names() -> list[str]:
    """All mutants, by the names of their patches."""
    return sorted(path.stem for path in PATCHES.glob("*.patch"))


def recorded() -> dict[str, Kill]:
    """The seed known to catch each mutant."""
    found = json.loads(RECORD.read_text(encoding="utf-8"))
    return {name: Kill(**kill) for name, kill in found.items()}


def hunt(name: str, seeds: Sequence[int]) -> Kill | None:
    """Run a mutant on these seeds, in this order, until one catches it; None when none does.

    Raises `MutantError` when its patch does not apply or its run breaks.
    """
    left = list(seeds)
    while left:
        kill = try_on(name, left)
        if kill is None or passes(kill.seed, ground_of(name)):
            return kill
        left = left[left.index(kill.seed) + 1 :]
    return None


def ground_of(name: str) -> Ground:
    """Where a mutant is hunted."""
    return GROUNDS.get(name, Ground())


@cache
def passes(seed: int, ground: Ground) -> bool:
    """Whether the product as it is passes a seed."""
    return not simulate(seed, days=ground.days, rates=dict(ground.rates) or None).violations


def try_on(name: str, seeds: Sequence[int]) -> Kill | None:
    """As `hunt`, whether or not the product itself passes the seed that catches it."""
    with tempfile.TemporaryDirectory(prefix=f"tieout-{name}-") as folder:
        tree = Path(folder)
        for part in COPIED:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, tree / part)
        apply(PATCHES / f"{name}.patch", tree)
        command = [sys.executable, "-m", "local.simulation.mutants", name, "--hunt"]
        done = _run([*command, *map(str, seeds)], tree)
    if done.returncode:
        raise MutantError(f"mutant {name} breaks instead of failing: {done.stderr[-2_000:]}")
    told = json.loads(done.stdout.splitlines()[-1])
    return None if told is None else Kill(**told)


def apply(patch: Path, tree: Path) -> None:
    """Change a tree by a patch. Raises `MutantError` when it does not fit."""
    done = _run(["git", "apply", "--whitespace=nowarn", str(patch)], tree)
    if done.returncode:
        raise MutantError(f"{patch.name} does not apply any more: {done.stderr.strip()}")


def _run(command: Sequence[str], tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own commands
        command, cwd=tree, capture_output=True, text=True, timeout=SECONDS_MAX, check=False
    )


def _hunt_here(ground: Ground, seeds: Sequence[int]) -> Kill | None:
    """The hunt itself, in the process of the mutant."""
    logging.disable(logging.CRITICAL)
    freeze_imports()
    for seed in seeds:
        outcome = simulate(seed, days=ground.days, rates=dict(ground.rates) or None)
        if outcome.violations:
            return Kill(seed, ground.days, outcome.violations[0].invariant)
    return None


def _try(name: str) -> tuple[str, Kill | None, str]:
    logging.disable(logging.CRITICAL)  # the control runs in this process
    try:
        return name, hunt(name, HUNTED), ""
    except MutantError as error:
        return name, None, str(error)


def _keep(kills: Mapping[str, Kill]) -> None:
    """Write the record; after each kill, so that a long hunt may be ended."""
    plain = {name: asdict(kills[name]) for name in sorted(kills)}
    RECORD.write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")


def main(wanted: Sequence[str], *, record: bool) -> int:
    """Hunt the mutants; 1 when one survives. `record` keeps the seeds for the tests."""
    console = Console()
    kills = recorded() if RECORD.exists() else {}
    table = Table("mutant", "caught by", "seed", title=f"Mutants, at most {SEEDS_MAX} seeds each")
    survived = 0
    with get_context("spawn").Pool(JOBS, initializer=freeze_imports) as pool:
        found = pool.imap(_try, wanted)
        hunted = track(found, "hunting", total=len(wanted), console=console)
        for name, kill, problem in hunted:
            if kill is None:
                survived += 1
                table.add_row(name, f"SURVIVES {problem}".rstrip(), "")
            else:
                kills[name] = kill
                if record:
                    _keep(kills)
                table.add_row(name, kill.invariant, str(kill.seed))
    console.print(table)
    console.print(f"mutants: {len(wanted)}, survived: {survived}")
    return int(survived > 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m local.simulation.mutants")
    parser.add_argument("names", nargs="*", help="mutants; all when none is named")
    parser.add_argument("--record", action="store_true", help="keep the seeds that catch them")
    parser.add_argument("--hunt", type=int, nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.hunt is not None:
        found = _hunt_here(ground_of(given.names[0]), given.hunt)
        print(json.dumps(None if found is None else asdict(found)))  # noqa: T201
    else:
        sys.exit(main(given.names or names(), record=given.record))

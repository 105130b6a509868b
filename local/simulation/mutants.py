"""Can the simulation fail? Each mutant takes one safeguard of the product away, and must be caught.

A mutant is a patch, applied to a copy of the tree and run in a process of its own. A patch that no
longer applies is a failure, and so is a mutant whose run ends in anything but a violation.
"""

import argparse
import json
import logging
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from local.simulation.run import simulate

ROOT = Path(__file__).resolve().parents[2]
PATCHES = ROOT / "tests" / "simulation" / "mutants"
RECORD = PATCHES / "mutants.json"
COPIED = ("shared", "functions", "local", "infra", "function_app.py", "host.json")
SEEDS_MAX = 50
DAYS = 10.0  # a mutant that can be caught is caught soon
SECONDS_MAX = 3_600.0
JOBS = 2


class MutantError(Exception):
    """The mutant could not be tried; the text says why."""


@dataclass(frozen=True, slots=True)
class Kill:
    """The seed that caught a mutant, and the invariant it broke."""

    seed: int
    invariant: str


def names() -> list[str]:
    """All mutants, by the names of their patches."""
    return sorted(path.stem for path in PATCHES.glob("*.patch"))


def recorded() -> dict[str, Kill]:
    """The seed known to catch each mutant."""
    found = json.loads(RECORD.read_text(encoding="utf-8"))
    return {name: Kill(**kill) for name, kill in found.items()}


def hunt(name: str, first: int, seeds: int) -> Kill | None:
    """Run a mutant on so many seeds until one catches it; None when none does.

    Raises `MutantError` when its patch does not apply or its run breaks.
    """
    with tempfile.TemporaryDirectory(prefix=f"tieout-{name}-") as folder:
        tree = Path(folder)
        for part in COPIED:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, tree / part)
        _apply(PATCHES / f"{name}.patch", tree)
        command = [sys.executable, "-m", "local.simulation.mutants", "--hunt", str(first)]
        done = _run([*command, "--seeds", str(seeds)], tree)
    if done.returncode:
        raise MutantError(f"mutant {name} breaks instead of failing: {done.stderr[-2_000:]}")
    told = json.loads(done.stdout.splitlines()[-1])
    return None if told is None else Kill(**told)


def _apply(patch: Path, tree: Path) -> None:
    done = _run(["git", "apply", "--whitespace=nowarn", str(patch)], tree)
    if done.returncode:
        raise MutantError(f"{patch.name} does not apply any more: {done.stderr.strip()}")


def _run(command: Sequence[str], tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own commands
        command, cwd=tree, capture_output=True, text=True, timeout=SECONDS_MAX, check=False
    )


def _hunt_here(first: int, seeds: int) -> Kill | None:
    """The hunt itself, in the process of the mutant."""
    logging.disable(logging.CRITICAL)
    for seed in range(first, first + seeds):
        outcome = simulate(seed, days=DAYS)
        if outcome.violations:
            return Kill(seed, outcome.violations[0].invariant)
    return None


def _try(name: str) -> tuple[str, Kill | None, str]:
    try:
        return name, hunt(name, 1, SEEDS_MAX), ""
    except MutantError as error:
        return name, None, str(error)


def main(wanted: Sequence[str], *, record: bool) -> int:
    """Hunt the mutants; 1 when one survives. `record` keeps the seeds for the tests."""
    kills = recorded() if RECORD.exists() else {}
    survived = 0
    with get_context("spawn").Pool(JOBS) as pool:
        for name, kill, problem in pool.imap_unordered(_try, wanted):
            if kill is None:
                survived += 1
                print(f"{name}: SURVIVES {problem}", flush=True)  # noqa: T201
            else:
                kills[name] = kill
                print(f"{name}: {kill.invariant}, seed {kill.seed}", flush=True)  # noqa: T201
    if record:
        plain = {
            name: {"seed": kills[name].seed, "invariant": kills[name].invariant}
            for name in sorted(kills)
        }
        RECORD.write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")
    print(f"mutants: {len(wanted)}, survived: {survived}")  # noqa: T201
    return int(survived > 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m local.simulation.mutants")
    parser.add_argument("names", nargs="*", help="mutants; all when none is named")
    parser.add_argument("--record", action="store_true", help="keep the seeds that catch them")
    parser.add_argument("--hunt", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--seeds", type=int, default=SEEDS_MAX, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.hunt is not None:
        found = _hunt_here(given.hunt, given.seeds)
        plain = None if found is None else {"seed": found.seed, "invariant": found.invariant}
        print(json.dumps(plain))  # noqa: T201
    else:
        sys.exit(main(given.names or names(), record=given.record))

"""Can the simulation fail? Each safeguard taken away is caught by the seed on record."""

from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import pytest

from local.simulation.mutants import (
    PATCHES,
    Ground,
    MutantError,
    apply,
    ground_of,
    names,
    passes,
    recorded,
    try_on,
)
from local.simulation.run import freeze_imports

JOBS = 2


def caught(name: str) -> str:
    """The invariant that a mutant breaks on its recorded seed, or what went wrong."""
    kill = recorded()[name]
    try:
        found = try_on(name, [kill.seed])
    except MutantError as error:
        return str(error)
    return found.invariant if found else "nothing"


@dataclass(frozen=True, slots=True)
class Fates:
    """What each mutant broke, and whether the product passes the same seeds on the same ground."""

    broken: dict[str, str]
    passed: dict[tuple[int, Ground], bool]


@pytest.fixture(scope="module")
def fates() -> Fates:
    grounds = dict.fromkeys((kill.seed, ground_of(name)) for name, kill in recorded().items())
    with get_context("spawn").Pool(JOBS, initializer=freeze_imports) as pool:
        passed = pool.starmap_async(passes, grounds, chunksize=1)
        broken = pool.map(caught, recorded(), chunksize=1)
        return Fates(
            dict(zip(recorded(), broken, strict=True)),
            dict(zip(grounds, passed.get(), strict=True)),
        )


def test_every_patch_has_a_record_and_every_record_a_patch() -> None:
    assert names() == sorted(recorded())
    assert len(names()) >= 22


@pytest.mark.parametrize("name", recorded())
def test_the_product_itself_passes_the_seed_that_catches_a_mutant(fates: Fates, name: str) -> None:
    kill = recorded()[name]
    assert kill.days == ground_of(name).days
    assert fates.passed[kill.seed, ground_of(name)]


@pytest.mark.parametrize("name", recorded())
def test_a_mutant_is_caught(fates: Fates, name: str) -> None:
    assert fates.broken[name] == recorded()[name].invariant


def test_a_patch_that_no_longer_applies_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(MutantError, match="does not apply any more"):
        apply(PATCHES / "intent_off.patch", tmp_path)

"""Can the simulation fail? Each safeguard taken away is caught by the seed on record."""

from multiprocessing import get_context
from pathlib import Path

import pytest

from local.simulation.mutants import (
    GROUNDS,
    PATCHES,
    MutantError,
    apply,
    ground_of,
    names,
    passes,
    recorded,
    try_on,
)
from tests.simulation.test_seeds import DAYS, SEEDS

JOBS = 2


def caught(name: str) -> str:
    """The invariant that a mutant breaks on its recorded seed, or what went wrong."""
    kill = recorded()[name]
    try:
        found = try_on(name, kill.seed, 1)
    except MutantError as error:
        return str(error)
    return found.invariant if found else "nothing"


@pytest.fixture(scope="module")
def fates() -> dict[str, str]:
    with get_context("spawn").Pool(JOBS) as pool:
        return dict(zip(recorded(), pool.imap(caught, recorded()), strict=True))


def test_every_patch_has_a_record_and_every_record_a_patch() -> None:
    assert names() == sorted(recorded())
    assert len(names()) >= 12


@pytest.mark.parametrize("name", recorded())
def test_the_product_itself_passes_the_seed_that_catches_a_mutant(name: str) -> None:
    kill, ground = recorded()[name], ground_of(name)
    assert kill.days == ground.days
    if name in GROUNDS:
        assert passes(kill.seed, ground)
    else:
        assert kill.seed in SEEDS  # which test_seeds runs without the mutant
        assert kill.days == DAYS


@pytest.mark.parametrize("name", recorded())
def test_a_mutant_is_caught(fates: dict[str, str], name: str) -> None:
    assert fates[name] == recorded()[name].invariant


def test_a_patch_that_no_longer_applies_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(MutantError, match="does not apply any more"):
        apply(PATCHES / "intent_off.patch", tmp_path)

"""The source of misfortune: seeded, stable, countable, and able to leave faults out."""

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.simulation.faults import DYNAMICS_NAMES, KINDS, NAMES, STRIPE_NAMES, Injector, rates_of
from local.simulation.timeline import Timeline

ROOT = Path(__file__).resolve().parents[2]


class StandingClock:
    def now(self) -> datetime:
        return datetime(2026, 10, 12, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"nothing sleeps here, not even {seconds} s")


def injector(seed: int = 1, **changes: object) -> Injector:
    return Injector(seed, Timeline(StandingClock()), **changes)  # type: ignore[arg-type]


def test_rates_are_fixed_by_the_seed_and_within_their_bounds() -> None:
    for seed in range(50):
        rates = rates_of(seed)
        assert rates == rates_of(seed)
        assert all(0.0 <= rates[kind.name] <= kind.rate_max for kind in KINDS)
    assert rates_of(1) != rates_of(2)


def test_every_kind_is_left_out_by_some_seeds_and_used_by_most() -> None:
    for name in NAMES:
        used = sum(bool(rates_of(seed)[name]) for seed in range(200))
        assert 140 < used < 200


def test_a_fault_strikes_about_as_often_as_its_rate_says() -> None:
    struck = injector(rates={"stripe_500": 0.1})
    count = sum(struck.strikes("stripe_500") for _ in range(20_000))
    assert 1_800 < count < 2_200
    assert struck.counts()["stripe_500"] == count == len(struck.injected)


def test_a_rate_of_one_always_strikes_and_none_never() -> None:
    struck = injector(rates={"clock_skew": 1.0})
    assert all(struck.strikes("clock_skew") for _ in range(100))
    assert not any(struck.strikes("stripe_500") for _ in range(100))


def test_kinds_do_not_move_each_other() -> None:
    alone = injector(rates={"stripe_500": 0.2})
    mixed = injector(rates={"stripe_500": 0.2, "stripe_429": 0.5})
    rng = random.Random(1)
    found = []
    for _ in range(500):
        while rng.random() < 0.5:
            mixed.strikes("stripe_429")
        found.append((alone.strikes("stripe_500"), mixed.strikes("stripe_500")))
    assert any(one for one, _ in found)
    assert all(one == other for one, other in found)


def test_only_allowed_faults_strike() -> None:
    free = injector(rates={"stripe_500": 0.3})
    numbers = [number for number in range(1, 200) if free.strikes("stripe_500")]
    kept = numbers[::2]
    bound = injector(rates={"stripe_500": 0.3}, allowed={"stripe_500": kept})
    assert [number for number in range(1, 200) if bound.strikes("stripe_500")] == kept


def test_nothing_strikes_in_the_quiet_period() -> None:
    struck = injector(rates={"clock_skew": 1.0})
    struck.is_active = False
    assert not struck.strikes("clock_skew")
    assert struck.injected == []


def test_sizes_lie_in_their_range_and_repeat() -> None:
    one, other = (injector(rates={"clock_skew": 1.0}) for _ in range(2))
    for _ in range(50):
        one.strikes("clock_skew")
        other.strikes("clock_skew")
        size = one.size("clock_skew", -30.0, 30.0)
        assert size == other.size("clock_skew", -30.0, 30.0)
        assert -30.0 <= size <= 30.0


def test_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(KeyError):
        injector().strikes("meteorite")


def test_the_peers_names_lead_to_known_kinds() -> None:
    for name in (*STRIPE_NAMES.values(), *DYNAMICS_NAMES.values()):
        assert name in NAMES


def test_the_documentation_has_every_kind_in_the_same_words() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    assert [kind.name for kind in KINDS if f"| `{kind.name}` | {kind.text} |" not in text] == []

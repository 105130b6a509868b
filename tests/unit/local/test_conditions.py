"""By which ways the events of a seed come."""

import json
from pathlib import Path

from local.simulation.conditions import OTHER_WAY_EVERY, conditions_of

RECORDED = Path(__file__).parents[2] / "simulation" / "mutants" / "mutants.json"


def test_every_fifth_seed_has_event_grid_and_the_others_the_webhook_alone() -> None:
    ways = {seed: conditions_of(seed).ingress for seed in range(1, 101)}
    assert {way for seed, way in ways.items() if seed % OTHER_WAY_EVERY} == {"webhook"}
    assert {way for seed, way in ways.items() if not seed % OTHER_WAY_EVERY} == {
        "both",
        "event_grid",
    }


def test_the_seeds_that_catch_mutants_keep_their_ways() -> None:
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    for name, row in recorded.items():
        is_webhook = conditions_of(row["seed"]).ingress == "webhook"
        assert is_webhook is not name.startswith("event_grid_"), name


def test_the_shapes_of_event_grid_differ_from_seed_to_seed() -> None:
    shapes = {conditions_of(seed).shapes for seed in range(0, 200, OTHER_WAY_EVERY)}
    assert shapes == {("snapshot",), ("thin",), ("snapshot", "thin")}

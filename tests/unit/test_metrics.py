"""The declared metrics: well formed, once each, and in step with what the code records."""

import ast
import re

import pytest

from shared.metrics import BOOKED_SECONDS, METRICS, Metric
from tests.test_tidy import PRODUCT, dotted, name_of, tree_of

KINDS = {"telemetry.count": "counter", "telemetry.money": "counter", "telemetry.gauge": "gauge"}
ADDED = {"telemetry.money": ["direction"]}  # by the function itself
WITHIN = "shared/telemetry.py"


def recorded() -> dict[str, list[tuple[str, list[str]]]]:
    """By name of a metric: kind and dimensions of each call that records it."""
    found: dict[str, list[tuple[str, list[str]]]] = {}
    for path in PRODUCT:
        calls = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call)]
        for node in calls:
            called = dotted(node.func)
            if name_of(path) == WITHIN:
                called = f"telemetry.{called}"
            if called not in KINDS or not isinstance(node.args[0], ast.Constant):
                assert called not in KINDS or name_of(path) == WITHIN, name_of(path)
                continue
            fields = [keyword.arg or "" for keyword in node.keywords] + ADDED.get(called, [])
            found.setdefault(str(node.args[0].value), []).append((KINDS[called], sorted(fields)))
    return found


def test_every_metric_is_recorded_with_its_kind_and_dimensions_and_no_other_is() -> None:
    declared = {one.name: (one.kind, sorted(one.dimensions)) for one in METRICS}
    calls = recorded()
    assert sorted(calls) == sorted(declared)
    wrong = [
        (name, call) for name, made in calls.items() for call in made if call != declared[name]
    ]
    assert wrong == []


def test_no_name_is_declared_twice() -> None:
    names = [one.name for one in METRICS]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_metric_says_what_it_is(metric: Metric) -> None:
    assert re.fullmatch(r"tieout(\.[a-z]+)(\.[a-z]+(_[a-z]+)*)", metric.name)
    assert metric.kind in ("counter", "gauge")
    assert re.fullmatch(r"1|h|\{[a-z]+\}", metric.unit)
    assert metric.meaning.endswith(".")
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in metric.dimensions)
    if metric.unit == "{minor}":
        assert metric.name.endswith("_minor")
        assert "currency" in metric.dimensions
    if metric.unit == "h":
        assert metric.name.endswith("_hours")


def test_the_bounds_of_the_time_to_books_rise() -> None:
    assert sorted(set(BOOKED_SECONDS)) == list(BOOKED_SECONDS)

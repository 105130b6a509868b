"""The declared metrics: well formed, once each, and in step with what is counted today."""

import ast
import re

import pytest

from shared.metrics import BOOKED_SECONDS, METRICS, Metric
from tests.test_tidy import PRODUCT, dotted, name_of, tree_of


def counted() -> dict[str, list[str]]:
    """The counters of `telemetry.count`, with the names of their fields."""
    found: dict[str, list[str]] = {}
    for path in PRODUCT:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and dotted(node.func) == "telemetry.count":
                name = node.args[0]
                assert isinstance(name, ast.Constant), name_of(path)
                fields = sorted(keyword.arg or "" for keyword in node.keywords)
                assert found.setdefault(str(name.value), fields) == fields
    return found


def test_every_counter_of_the_code_is_one_declared_metric_with_its_fields() -> None:
    declared = {one.counter: sorted(one.dimensions) for one in METRICS if one.counter}
    assert declared == counted()
    assert len(declared) == len([one for one in METRICS if one.counter])


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
    assert not metric.counter or metric.kind == "counter"


def test_the_bounds_of_the_time_to_books_rise() -> None:
    assert sorted(set(BOOKED_SECONDS)) == list(BOOKED_SECONDS)

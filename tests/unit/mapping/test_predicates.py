from datetime import date
from typing import Any

import pytest

from tests.unit.mapping.rules import refused_rule, value_of


def holds(condition: str, **facts: Any) -> bool:
    found: str | None = value_of(f"{{value: x, when: {condition}}}", **facts)
    return found == "x"


@pytest.mark.parametrize(
    ("condition", "facts", "wanted"),
    [
        ("{facts.text: a}", {"text": "a"}, True),
        ("{facts.text: a}", {"text": "b"}, False),
        ("{facts.text: a}", {}, False),
        ("{facts.text: {equals: a}}", {"text": "a"}, True),
        ("{facts.text: {equals: {path: facts.other}}}", {"text": "a", "other": "a"}, True),
        ("{facts.text: {equals: {path: facts.other}}}", {}, False),
        ("{facts.minor: 5}", {"minor": 5}, True),
        ("{facts.minor: 5}", {"minor": 6}, False),
        ("{facts.text: [a, b]}", {"text": "b"}, True),
        ("{facts.text: {in: [a, b]}}", {"text": "c"}, False),
        ("{facts.text: {in: [a, b]}}", {}, False),
        ("{facts.minor: [1, 2]}", {"minor": 2}, True),
        ("{facts.text: {present: true}}", {"text": "a"}, True),
        ("{facts.text: {present: true}}", {"text": ""}, False),
        ("{facts.text: {present: true}}", {}, False),
        ("{facts.text: {present: false}}", {}, True),
        ("{facts.minor: {present: true}}", {"minor": 0}, True),
        ("{facts.minor: {gt: 0}}", {"minor": 1}, True),
        ("{facts.minor: {gt: 0}}", {"minor": 0}, False),
        ("{facts.minor: {gte: 0}}", {"minor": 0}, True),
        ("{facts.minor: {lt: 0}}", {"minor": -1}, True),
        ("{facts.minor: {lte: 0}}", {"minor": 1}, False),
        ('{facts.minor: {gt: "0.5"}}', {"minor": 1}, True),
        ("{facts.minor: {gt: 0, lt: 10}}", {"minor": 5}, True),
        ("{facts.minor: {gt: 0, lt: 10}}", {"minor": 10}, False),
        ("{facts.minor: {gt: 0}}", {}, False),
        ("{facts.minor: {lte: {path: facts.more}}}", {"minor": 5, "more": 5}, True),
        ("{facts.minor: {lte: {path: facts.more}}}", {"minor": 5}, False),
        ('{facts.day: {gte: "2026-11-01"}}', {"day": date(2026, 11, 1)}, True),
        ('{facts.day: {lt: "2026-11-01"}}', {"day": date(2026, 11, 1)}, False),
        (
            "{facts.day: {lt: {path: facts.until}}}",
            {"day": date(2026, 1, 1), "until": date(2026, 1, 2)},
            1,
        ),
        ("{facts.text: a, facts.minor: 1}", {"text": "a", "minor": 1}, True),
        ("{facts.text: a, facts.minor: 1}", {"text": "a", "minor": 2}, False),
        ("{all: [{facts.text: a}, {facts.minor: 1}]}", {"text": "a", "minor": 2}, False),
        ("{any: [{facts.text: a}, {facts.minor: 1}]}", {"text": "a", "minor": 2}, True),
        ("{any: [{facts.text: a}, {facts.minor: 1}]}", {"text": "b", "minor": 2}, False),
        ("{not: {facts.text: a}}", {"text": "a"}, False),
        ("{not: {facts.text: a}}", {}, True),
        ("{not: {any: [{facts.text: a}, {facts.text: b}]}}", {"text": "c"}, True),
    ],
)
def test_when_a_condition_holds(condition: str, facts: dict[str, Any], wanted: bool) -> None:
    assert holds(condition, **facts) is bool(wanted)


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("{}", "a mapping of paths"),
        ("{facts.txt: a}", "no field 'facts.txt'"),
        ("{facts.text: {}}", "needs an operator"),
        ("{facts.text: []}", "in takes a list"),
        ("{facts.text: {in: a}}", "in takes a list"),
        ("{facts.text: {in: [[a]]}}", "one value"),
        ("{facts.text: {matches: .*}}", "no operator 'matches'"),
        ("{facts.text: {gt: a}}", "not text"),
        ("{facts.minor: {gt: many}}", "not a plain number"),
        ("{facts.minor: {gt: [1]}}", "one value"),
        ("{facts.day: {gt: later}}", "not a date"),
        ("{facts.minor: {gt: {path: facts.text}}}", "compares integer with text"),
        ("{facts.minor: {gt: {other: facts.text}}}", "with {path: ...}"),
        ("{facts.text: {present: maybe}}", "true or false"),
        ("{all: []}", "a list of conditions"),
        ("{any: {facts.text: a}}", "a list of conditions"),
        ("{not: [a]}", "a mapping of paths"),
        ("{any: [a]}", "a mapping of paths"),
    ],
)
def test_a_condition_that_cannot_work_is_refused(condition: str, reason: str) -> None:
    assert reason in refused_rule(f"{{value: x, when: {condition}}}").reason

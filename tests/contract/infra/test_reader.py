"""The reader of Bicep itself: what the other tests here rest on."""

from pathlib import Path
from typing import Any

import pytest

from tests.bicep import BicepError, read
from tests.bicep_evaluation import deploy


def outputs(tmp_path: Path, text: str, **parameters: Any) -> dict[str, Any]:
    path = tmp_path / "main.bicep"
    path.write_text(text, encoding="utf-8")
    return deploy(path, parameters).outputs


EXPRESSIONS = {
    "1 + 2 * 3": 7,
    "(1 + 2) * 3": 9,
    "true ? 'a' : 'b'": "a",
    "1 > 2 || 2 > 1 && true": True,
    "!empty('')": False,
    "null ?? 'x'": "x",
    "{ a: { b: 1 } }.a.b": 1,
    "{ a: 1 }.?b ?? 2": 2,
    "{ a: 1 }.?b.c.d": None,
    "['x', 'y'][1]": "y",
    "map(['x'], one => '${one}!')": ["x!"],
    "toObject([{ k: 'a', v: 1 }], p => p.k, p => p.v)": {"a": 1},
    "union({ a: { b: 1 } }, { a: { c: 2 } })": {"a": {"b": 1, "c": 2}},
    "[for (x, i) in ['a', 'b']: '${x}${i}']": ["a0", "b1"],
    "'it\\'s ${true ? 'in' : 'out'} of {}'": "it's in of {}",
    "'''two\nlines'''": "two\nlines",
    "string(true)": "True",
    "{\n  'odata.type': 1 // why\n  b: [\n    1\n    2\n  ]\n}": {"odata.type": 1, "b": [1, 2]},
    "1 > 2\n  ? 'a'\n  : 'b'": "b",
}


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_an_expression_has_the_value_that_bicep_gives_it(tmp_path: Path, text: str) -> None:
    assert outputs(tmp_path, f"output o any = {text}\n") == {"o": EXPRESSIONS[text]}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("output o string = newGuid()", "unknown function newGuid"),
        ("output o string = nowhere", "unknown name nowhere"),
        ("output o array = [...other]", "begins no expression"),
        ("assert x = true", "unknown statement assert"),
        ("output o string = 'open", "does not end|out of range"),
        ("param p string = }", "begins no expression"),
    ],
)
def test_what_the_reader_does_not_know_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(BicepError, match=reason):
        outputs(tmp_path, f"{text}\n")


def test_a_parameter_that_the_template_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BicepError, match=r"no parameters \['q'\]"):
        outputs(tmp_path, "param p string\n", q="x")


RESOURCES = """
param on bool
resource one 'T/a@1' = { name: 'x', properties: { size: 1 } }
resource many 'T/a/b@1' = [for n in ['p', 'q']: if (on) {
  parent: one
  name: n
}]
resource old 'T/c@1' existing = { name: 'old' }
resource role 'T/r@1' = if (!on) { scope: old, name: '${one.properties.size}' }
output last string? = many[?1].?name
"""


@pytest.mark.parametrize("on", [True, False])
def test_loops_conditions_and_parents_become_resources(tmp_path: Path, on: bool) -> None:
    path = tmp_path / "main.bicep"
    path.write_text(RESOURCES, encoding="utf-8")
    made = deploy(path, {"on": on})
    assert [one.name for one in made.of("T/a/b")] == (["x/p", "x/q"] if on else [])
    assert [(one.name, one.scope) for one in made.of("T/r")] == ([] if on else [("1", "/T/c/old")])
    assert made.of("T/c") == []
    assert made.outputs == {"last": "q" if on else None}


def test_decorators_types_and_imports_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "main.bicep"
    path.write_text(
        "import { A } from 'x.bicep'\n"
        "@export()\n@description('a (b) }')\ntype A = {\n  b: 'x' | 'y'?\n}\n"
        "@minLength(2)\nparam p A?\n@secure()\nparam q string = 'd'\n",
        encoding="utf-8",
    )
    declared = read(path).declarations
    assert list(declared) == ["p", "q"]
    assert declared["q"].decorators == ("secure",)

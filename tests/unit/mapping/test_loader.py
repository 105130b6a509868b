import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mapping.differences import ValueDifference, differences
from shared.mapping.loader import (
    DEPTH_MAX,
    DOCUMENT_BYTES_MAX,
    NODES_MAX,
    SCALAR_CHARS_MAX,
    TREE_BYTES_MAX,
    load,
    load_tree,
)
from shared.mapping.problems import PROBLEMS_SHOWN_MAX, MappingRefused, Problem
from shared.mapping.schema import parse
from tests.unit.mapping.rules import compiled

MAPPING = """
kind: mapping
name: ours
extends: general_line
fields:
  Text: {concat: [category, source], sep: " ", do: [{max: 60}]}
"""


def refusal(source: str | bytes) -> str:
    with pytest.raises(MappingRefused) as caught:
        load("ours.yaml", source)
    return str(caught.value)


def problems_of(step: Callable[[], object]) -> tuple[Problem, ...] | None:
    """What a step refuses, None where it does not; any other error is the test's."""
    try:
        step()
    except MappingRefused as refused:
        return refused.problems
    return None


def test_every_scalar_stays_text() -> None:
    loaded = load("a", "a: 60\nb: true\nc: '010'\nd: \"NO\"\ne: x y\nf: -5\ng: ''\nh: ['1.5']")
    assert loaded.tree == {
        **{"a": "60", "b": "true", "c": "010", "d": "NO", "e": "x y", "f": "-5", "g": ""},
        "h": ["1.5"],
    }


@pytest.mark.parametrize(
    "scalar",
    [
        *("NO", "no", "Yes", "on", "Off", "True", "FALSE", "null", "~", "Null", "010", "0x1F"),
        *("1_000", "0.1", "1e3", "1.", ".5", ".inf", ".nan", "12:30:00", "2026-11-01", "=", "0b1"),
        *("2026-11-01T10:00:00Z", "1" * 19, "+5", "-0", "0o17", "1e999999999"),
    ],
)
def test_what_yaml_would_not_read_as_text_is_refused(scalar: str) -> None:
    assert "quote it" in refusal(f"a: {scalar}")
    assert load("a", f'a: "{scalar}"').tree == {"a": scalar}


def test_a_country_code_as_key_is_quoted_too() -> None:
    assert "line 2: some YAML parsers do not read 'NO' as text" in refusal("rows:\n  NO: NOR\n")
    assert load("a", 'rows:\n  "NO": NOR\n').tree == {"rows": {"NO": "NOR"}}


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("", "a document is a mapping"),
        ("- a\n- b", "a document is a mapping"),
        ("just text", "a document is a mapping"),
        ("a: &x b\nc: d", "anchors (&name) are refused"),
        ("a: *x", "aliases (*name) are refused"),
        ("a: &x [1, 2]\nb: *x", "anchors"),
        ("<<: {a: b}", "quote it"),
        ("a: !!python/object/apply:os.system [ls]", "tags (!name) are refused"),
        ("a: !!str 5", "tags"),
        ("!x a: b", "tags"),
        ("a: 1\na: 2", "the key 'a' occurs twice"),
        ("a: {b: 1, b: 2}", "the key 'b' occurs twice"),
        ("? [a]\n: b", "a key is text"),
        ("? {a: b}\n: c", "a key is text"),
        ("a:\nb: c", "a value is missing"),
        ("a: [b, , c]", "no YAML"),
        ("a: b\n---\nc: d", "a file holds one document"),
        ("%YAML 1.1\n---\na: b", "without directives"),
        ("%TAG ! tag:x,2000:\n---\na: b", "without directives"),
        (f"%YAML 1.{'9' * 5_000}\n---\na: b", "no YAML text"),
        ("a: [b", "no YAML"),
        ("a: b: c", "no YAML"),
        ("\ta: b", "no YAML"),
        ('a: "\\UFFFFFFFF"', "no YAML text"),
        ('a: "\\ud800"', "surrogate"),
        ("a: b\nc: d\x00", "line 2: U+0000 is refused: YAML does not allow it"),
        ("é: \x07", "line 1: U+0007 is refused: YAML does not allow it"),
        (b"\xff\xfe\xfa", "line 1: not UTF-8: save the file as UTF-8 (byte 1)"),
        (b"a: b\nc: \xc3\x28", "line 2: not UTF-8: save the file as UTF-8 (byte 9)"),
        ("a: b".encode("utf-16"), "not UTF-8: save the file as UTF-8 (byte 1)"),
        ('a: b\nc: "\\0"', "line 2: the control character U+0000 is refused"),
        ('a: "\\r"', "line 1: the control character U+000D is refused"),
        ('"\\e": b', "line 1: the control character U+001B is refused"),
        ('a: "\\x7f"', "the control character U+007F is refused"),
        ('a: "\\N"', "the control character U+0085 is refused"),
        ("a: b\u202ec", "line 1: U+202E is refused: it changes the direction"),
        ('a: "\\u2066b"', "U+2066 is refused"),
        ("a\u2069: b", "U+2069 is refused"),
        ("\ud800", "YAML does not allow it"),
        ("a: " + "x" * (SCALAR_CHARS_MAX + 1), "a text longer than 2000"),
        ("a: " + "[" * DEPTH_MAX + "]" * DEPTH_MAX, "deeper than 24"),
        ("[" * 30_000, "deeper than 24"),
        ("{a: " * 10_000, "deeper than 24"),
        ("- " * 20_000 + "a", "deeper than 24"),
        ("a: [" + "b," * NODES_MAX + "]", "more than 8000 values"),
        ("a: " + "b" * DOCUMENT_BYTES_MAX, "larger than 65536 bytes"),
    ],
)
def test_a_hostile_document_is_refused_with_its_name_and_a_reason(
    source: str | bytes, reason: str
) -> None:
    found = refusal(source)
    assert found.startswith("ours.yaml: ")
    assert reason in found


def test_line_ends_and_tabs_are_text() -> None:
    assert load("a", "a: |\r\n  b\tc\r\n  d\r\n").tree == {"a": "b\tc\nd\n"}


def test_the_hash_is_of_what_is_said_not_of_how() -> None:
    one = load("a", "b: '1' # a comment\na: {x: y, z: w}\n")
    other = load("b", '# another\na:\n  "z": w\n  x: "y"\nb: 1\n')
    assert one.sha256 == other.sha256
    assert one.sha256 != load("a", "b: 2\na: {x: y, z: w}\n").sha256
    assert one.sha256 == sha256(b'{"a":{"x":"y","z":"w"},"b":"1"}').hexdigest()


@given(st.text(max_size=300) | st.binary(max_size=300))
def test_any_text_is_a_document_or_a_named_refusal(source: str | bytes) -> None:
    found = problems_of(lambda: parse(load("fuzz", source)))
    assert found is None or {problem.document for problem in found} == {"fuzz"}


ATOMS = st.sampled_from(
    [
        *("a: b\n", "a:\n", "- ", "  ", "\n", "{", "}", "[", "]", ",", ": ", "&x ", "*x", "!t "),
        *("? ", "| \n", "> \n", '"', "'", "#", "---\n", "...\n", "%YAML 1.1\n", "<<: ", "NO", "~"),
        *("1e999999", "\\U", "0" * 50, "\t", "é", "\u2028", "\ufeff", "@", "`", "kind: mapping\n"),
    ]
)


@given(st.lists(ATOMS, max_size=40))
def test_any_yaml_like_text_is_a_document_or_a_named_refusal(parts: list[str]) -> None:
    found = problems_of(lambda: load("fuzz", "".join(parts)))
    assert found is None or {problem.document for problem in found} == {"fuzz"}


WORDS = st.sampled_from(
    [
        *("from", "value", "concat", "cases", "use", "default", "when", "do", "sep"),
        *("source", "facts.amount_minor", "facts.nothing", "Text", "DebitAmount", "upper"),
        *("max", "lookup", "table", "miss", "gt", "all", "not", "in", "path", "60", "-1"),
        *("9" * 18, "x" * 500, "", "NO", "__class__", "fields", "rules", "checks", "rule"),
        *("message", "custom", "type", "size", "String", "general_line", "minor_units", "negate"),
    ]
)
TREES = st.recursive(
    WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(WORDS, inner, max_size=3)
        | st.fixed_dictionaries({"from": st.just("source"), "do": st.lists(inner, max_size=2)})
        | st.fixed_dictionaries({"value": WORDS, "when": inner})
    ),
    max_leaves=12,
)


def flow(tree: object) -> str:
    """The tree in YAML's flow style, all quoted."""
    if isinstance(tree, dict):
        return "{" + ", ".join(f'"{key}": {flow(each)}' for key, each in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(flow(each) for each in tree) + "]"
    return f'"{tree}"'


@given(st.dictionaries(st.sampled_from(["Text", "Document", "X_Custom"]), TREES, max_size=3), TREES)
def test_any_rules_compile_or_are_refused_by_name(fields: dict[str, object], more: object) -> None:
    head = "kind: mapping\nname: ours\nextends: general_line\n"
    document = f"{head}fields: {flow(fields)}\nrules: {{r: {flow(more)}}}\n"
    found = problems_of(lambda: compiled(document))
    assert found is None or all(problem.document and problem.reason for problem in found)


def nested(depth: int, inside: object = "x") -> object:
    """A tree of so many mappings within each other."""
    for _ in range(depth):
        inside = {"a": inside}
    return inside


@pytest.mark.parametrize(
    ("tree", "reason"),
    [
        ("text", "a document is a mapping"),
        (["a"], "a document is a mapping"),
        (None, "a document is a mapping"),
        ({"a": 1}, "only mappings, lists and text"),
        ({"a": True}, "only mappings, lists and text"),
        ({"a": [None]}, "only mappings, lists and text"),
        ({"a": {"b": 1.5}}, "only mappings, lists and text"),
        ({1: "a"}, "only mappings, lists and text"),
        ({"a": b"x"}, "only mappings, lists and text"),
        ({"a": "x" * (SCALAR_CHARS_MAX + 1)}, "a text longer than 2000"),
        ({"x" * (SCALAR_CHARS_MAX + 1): "a"}, "a text longer than 2000"),
        ({"a": "\ud800"}, "surrogate"),
        ({"a": ["b\x00"]}, "the control character U+0000"),
        ({"a\x1b": "b"}, "the control character U+001B"),
        ({"a": "\u202a"}, "U+202A is refused: it changes the direction"),
        ({"\udfff": "a"}, "surrogate"),
        ({"a": ["b"] * NODES_MAX}, "more than 8000 values"),
        ({"a": [["b"] * 100] * 100}, "more than 8000 values"),
        ({f"k{n}": "b" for n in range(NODES_MAX // 2)}, "more than 8000 values"),
        (nested(DEPTH_MAX + 1), "deeper than 24"),
        (nested(DEPTH_MAX, {}), "deeper than 24"),
        (nested(100_000), "deeper than 24"),
        ({f"k{n}": "é" * 1_999 for n in range(100)}, f"larger than {TREE_BYTES_MAX} bytes"),
    ],
)
def test_a_hostile_tree_is_refused_with_its_name_and_a_reason(tree: object, reason: str) -> None:
    with pytest.raises(MappingRefused) as caught:
        load_tree("ours", tree)
    assert str(caught.value).startswith("ours: ")
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        MAPPING,
        "a: " + "[" * (DEPTH_MAX - 1) + "]" * (DEPTH_MAX - 1),
        "a: [" + "b," * (NODES_MAX - 3) + "]",
        'a: "' + "\\t" * SCALAR_CHARS_MAX + '"',
        "\n".join(f"k{n}: {'x' * SCALAR_CHARS_MAX}" for n in range(30)),
        'a: "\\n\\t\\_\\L\\P \\U0001F600 \\u200f"',
    ],
)
def test_what_was_loaded_is_loaded_again_as_a_tree(source: str) -> None:
    loaded = load("a", source)
    assert load_tree("b", json.loads(json.dumps(loaded.tree))) == replace(loaded, where="b")


@given(st.lists(ATOMS, max_size=40))
def test_whatever_loads_as_text_loads_as_a_tree(parts: list[str]) -> None:
    try:
        loaded = load("fuzz", "".join(parts))
    except MappingRefused:
        return
    assert load_tree("fuzz", dict(loaded.tree)) == loaded


ANYTHING = st.recursive(
    st.sampled_from([None, True, 10**30, float("nan"), "\ud800", "\x00", b"x"]) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


@given(ANYTHING | st.dictionaries(WORDS, ANYTHING, max_size=3))
def test_any_tree_is_a_document_or_a_named_refusal(tree: object) -> None:
    found = problems_of(lambda: parse(load_tree("fuzz", tree)))
    assert found is None or {problem.document for problem in found} == {"fuzz"}


def test_ten_megabytes_are_refused_before_they_are_read() -> None:
    for source in (b"a", "[", b"\xff", "\ud800"):
        assert f"larger than {DOCUMENT_BYTES_MAX} bytes" in refusal(source * 10_000_000)


def test_large_tables_in_many_rules_are_refused_instead_of_taking_minutes() -> None:
    rows = ", ".join(f"k{n}: v{n}" for n in range(3_000))
    steps = ", ".join(["{lookup: {table: big, miss: x}}", *["upper"] * 15])
    cases = "\n".join(f"      - {{when: {{source: a{n}}}, use: r}}" for n in range(150))
    document = (
        "kind: mapping\nname: ours\nextends: general_line\n"
        f"rules:\n  r: {{from: source, do: [{steps}]}}\n"
        f"fields:\n  Text:\n    cases:\n{cases}\n      - {{use: r}}\n"
    )
    found = problems_of(lambda: compiled(f"kind: table\nname: big\nrows: {{{rows}}}\n", document))
    assert found is not None
    assert "need more than 100000 checks" in found[0].reason


def test_long_conditions_in_many_places_are_refused_instead_of_taking_minutes() -> None:
    conditions = ", ".join(f"{{source: a{n}}}" for n in range(1_000))
    uses = ", ".join(["{use: r}"] * 20)
    document = (
        "kind: mapping\nname: ours\nextends: general_line\n"
        f"rules:\n  r: {{value: x, when: {{any: [{conditions}]}}}}\n"
        f"fields: {{Text: {{concat: [{uses}]}}}}\n"
    )
    found = problems_of(lambda: compiled(document))
    assert found is not None
    assert "need more than 100000 checks" in found[0].reason
    once = document.replace(uses, "{use: r}")
    assert problems_of(lambda: compiled(once)) is None


def test_rules_that_use_rules_that_use_rules_are_counted_written_out() -> None:
    rules = "\n".join(
        f"  r{n}: {{concat: [{{use: r{n + 1}}}, {{use: r{n + 1}}}]}}" for n in range(40)
    )
    document = (
        f"kind: mapping\nname: ours\nextends: general_line\nrules:\n{rules}\n"
        "  r40: {value: x}\nfields:\n  Text: {use: r0, do: [{max: 60}]}\n"
    )
    found = problems_of(lambda: compiled(document))
    assert found is not None
    assert "more than 2000 rules, written out" in found[0].reason


def test_a_long_list_of_problems_is_cut_and_counted() -> None:
    error = MappingRefused([Problem("a", f"reason {index}") for index in range(25)])
    lines = str(error).splitlines()
    assert len(lines) == PROBLEMS_SHOWN_MAX + 1
    assert lines[-1] == "and 5 more"


def test_differences_name_the_place_and_both_values() -> None:
    after = MAPPING.replace("max: 60", "max: 40").replace("name: ours", "name: ours\nabout: new")
    after = after.replace(', sep: " "', "")
    assert differences(load("a", MAPPING), load("b", f"# comment\n{after}")) == (
        ValueDifference("about", None, "new"),
        ValueDifference("fields.Text.do.0.max", "60", "40"),
        ValueDifference("fields.Text.sep", " ", None),
    )
    assert differences(load("a", MAPPING), load("b", MAPPING)) == ()
    assert differences(load("a", "a: []"), load("b", "a: {}")) == (
        ValueDifference("a", "[]", "{}"),
    )

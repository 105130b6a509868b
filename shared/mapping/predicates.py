"""Closed predicates: conditions over source paths, drawn as forms rather than written as code.

`{path: text}` equals, `{path: [texts]}` in, `{path: {gt: 0, present: true, ...}}`, joined by
`all`, `any` and `not`. Nothing (a missing field) equals nothing and is neither more nor less.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from shared.mapping.problems import RuleRefused, shown
from shared.mapping.schema import Raw
from shared.mapping.values import (
    DATE,
    NUMBERS,
    TEXT,
    Expression,
    Scope,
    iso_day,
    number,
)

MEMBERS_MAX = 500

type Test = Callable[[Scope], bool]
type Read = Callable[[str], Expression]

_ORDER = MappingProxyType(
    {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}
)
OPERATORS = ("equals", "in", "present", *_ORDER)


def compile_condition(condition: Raw, read: Read) -> Test:
    """A condition as a closure. Raises `RuleRefused` for what is none."""
    if not isinstance(condition, Mapping) or not condition:
        raise RuleRefused("a condition is a mapping of paths to tests")
    tests = tuple(_entry(name, spec, read) for name, spec in condition.items())
    return _all(tests)


def _all(tests: tuple[Test, ...]) -> Test:
    if len(tests) == 1:
        return tests[0]
    return lambda scope: all(test(scope) for test in tests)


def _entry(name: str, spec: Raw, read: Read) -> Test:
    if name in ("all", "any"):
        if isinstance(spec, str) or not isinstance(spec, Sequence) or not spec:
            raise RuleRefused(f"{name} takes a list of conditions")
        tests = tuple(compile_condition(condition, read) for condition in spec)
        return _all(tests) if name == "all" else lambda scope: any(t(scope) for t in tests)
    if name == "not":
        inner = compile_condition(spec, read)
        return lambda scope: not inner(scope)
    source = read(name)
    if isinstance(spec, str):
        return _equals(source, spec, read)
    if isinstance(spec, Mapping):
        if not spec:
            raise RuleRefused("a test needs an operator", name)
        return _all(tuple(_test(source, operator, value, read) for operator, value in spec.items()))
    return _in(source, spec)


def _test(source: Expression, name: str, value: Raw, read: Read) -> Test:
    if name == "equals":
        return _equals(source, value, read)
    if name == "in":
        return _in(source, value)
    if name == "present":
        if value not in ("true", "false"):
            raise RuleRefused("present is true or false", source.path)
        run, wanted = source.run, value == "true"
        return lambda scope: (run(scope) not in (None, "")) is wanted
    compare = _ORDER.get(name)
    if compare is None:
        known = ", ".join(OPERATORS)
        raise RuleRefused(f"no operator {shown(name)}; there are {known}", source.path)
    if source.kind == TEXT:
        raise RuleRefused(f"{name} compares numbers and dates, not text", source.path)
    left, right = source.run, _other(source, value, read).run

    def ordered(scope: Scope) -> bool:
        one, two = left(scope), right(scope)
        return one is not None and two is not None and bool(compare(one, two))

    return ordered


def _literal(source: Expression, value: Raw) -> Any:  # noqa: ANN401 - of the kind of the source
    if not isinstance(value, str):
        raise RuleRefused("compares with one value", source.path)
    if source.kind in NUMBERS:
        return number(value)[0]
    return iso_day(value) if source.kind == DATE else value


def _other(source: Expression, value: Raw, read: Read) -> Expression:
    """What a test compares with: a literal, or `{path: ...}`."""
    if isinstance(value, Mapping):
        path = value.get("path")
        if len(value) != 1 or not isinstance(path, str):
            raise RuleRefused("compares with a value or with {path: ...}", source.path)
        other = read(path)
        numbers = source.kind in NUMBERS and other.kind in NUMBERS
        if other.kind != source.kind and not numbers:
            raise RuleRefused(f"compares {source.kind} with {other.kind}", source.path)
        return other
    literal = _literal(source, value)
    return Expression(lambda _: literal, source.kind, constant=True)


def _equals(source: Expression, value: Raw, read: Read) -> Test:
    left, right = source.run, _other(source, value, read).run

    def equal(scope: Scope) -> bool:
        actual = left(scope)
        return actual is not None and bool(actual == right(scope))

    return equal


def _in(source: Expression, value: Raw) -> Test:
    if isinstance(value, str | Mapping) or not value:
        raise RuleRefused("in takes a list of values", source.path)
    if len(value) > MEMBERS_MAX:
        raise RuleRefused(f"in takes at most {MEMBERS_MAX} values", source.path)
    members = frozenset(_literal(source, member) for member in value)
    run = source.run
    return lambda scope: run(scope) in members

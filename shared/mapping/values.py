"""Compiled expressions: what the compiler, the transforms and the predicates share.

An expression is a closure from a scope (document, company, amount, ...) to a value, with what is
known before it runs: the kind of the value, and whether it may be personal data.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from shared.errors import Parked
from shared.mapping.catalogue import Source, source_at
from shared.mapping.problems import RuleRefused, shown
from shared.mapping.schema import NUMBER_PATTERN

TEXT, INTEGER, DECIMAL, DATE = "text", "integer", "decimal", "date"
DIMENSIONS = "dimensions"  # the segments of a display value
NUMBERS = (INTEGER, DECIMAL)
_TYPES = MappingProxyType({TEXT: (str,), INTEGER: (int,), DECIMAL: (Decimal,), DATE: (date,)})

type Scope = Mapping[str, Any]
type Run = Callable[[Scope], Any]


@dataclass(frozen=True, slots=True)
class Dimension:
    """A financial dimension that a rule gives. `values`: those that are known before it runs."""

    name: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression.

    `path`: the source path it reads, for errors. `personal`: its value may not be shown.
    `outcomes`: all texts it can give, where they are known before it runs. `dimensions`: the
    financial dimensions that it gives, in order.
    """

    run: Run
    kind: str
    path: str = ""
    personal: bool = False
    constant: bool = False
    outcomes: tuple[str, ...] = ()
    dimensions: tuple[Dimension, ...] = ()


def parked(cause: str, text: str, remedy: str = "Correct the mapping, then retry.") -> Parked:
    """The error of a value that cannot be rendered."""
    return Parked(cause, text, remedy)


def number(text: str) -> tuple[int | Decimal, str]:
    """A literal number and its kind. Raises `RuleRefused`."""
    if not re.fullmatch(NUMBER_PATTERN, text):
        raise RuleRefused(f"{shown(text)} is not a plain number")
    return (Decimal(text), DECIMAL) if "." in text else (int(text), INTEGER)


def constant(value: object, kind: str) -> Expression:
    """An expression that always gives the same value."""
    outcomes = (value,) if isinstance(value, str) else ()
    return Expression(lambda _: value, kind, constant=True, outcomes=outcomes)


def iso_day(text: str) -> date:
    """A literal date, `2026-11-01`. Raises `RuleRefused`."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RuleRefused(f"{shown(text)} is not a date like 2026-11-01") from None


def read(sources: Mapping[str, Source], path: str) -> Expression:
    """The field of the document at a path. Raises `RuleRefused` for an unknown path.

    A field that is missing gives nothing; one of another kind than the catalogue says parks.
    """
    source = source_at(sources, path)
    return Expression(_reader(path, source.kind), source.kind, path, source.personal)


def _reader(path: str, kind: str) -> Run:
    """A closure that fetches a field as the document holds it, checked for its kind."""
    types = _TYPES[kind]
    first, *rest = path.split(".")
    second = rest[0] if rest else ""

    def wrong(value: object) -> Parked:
        return parked("value_kind", f"{path} should be {kind}, the document has {_name(value)}")

    def check(value: Any) -> Any:  # noqa: ANN401 - checked here
        if value is not None and (isinstance(value, bool) or not isinstance(value, types)):
            raise wrong(value)
        return value

    # The usual kinds are seen without a call: these two run for each field of each record.
    def one(scope: Scope) -> Any:  # noqa: ANN401 - of the kind
        value = scope.get(first)
        return value if type(value) in types else check(value)

    def two(scope: Scope) -> Any:  # noqa: ANN401 - of the kind
        try:
            value = scope[first][second]
        except (KeyError, TypeError, IndexError):
            return None
        return value if type(value) in types else check(value)

    def deep(scope: Scope) -> Any:  # noqa: ANN401 - of the kind
        value: Any = scope.get(first)
        for name in rest:
            if not isinstance(value, Mapping):
                return None
            value = value.get(name)
        return check(value)

    return {0: one, 1: two}.get(len(rest), deep)


def _name(value: object) -> str:
    return "true or false" if isinstance(value, bool) else type(value).__name__

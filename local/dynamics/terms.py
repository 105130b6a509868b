"""The compiled parts of a `$filter`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.dynamics.errors import bad_query
from local.dynamics.store import Fields
from local.dynamics.values import fold

type Evaluate = Callable[[Fields], Any]
type Predicate = Callable[[Fields], bool]


@dataclass(frozen=True, slots=True)
class Term:
    """A compiled sub-expression. `type` is an Edm name, an enum's name, `Boolean` or `null`."""

    type: str
    evaluate: Evaluate
    literal: Any = None
    property: str = ""
    equals: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """A compiled `$filter`. `equals`: properties that any match must have equal to a value."""

    matches: Predicate
    equals: Mapping[str, Any]


def guarded(evaluate: Evaluate) -> Predicate:
    """A predicate whose failing arithmetic is a refusal."""

    def test(fields: Fields) -> bool:
        try:
            return bool(evaluate(fields))
        except ArithmeticError as error:
            raise bad_query("The arithmetic of the $filter expression fails.") from error

    return test


def one_of(terms: Sequence[Term]) -> Term | None:
    """Many equalities of one property in a row, as clients write them for lack of `in`."""
    name = terms[0].equals[0][0] if terms[0].equals else ""
    if not all(len(term.equals) == 1 and term.equals[0][0] == name for term in terms):
        return None
    values = frozenset(fold(term.equals[0][1]) for term in terms)
    return Term("Boolean", lambda fields: fold(fields[name]) in values)

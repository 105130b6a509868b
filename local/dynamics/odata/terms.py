"""The compiled parts of a `$filter`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.dynamics.odata.errors import bad_query
from local.dynamics.odata.store import Fields
from local.dynamics.odata.values import fold

type Evaluate = Callable[[Fields], Any]
type Predicate = Callable[[Fields], bool]


@dataclass(frozen=True, slots=True)
class Term:
    """A compiled sub-expression. `type` is an Edm name, an enum's name, `Boolean` or `null`.

    `among`: what must hold where the term holds, as properties with the values they may have.
    `plain`: the term says that and no more.
    """

    type: str
    evaluate: Evaluate
    literal: Any = None
    property: str = ""
    among: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """A compiled `$filter`. `among`: properties that any match has with one of these values."""

    matches: Predicate
    among: Mapping[str, tuple[Any, ...]]


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
    name = terms[0].among[0][0] if terms[0].among else ""
    if not all(term.plain and term.among[0][0] == name for term in terms):
        return None
    values = tuple([value for term in terms for value in term.among[0][1]])
    known = frozenset(fold(value) for value in values)
    return Term(
        "Boolean", lambda fields: fold(fields[name]) in known, among=((name, values),), plain=True
    )

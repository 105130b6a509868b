"""Financial dimensions: segments of `*DisplayValue` fields, named, in the order of a format.

Dynamics reads a display value by position, and drops what is behind the last segment of its format
without a word. So rules name the dimensions, and publishing compares the names with the format that
is active. A value may hold the delimiter, which is escaped.
https://learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/financial/financial-dimension-configuration-integration
"""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from shared.domain.values import Symbol
from shared.errors import Parked
from shared.mapping.predicates import Test
from shared.mapping.problems import RuleRefused
from shared.mapping.values import (
    DIMENSIONS,
    INTEGER,
    TEXT,
    Dimension,
    Expression,
    Run,
    Scope,
    parked,
)
from shared.targets.entity_set import DEFAULT_FORMAT, Field
from shared.targets.finance.display_values import ESCAPE, display_of, segments_of

VALUE_CHARS_MAX = 30  # of what backs a dimension
LEDGER = "Ledger"


def segments(parts: Mapping[str, Expression], count: int) -> Expression:
    """Named values as one expression. `count`: how many were given. Raises `RuleRefused`."""
    if len(parts) != count:
        raise RuleRefused("names a dimension twice")
    for name, part in parts.items():
        if part.kind not in (TEXT, INTEGER):
            raise RuleRefused(f"the dimension {name} takes text, not {part.kind}", part.path)
        for text in part.outcomes:
            try:
                _checked(name, text)
            except Parked as error:
                raise RuleRefused(str(error), part.path) from None
    runs = tuple((name, part.run) for name, part in parts.items())
    return Expression(
        lambda scope: [_checked(name, run(scope)) for name, run in runs],
        DIMENSIONS,
        ", ".join(dict.fromkeys(part.path for part in parts.values() if part.path)),
        any(part.personal for part in parts.values()),
        dimensions=tuple(
            Dimension(name, tuple(filter(None, part.outcomes))) for name, part in parts.items()
        ),
    )


def _checked(name: str, value: Any) -> str:  # noqa: ANN401 - text, a number or nothing
    """A value that a segment can hold; nothing is blank."""
    text = "" if value is None else str(value)
    if len(text) > VALUE_CHARS_MAX:
        raise parked(
            "value_too_long",
            f"the dimension {name} holds {VALUE_CHARS_MAX} characters, the value has {len(text)}",
            "Correct the value where it comes from, or the mapping, then retry.",
        )
    if ESCAPE in text:
        raise parked("value_kind", f"the dimension {name} takes no backslash, which escapes")
    return text


def check_rule(field: Field, expression: Expression) -> None:
    """Dimensions stand in fields for them, and nothing else does. Raises `RuleRefused`."""
    if field.dimension_format == DEFAULT_FORMAT and expression.kind != DIMENSIONS:
        raise RuleRefused(
            f"{field.name} takes dimensions by name (dimensions: [...]), so that publishing can "
            "compare them with the format in Dynamics",
            expression.path,
        )
    if field.dimension_format != DEFAULT_FORMAT and expression.kind == DIMENSIONS:
        raise RuleRefused(f"{field.name} takes no dimensions", expression.path)


def default_dimensions(expression: Expression, test: Test | None, delimiter: str) -> Run:
    """The display value of default dimensions; left out where all of them are blank."""
    run = expression.run

    def display(scope: Scope) -> str | None:
        values: Sequence[str] = run(scope) if test is None or test(scope) else ()
        return display_of(values, delimiter) if any(values) else None

    return display


def with_dimensions(
    account: Run, kind: Run | None, expression: Expression, test: Test | None, delimiter: str
) -> Run:
    """The display value of an account with dimensions behind it, where it is a ledger account.

    `account`: its own display value; a segment that this fills stays as it is. `kind`: the type of
    the account, None where it always is a ledger account.
    """
    run = expression.run

    def display(scope: Scope) -> str | None:
        own: str | None = account(scope)
        if own is None or (test is not None and not test(scope)):
            return own
        found = None if kind is None else kind(scope)
        if isinstance(found, Symbol) and found.name != LEDGER:
            return own
        pairs = zip_longest(segments_of(own, delimiter), ["", *run(scope)], fillvalue="")
        filled = [first or second for first, second in pairs]
        while not filled[-1] and len(filled) > 1:
            filled.pop()
        return display_of(filled, delimiter)

    return display


def same_names(branches: Sequence[Expression]) -> tuple[Dimension, ...]:
    """The dimensions of cases, which name the same. Raises `RuleRefused`."""
    names = {tuple(each.name for each in branch.dimensions) for branch in branches}
    if len(names) > 1:
        raise RuleRefused("the cases name different dimensions")
    columns = zip(*(branch.dimensions for branch in branches), strict=True)
    return tuple(
        Dimension(column[0].name, tuple(value for each in column for value in each.values))
        for column in columns
    )

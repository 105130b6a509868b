"""Fields of the target: what a value must be before it is written there."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from shared.domain.values import Symbol, Value
from shared.errors import Parked
from shared.mapping.expressions import Rules
from shared.mapping.problems import RuleRefused, shown
from shared.mapping.schema import Rule
from shared.mapping.values import (
    DATE,
    DECIMAL,
    INTEGER,
    TEXT,
    Expression,
    Run,
    Scope,
    constant,
    iso_day,
    number,
    parked,
)
from shared.targets.entity_set import Field

INT32_MAX = 2**31 - 1


def too_long(field: str, chars_max: int, length: int) -> Parked:
    """The error of a text that its field does not hold."""
    return Parked(
        "value_too_long",
        f"{field} holds {chars_max} characters, the value has {length}",
        "Shorten the value in Stripe, or use a longer field, then retry.",
    )


@dataclass(frozen=True, slots=True)
class Made:
    """A compiled field: its closure (None: leave the field out), and its value where it is always
    the same. `personal`: the value may not be shown."""

    run: Run
    value: Value | None = None
    personal: bool = False


def compile_field(field: Field, rule: Rule, rules: Rules) -> Made:
    """A field of a rule. Raises `RuleRefused` for a kind of value that the field does not take."""
    test = None if rule.when is None else rules.condition(rule.when)
    expression = rules.rule(rule.model_copy(update={"when": None}))
    expression = _literal(expression, field)
    fit, run, path, name = _fitting(field, expression), expression.run, expression.path, field.name
    for text in expression.outcomes:
        try:
            fit(text)
        except Parked as error:
            raise RuleRefused(f"the value {shown(text)} does not fit: {error}", path) from None
    if expression.constant:
        try:
            value = fit(run({}))
        except Parked as error:
            raise RuleRefused(str(error)) from None
        if test is None:
            return Made(lambda _: value, value)
        return Made(lambda scope: value if test(scope) else None)

    def one(scope: Scope) -> Value:
        made = run(scope)
        if made is None:
            remedy = "Give the rule a default or a condition (when), publish, then retry."
            raise parked("value_missing", f"{path or name} gives nothing", remedy)
        return fit(made)

    if test is None:
        return Made(one, personal=expression.personal)
    return Made(lambda scope: one(scope) if test(scope) else None, personal=expression.personal)


def _literal(expression: Expression, field: Field) -> Expression:
    """A literal text for a field of numbers or dates, read as such."""
    if not (expression.constant and expression.kind == TEXT):
        return expression
    if field.type in ("Decimal", "Int32"):
        return constant(*number(expression.run({})))
    return constant(iso_day(expression.run({})), DATE) if field.type == "Date" else expression


def _fitting(field: Field, expression: Expression) -> Callable[[Any], Value]:
    takes = {"Decimal": (INTEGER, DECIMAL), "Int32": (INTEGER,), "Date": (DATE,)}
    kinds = takes.get(field.type, (TEXT,))
    if expression.kind not in kinds:
        raise RuleRefused(
            f"{field.name} takes {' or '.join(kinds)}, the rule gives {expression.kind}",
            expression.path,
        )
    match field.type:
        case "String":
            return _text(field)
        case "Decimal":
            return Decimal
        case "Int32":
            return _int32(field)
        case "Date":
            return lambda value: value
    return _member(field)


def _text(field: Field) -> Callable[[Any], Value]:
    size, name = field.size or 0, field.name

    def fit(value: str) -> str:
        if len(value) > size:
            raise too_long(name, size, len(value))
        return value

    return fit


def _int32(field: Field) -> Callable[[Any], Value]:
    def fit(value: int) -> int:
        if abs(value) > INT32_MAX:
            raise parked("value_too_large", f"{field.name} holds whole numbers of 32 bits")
        return value

    return fit


def _member(field: Field) -> Callable[[Any], Value]:
    symbols = {member: Symbol(field.type, member) for member in field.members}

    def fit(value: str) -> Symbol:
        symbol = symbols.get(value)
        if symbol is None:
            known = ", ".join(symbols)
            raise parked("value_kind", f"{field.name} takes only {known}")
        return symbol

    return fit

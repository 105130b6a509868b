"""Transforms of numbers: exact in integers and Decimal, or refused."""

from dataclasses import replace
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal, DecimalException
from types import MappingProxyType

from shared.domain.money import major
from shared.mapping.problems import RuleRefused
from shared.mapping.schema import Raw
from shared.mapping.steps import Maker, Surroundings, Value, bare, options, takes, then, whole
from shared.mapping.values import (
    DECIMAL,
    DIGITS_MAX,
    INTEGER,
    INTEGER_BITS_MAX,
    NUMBERS,
    TEXT,
    Expression,
    Scope,
    constant,
    exact,
    is_number,
    number,
    parked,
)

PLACES_MAX = 12
_ROUNDINGS = MappingProxyType({"half_even": ROUND_HALF_EVEN, "half_up": ROUND_HALF_UP})


def minor_units(argument: Raw, before: Expression, around: Surroundings) -> Expression:
    """Minor units to an amount in the exponents of Stripe: `currency` is the path of the code."""
    given = options(argument, "minor_units", "currency")
    takes(before, "minor_units", INTEGER)
    currency = around.read(given["currency"])
    if currency.kind != TEXT:
        raise RuleRefused("minor_units needs the path of a currency code", currency.path)
    run, code = before.run, currency.run

    def amount(scope: Scope) -> Decimal | None:
        minor = run(scope)
        if minor is None:
            return None
        try:
            return major(minor, code(scope))
        except ValueError:
            raise parked("value_kind", f"{currency.path} holds no currency code") from None

    return replace(before, run=amount, kind=DECIMAL, constant=False)


def operand(text: Raw, step: str, around: Surroundings) -> Expression:
    """The second number of a step: a literal, or the path of one."""
    if not isinstance(text, str):
        raise RuleRefused(f"{step} takes a number or a path")
    expression = constant(*number(text)) if is_number(text) else around.read(text)
    if expression.kind not in NUMBERS:
        raise RuleRefused(f"{step} takes numbers, not {expression.kind}", expression.path)
    return expression


def calculate(name: str, left: Value, right: Value, context: Context) -> Value:
    """Two numbers to one, exactly. Raises `Parked` for results beyond all amounts."""
    if isinstance(left, int) and isinstance(right, int):
        by_name = {"add": int.__add__, "subtract": int.__sub__, "multiply": int.__mul__}
        result = by_name[name](left, right)
        if result.bit_length() > INTEGER_BITS_MAX:
            raise parked("value_too_large", f"{name} gives more than {DIGITS_MAX} digits")
        return result
    try:
        return getattr(context, name)(Decimal(left), Decimal(right))
    except DecimalException:
        raise parked("value_too_large", f"{name} gives more than {DIGITS_MAX} digits") from None


def arithmetic(name: str) -> Maker:
    """`subtract` or `multiply`, exact."""

    def make(argument: Raw, before: Expression, around: Surroundings) -> Expression:
        takes(before, name, *NUMBERS)
        other = operand(argument, name, around)
        kind = INTEGER if (before.kind, other.kind) == (INTEGER, INTEGER) else DECIMAL
        context, left, right = exact(), before.run, other.run

        def result(scope: Scope) -> Value:
            one, two = left(scope), right(scope)
            if one is None:
                return None
            if two is None:
                raise parked("value_missing", f"{name} needs {other.path}, which is missing")
            return calculate(name, one, two, context)

        return replace(before, run=result, kind=kind, constant=False)

    return make


def negate(argument: Raw, before: Expression, around: Surroundings) -> Expression:
    """The same amount with the other sign."""
    del around
    bare(argument, "negate")
    takes(before, "negate", *NUMBERS)
    if before.kind == INTEGER:
        return then(before, lambda value: -value, INTEGER)
    # A Decimal's own minus would round to the precision of the thread's context.
    return then(before, lambda value: value.copy_negate() if value else value, DECIMAL)


def round_to(argument: Raw, before: Expression, around: Surroundings) -> Expression:
    """To so many places, half_even or half_up."""
    del around
    given = options(argument, "round", "places", "mode")
    takes(before, "round", *NUMBERS)
    places = whole(given["places"], "round.places", 0, PLACES_MAX)
    mode = _ROUNDINGS.get(given["mode"])
    if mode is None:
        raise RuleRefused(f"round.mode is {' or '.join(_ROUNDINGS)}")
    unit, context = Decimal(f"1E-{places}"), Context(prec=DIGITS_MAX + PLACES_MAX)

    def rounded(value: Value) -> Decimal:
        try:
            return Decimal(value).quantize(unit, rounding=mode, context=context)
        except DecimalException:
            raise parked("value_too_large", f"round meets more than {DIGITS_MAX} digits") from None

    return then(before, rounded, DECIMAL)

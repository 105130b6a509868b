"""Transforms of numbers: exact in integers and Decimal, or refused."""

from dataclasses import replace
from decimal import Decimal

from shared.domain.money import major
from shared.mapping.problems import RuleRefused
from shared.mapping.schema import Raw
from shared.mapping.steps import Surroundings, bare, options, takes, then
from shared.mapping.values import DECIMAL, INTEGER, NUMBERS, TEXT, Expression, Scope, parked


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


def negate(argument: Raw, before: Expression, around: Surroundings) -> Expression:
    """The same amount with the other sign."""
    del around
    bare(argument, "negate")
    takes(before, "negate", *NUMBERS)
    if before.kind == INTEGER:
        return then(before, lambda value: -value, INTEGER)
    # A Decimal's own minus would round to the precision of the thread's context.
    return then(before, lambda value: value.copy_negate() if value else value, DECIMAL)

"""What a price is: amounts per unit, tiers, and the same in other currencies.

https://docs.stripe.com/api/prices. Amounts are whole minor units or decimals of them.
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any

from local.stripe import forms, nested
from local.stripe.errors import ApiError, invalid, missing_parameter
from shared.ports import Json

TIERS_MAX = 100
TAX_BEHAVIORS = ("exclusive", "inclusive", "unspecified")


def _up_to(value: object, param: str) -> int | None:
    return None if value == "inf" else forms.positive(value, param)


_TIER: forms.Spec = {
    "flat_amount": nested.not_negative,
    "flat_amount_decimal": nested.decimal,
    "unit_amount": nested.not_negative,
    "unit_amount_decimal": nested.decimal,
    "up_to": _up_to,
}
TIERS = nested.several(nested.nested(_TIER, ("up_to",)), TIERS_MAX)
AMOUNTS: forms.Spec = {
    "unit_amount": nested.not_negative,
    "unit_amount_decimal": nested.decimal,
}
_OPTION: forms.Spec = {
    **AMOUNTS,
    "tax_behavior": forms.one_of(*TAX_BEHAVIORS),
    "tiers": TIERS,
}
OPTIONS = nested.by_currency(nested.nested(_OPTION))


def pair(params: Json, name: str, within: str = "") -> Json:
    """`unit_amount` and `unit_amount_decimal` (or `flat_...`) from whichever is given; null both
    where none is. An amount that is no whole number has the decimal only."""
    decimal = f"{name}_decimal"
    given = [each for each in (name, decimal) if params.get(each) is not None]
    if len(given) > 1:
        names = ", ".join(f"{within}[{each}]" if within else each for each in given)
        raise ApiError(400, f"You may only specify one of these parameters: {names}.")
    if not given:
        return {name: None, decimal: None}
    amount = Decimal(params[given[0]])
    whole = amount == amount.to_integral_value()
    text = f"{amount.to_integral_value() if whole else amount.normalize():f}"
    return {name: int(amount) if whole else None, decimal: text}


def tiers(params: Json, param: str) -> list[Json]:
    """Tiers as the API shows them. Raises `ApiError` where they do not rise to `inf`."""
    given: list[Json] = params.get("tiers") or []
    if not given:
        raise missing_parameter(param)
    bounds = [tier["up_to"] for tier in given]
    if bounds[-1] is not None or None in bounds[:-1]:
        text = "The last tier, and only that one, must have `up_to` of `inf`."
        raise invalid(text, param)
    if any(low >= high for low, high in pairwise(bounds[:-1])):
        raise invalid("The `up_to` of each tier must be greater than that of the last.", param)
    return [_tier(tier, f"{param}[{index}]") for index, tier in enumerate(given)]


def _tier(given: Json, param: str) -> Json:
    tier = pair(given, "flat_amount", param) | pair(given, "unit_amount", param)
    if not any(value is not None for value in tier.values()):
        raise missing_parameter(f"{param}[unit_amount]")
    return tier | {"up_to": given["up_to"]}


def option(given: Json, param: str) -> Json:
    """What a price is in another currency."""
    amounts = pair(given, "unit_amount", param)
    tiered = "tiers" in given
    if tiered == (amounts["unit_amount_decimal"] is not None):
        names = f"{param}[unit_amount], {param}[unit_amount_decimal], {param}[tiers]"
        raise ApiError(400, f"You must specify one of these parameters: {names}.", param=param)
    shown: Json = {
        "custom_unit_amount": None,
        "tax_behavior": given.get("tax_behavior", "unspecified"),
        **amounts,
    }
    return shown | ({"tiers": tiers(given, f"{param}[tiers]")} if tiered else {})


def subtotal_minor(price: Mapping[str, Any], tiers: list[Json], quantity: int) -> int:
    """What a quantity costs, rounded once, half up: `unit_amount_decimal` may be a fraction."""
    transform = price.get("transform_quantity")
    if transform is not None:
        whole, rest = divmod(quantity, transform["divide_by"])
        quantity = whole + (1 if rest and transform["round"] == "up" else 0)
    if price.get("billing_scheme") != "tiered":
        return rounded(Decimal(price["unit_amount_decimal"]) * quantity)
    total, below = Decimal(0), 0
    for tier in tiers:
        top = tier["up_to"]
        last = top is None or quantity <= top
        if price["tiers_mode"] == "volume":
            if last:
                return rounded(_in_tier(tier, quantity))
            continue
        inside = (quantity if last else top) - below
        total += _in_tier(tier, inside)
        if last:
            break
        below = top
    return rounded(total)


def _in_tier(tier: Json, quantity: int) -> Decimal:
    flat, unit = tier["flat_amount_decimal"] or "0", tier["unit_amount_decimal"] or "0"
    return Decimal(flat) + Decimal(unit) * quantity


def rounded(amount: Decimal) -> int:
    """Whole minor units, halves away from zero."""
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))

"""The tax of a line of a sale, by its key, as Stripe tells it.

The key is what a tax code of Dynamics depends on: jurisdiction, type of tax, rate, the reason why
it is taxed like that, and whether the price includes it. Reverse charge, export and exempt are all
0 %: only the reason tells them apart, so a tax of nothing is kept as well.
https://docs.stripe.com/api/checkout/sessions/line_items (`taxes`),
https://docs.stripe.com/api/tax_rates/object
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Annotated, Any

from shared.domain.documents import Attribute
from shared.entities.common.objects import elements, integer, text, unreadable

KEY_SEPARATOR, UNTOLD, BETWEEN = "/", "-", " + "
INCLUSIVE, EXCLUSIVE = "inclusive", "exclusive"
FLAT = "flat"  # the rate of a tax that is an amount, not a percentage
LOCAL_LEVELS = ("city", "county", "district")
RATE_MAX = 1_000
TAXES_MAX = 10  # of one line; Stripe Tax knows states, counties, cities, districts
REASON_OF_EXEMPTION = MappingProxyType({"exempt": "customer_exempt", "reverse": "reverse_charge"})
"""What a customer's `tax_exempt` means, where Stripe counts no tax at all."""


@dataclass(frozen=True, slots=True)
class TaxKey:
    """What a tax is told by. Empty texts where Stripe does not say; `rate` is a percentage."""

    jurisdiction: str = ""
    type: str = ""
    rate: str = ""
    reason: str = ""
    inclusive: bool = False

    @property
    def text(self) -> str:
        """The key as tables of a mapping write it: `DE/vat/19/standard_rated/exclusive`."""
        parts = (self.jurisdiction, self.type, self.rate, self.reason)
        end = INCLUSIVE if self.inclusive else EXCLUSIVE
        return KEY_SEPARATOR.join((*(part or UNTOLD for part in parts), end))


@dataclass(frozen=True, slots=True)
class LineTax:
    """A tax of a line, in minor units; nothing where the line is taxed at 0 %."""

    key: TaxKey
    amount: int


@dataclass(frozen=True, slots=True)
class SaleTax:
    """The tax of a line as a mapping reads it. A line with several taxes tells all of them, with
    ` + ` between them."""

    key: Annotated[str, Attribute("the whole key, such as DE/vat/19/standard_rated/exclusive")] = ""
    jurisdiction: Annotated[str, Attribute("country, state, place; may be empty")] = ""
    type: Annotated[str, Attribute("vat, sales_tax, ...; may be empty")] = ""
    rate: Annotated[str, Attribute("the percentage; may be empty")] = ""
    reason: Annotated[str, Attribute("why: standard_rated, reverse_charge, ...; may be empty")] = ""
    inclusive: Annotated[str, Attribute("inclusive or exclusive")] = ""


NO_TAX = SaleTax()


def told(keys: Iterable[TaxKey]) -> SaleTax:
    """The taxes of a line as a mapping reads them; `NO_TAX` where the line tells none."""
    known = sorted(dict.fromkeys(keys), key=lambda key: key.text)
    if not known:
        return NO_TAX
    ends = [INCLUSIVE if key.inclusive else EXCLUSIVE for key in known]
    return SaleTax(
        BETWEEN.join(key.text for key in known),
        BETWEEN.join(dict.fromkeys(key.jurisdiction for key in known)),
        BETWEEN.join(dict.fromkeys(key.type for key in known)),
        BETWEEN.join(key.rate for key in known),
        BETWEEN.join(dict.fromkeys(key.reason for key in known)),
        BETWEEN.join(dict.fromkeys(ends)),
    )


def taxes_of(
    source: Mapping[str, Any], tax: int, *, exempt: str, inclusive: bool
) -> tuple[LineTax, ...]:
    """The taxes of a line item or of shipping, which come to `tax` minor units together.

    `exempt`: the customer's `tax_exempt`; `inclusive`: whether the price holds the tax, where
    Stripe shows no rate. Sessions of old versions, and exports, may not show `taxes`: then all tax
    is of one key that says no more. Raises `Parked` for taxes that do not add up or are no taxes.
    """
    what = text(source, "id") or "shipping_cost"
    found: dict[TaxKey, int] = {}
    shown = elements(source.get("taxes"))
    if len(shown) > TAXES_MAX:
        raise unreadable("line item", what, "taxes")
    for each in shown:
        if not isinstance(each, Mapping):
            raise unreadable("line item", what, "taxes")
        key, amount = _key(each, what, inclusive=inclusive), integer(each, "amount", "line item")
        if amount < 0:
            raise unreadable("line item", what, "taxes")
        found[key] = found.get(key, 0) + amount
    missing = tax - sum(found.values())
    if missing < 0 or (missing and shown):
        raise unreadable("line item", what, "taxes")
    reason = REASON_OF_EXEMPTION.get(exempt, "")
    if missing:
        found[TaxKey(inclusive=inclusive)] = missing
    elif not found and reason:
        found[TaxKey(rate="0", reason=reason)] = 0
    return tuple(LineTax(key, amount) for key, amount in found.items())


def sum_of(source: Mapping[str, Any]) -> int:
    """What the taxes that a line item shows come to; nothing where it shows none. Raises `Parked`
    for what is none."""
    shown = [each for each in elements(source.get("taxes")) if isinstance(each, Mapping)]
    return sum(integer(each, "amount", "line item") for each in shown)


def _key(tax: Mapping[str, Any], what: str, *, inclusive: bool) -> TaxKey:
    rate = tax.get("rate")
    reason = text(tax, "taxability_reason")
    if not isinstance(rate, Mapping):  # an export that does not expand it
        return TaxKey(reason=reason, inclusive=inclusive)
    percentage = rate.get("effective_percentage")
    if percentage is None:
        percentage = rate.get("percentage")
    told_rate = rate_text(percentage)
    if text(rate, "rate_type") == "flat_amount":
        told_rate = FLAT
    if told_rate is None:
        raise unreadable("tax rate of line item", what, "percentage")
    return TaxKey(
        _jurisdiction(rate),
        text(rate, "tax_type"),
        told_rate,
        reason,
        rate.get("inclusive") is True,
    )


def _jurisdiction(rate: Mapping[str, Any]) -> str:
    """`DE`, `US-NY`, `US-NY-KINGS`; the label of the rate where it names no country."""
    parts = [text(rate, "country"), text(rate, "state")]
    if not any(parts) or text(rate, "jurisdiction_level") in LOCAL_LEVELS:
        parts.append(text(rate, "jurisdiction"))
    return UNTOLD.join(part for part in parts if part).replace(KEY_SEPARATOR, " ")


def rate_text(value: object) -> str | None:
    """A percentage as the key writes it: `19`, `8.875`; None for what is none."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    if not number.is_finite() or not 0 <= number <= RATE_MAX:
        return None
    return f"{number.normalize():f}"

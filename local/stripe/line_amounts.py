"""The arithmetic of the lines of Checkout Sessions and invoices, in whole minor units.

https://docs.stripe.com/tax/tax-rates. Discounts come off first, taxes are counted on what is left,
a line at a time, halves up. Where a discount or an inclusive tax has to be divided, the parts are
proportional and the cents that are left over go to the largest remainders, earlier ones first:
Stripe promises the sum only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from local.stripe.catalogue.amounts import rounded

HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Rate:
    """A tax rate as the arithmetic needs it."""

    id: str
    percentage: Decimal
    inclusive: bool


@dataclass(frozen=True, slots=True)
class Tax:
    """What a rate comes to."""

    rate: str
    amount_minor: int
    taxable_minor: int


@dataclass(frozen=True, slots=True)
class Amounts:
    """What a line, or the shipping, comes to.

    `tax_minor` is all tax, that inside the price too; `total_minor` is what the customer pays.
    """

    subtotal_minor: int
    discount_minor: int
    tax_minor: int
    total_minor: int
    taxes: tuple[Tax, ...]

    def negated(self) -> "Amounts":
        """The same, given back."""
        return Amounts(
            -self.subtotal_minor,
            -self.discount_minor,
            -self.tax_minor,
            -self.total_minor,
            tuple(Tax(tax.rate, -tax.amount_minor, -tax.taxable_minor) for tax in self.taxes),
        )


def spread(total_minor: int, weights: Sequence[int | Decimal]) -> list[int]:
    """Divide an amount in proportion to weights that are not negative; the parts add up to it.

    All weights zero: everything falls to the first. Raises `ValueError` where there is none.
    """
    if not weights:
        raise ValueError(f"nothing to spread {total_minor} over")
    if total_minor < 0:
        return [-part for part in spread(-total_minor, weights)]
    whole = sum(Decimal(weight) for weight in weights)
    if not whole:
        return [total_minor, *(0 for _ in weights[1:])]
    exact = [Decimal(total_minor) * Decimal(weight) / whole for weight in weights]
    parts = [int(part) for part in exact]
    left = total_minor - sum(parts)
    order = sorted(range(len(parts)), key=lambda index: (parts[index] - exact[index], index))
    for index in order[:left]:
        parts[index] += 1
    return parts


def discounts(
    subtotals_minor: Sequence[int],
    discountable: Sequence[bool],
    *,
    percent_off: Decimal | None,
    amount_off_minor: int | None,
) -> list[int]:
    """What a coupon takes off each line, at most all of it."""
    weights = [
        subtotal if may else 0 for subtotal, may in zip(subtotals_minor, discountable, strict=True)
    ]
    most = sum(weights)
    if percent_off is not None:
        off = rounded(most * percent_off / HUNDRED)
    else:
        off = min(amount_off_minor or 0, most)
    return spread(off, weights) if off else [0] * len(weights)


def amounts(subtotal_minor: int, discount_minor: int, rates: Sequence[Rate]) -> Amounts:
    """A line with its taxes.

    Inclusive rates lie inside the price, all of them together; exclusive ones are counted on the
    price without those and come on top.
    """
    base = subtotal_minor - discount_minor
    inside = [rate for rate in rates if rate.inclusive]
    share = sum((rate.percentage for rate in inside), Decimal(0))
    net = rounded(base * HUNDRED / (HUNDRED + share))
    within = spread(base - net, [rate.percentage for rate in inside]) if inside else []
    taxes = [Tax(rate.id, tax, net) for rate, tax in zip(inside, within, strict=True)]
    on_top = [
        Tax(rate.id, rounded(net * rate.percentage / HUNDRED), net)
        for rate in rates
        if not rate.inclusive
    ]
    added = sum(tax.amount_minor for tax in on_top)
    return Amounts(
        subtotal_minor=subtotal_minor,
        discount_minor=discount_minor,
        tax_minor=base - net + added,
        total_minor=base + added,
        taxes=(*taxes, *on_top),
    )

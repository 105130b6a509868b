"""Charges that Stripe settled in another currency than they were made in.

`exchange_rate` converts minor units to minor units: https://docs.stripe.com/currencies/conversions
"""

from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from shared.domain.money import Money
from shared.entities.common.objects import Json, Snapshot, currency_of
from shared.entities.common.origin import Origin
from shared.errors import Parked

RATE_TOLERANCE = Decimal("0.001")  # Stripe shows a few digits of its rate
AMOUNTS = ("amount", "amount_captured", "amount_refunded")
HUNDRED = Decimal(100)  # Dynamics states a rate for 100 units
RATE_UNIT = Decimal("0.000001")  # a real of Dynamics has six decimals


def charged_amount(snapshot: Snapshot, settled: Money, origin: Origin | None = None) -> Money:
    """A customer's line in the currency that the customer paid, with the sign of `settled`.

    The same amount where the currencies are the same. Raises `Parked` where no amount of the
    charge (or refund) fits the exchange rate of the transaction, where its currency cannot be
    read, or is not the one that the sale was written in.
    """
    source = snapshot.related.get("refund") or snapshot.related.get("charge") or {}
    written = origin.currency if origin is not None else ""
    currency = written or settled.currency
    if source.get("currency"):
        currency = currency_of(source, "charge")
    if written and written != currency:
        raise Parked(
            "facts_changed",
            f"{snapshot.id} is in {currency.upper()}, its sale was written in {written.upper()}",
            "Compare the sale's line in Dynamics with Stripe; book this transaction by hand.",
        )
    rate = _rate(snapshot.object)
    if currency == settled.currency and rate in (None, 1):
        return settled
    sign = -1 if settled.minor < 0 else 1
    for name in AMOUNTS:
        amount = source.get(name)
        if type(amount) is int and rate is not None and _fits(amount, rate, abs(settled.minor)):
            return Money(sign * amount, currency)
    raise Parked(
        "settled_in_other_currency",
        f"{snapshot.id} was charged in {currency.upper()} and settled in "
        f"{settled.currency.upper()}, and its exchange rate fits no amount of it",
        "Compare the transaction with the charge in Stripe; book this one by hand.",
    )


def booked_rate(charged: Money, settled: Money) -> Decimal | None:
    """The rate for 100 units at which Dynamics books `charged` as `settled`, to the minor unit.

    None where no rate of six decimals does: Dynamics rounds what it multiplies, half up.
    """
    if not charged:
        return None
    exact = settled.decimal() * HUNDRED / charged.decimal()
    rate = exact.quantize(RATE_UNIT, ROUND_HALF_DOWN)
    booked = (charged.decimal() * rate / HUNDRED).quantize(settled.decimal(), ROUND_HALF_UP)
    return rate if booked == settled.decimal() else None


def _rate(txn: Json) -> Decimal | None:
    rate: Any = txn.get("exchange_rate")
    if rate is None or isinstance(rate, bool | list | dict):
        return None
    try:
        found = Decimal(str(rate))
    except InvalidOperation:
        return None
    return found if found.is_finite() and found > 0 else None


def _fits(amount: int, rate: Decimal, settled_minor: int) -> bool:
    """Whether the rate leads from an amount to the settled one, but for its missing digits."""
    exact = amount * rate
    return abs(exact - settled_minor) <= 1 + exact * RATE_TOLERANCE

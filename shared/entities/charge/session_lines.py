"""What a Checkout Session says was sold: line items and shipping, taxed, as lines of a sale.

`amount_total` of a line item is after discount and holds all tax; `taxes`, which is shown when it
is expanded, tells it by rate and reason. Sessions as versions before 2022-08-01 show them tell
shipping in `total_details` alone, and not the tax of each line item.
https://docs.stripe.com/api/checkout/sessions/object, /line_items
"""

from collections.abc import Mapping
from typing import Any

from shared.domain.money import Money
from shared.entities.common.objects import Json, elements, id_of, integer, text, unreadable
from shared.entities.common.sale_line import AMOUNT_MAX, GOODS, QUANTITY_MAX, SHIPPING, SaleLine
from shared.entities.common.sale_tax import sum_of, taxes_of
from shared.errors import Parked

SESSION = "checkout_session"
REMEDY = "Book the order by hand, name it in the metadata (dynamics_sales_order), then retry."


def lines_of_session(charge: Json, session: Json) -> list[SaleLine]:
    """The lines with their taxes. Raises `Parked` for a session that does not tell them."""
    currency = text(session, "currency").lower()
    if currency != text(charge, "currency").lower():
        raise Parked(
            "lines_in_other_currency",
            f"charge {id_of(charge)} is in {text(charge, 'currency').upper()}, the line items of "
            f"its Checkout Session are in {currency.upper()}",
            REMEDY,
        )
    items = elements(session.get("line_items"))
    if not items:
        raise Parked(
            "line_items_missing",
            f"Checkout Session {id_of(session)} of charge {id_of(charge)} shows no line items",
            f"In a replay: export them, too. {REMEDY}",
        )
    exempt = _exemption(session)
    lines: list[SaleLine] = []
    is_told = True
    for item in items:
        if not isinstance(item, Mapping):
            raise unreadable(SESSION, id_of(session), "line_items")
        lines.append(_of_item(item, len(lines) + 1, exempt))
        is_told &= item.get("amount_tax") is not None
    shipping = _shipping(session, len(lines) + 1, exempt)
    if shipping is not None:
        lines.append(shipping)
    if not is_told:
        tax = sum(each.amount for line in lines for each in line.taxes)
        _check_tax(charge, session, tax)
    return lines


def _exemption(session: Json) -> str:
    """The customer's `tax_exempt` as it was when they paid."""
    details = session.get("customer_details")
    return text(details, "tax_exempt") if isinstance(details, Mapping) else ""


def _shipping(session: Json, number: int, exempt: str) -> SaleLine | None:
    """The line of shipping; None where it brings nothing."""
    shipping = session.get("shipping_cost")
    if not isinstance(shipping, Mapping):
        worth = _part(_details(session), "amount_shipping")
        return SaleLine(number, SHIPPING, worth, listed=worth, text="Shipping") if worth else None
    tax, total = _part(shipping, "amount_tax"), _amount(shipping, "amount_total")
    if tax > total:
        raise unreadable(SESSION, id_of(session), "shipping_cost")
    inclusive = shipping.get("amount_subtotal") == total
    taxes = taxes_of(shipping, tax, exempt=exempt, inclusive=inclusive)
    if not total:
        return None
    worth = total - tax
    return SaleLine(number, SHIPPING, worth, listed=worth, text="Shipping", taxes=taxes)


def _check_tax(charge: Json, session: Json, tax: int) -> None:
    """Raises `Parked` where the tax that line items leave open is not that of the session."""
    told = _part(_details(session), "amount_tax")
    if tax != told:
        currency = text(charge, "currency").lower()
        raise Parked(
            "tax_not_told",
            f"the line items of Checkout Session {id_of(session)} do not tell their tax: they come "
            f"to {Money(tax, currency)}, the session says {Money(told, currency)}",
            REMEDY,
        )


def _details(session: Json) -> Mapping[str, Any]:
    details = session.get("total_details")
    return details if isinstance(details, Mapping) else {}


def _of_item(item: Mapping[str, Any], number: int, exempt: str) -> SaleLine:
    """A line item with the tax in it. Where the tax is not told, it is what comes on top."""
    discount, total = _part(item, "amount_discount"), _amount(item, "amount_total")
    subtotal = _amount(item, "amount_subtotal")
    tax = _part(item, "amount_tax")
    if item.get("amount_tax") is None:
        tax = max(total - subtotal + discount, sum_of(item))
    if tax > total:
        raise unreadable("line item", id_of(item), "amount_tax")
    quantity = item.get("quantity")
    if quantity is None:
        quantity = 1
    if type(quantity) is not int or not 1 <= quantity <= QUANTITY_MAX:
        raise unreadable("line item", id_of(item), "quantity")
    price = item.get("price")
    known = price if isinstance(price, Mapping) else {}
    worth = total - tax
    # A price that includes the tax says nothing of the discount without tax.
    inclusive = total == subtotal - discount and tax > 0
    return SaleLine(
        number,
        GOODS,
        worth,
        quantity,
        listed=worth if inclusive else worth + discount,
        product=id_of(known.get("product")),
        price=id_of(known),
        text=text(item, "description"),
        taxes=taxes_of(item, tax, exempt=exempt, inclusive=inclusive),
    )


def _amount(source: Mapping[str, Any], name: str) -> int:
    """An amount in minor units, which is never negative."""
    value = integer(source, name, SESSION)
    if not 0 <= value <= AMOUNT_MAX:
        raise unreadable("line item", id_of(source), name)
    return value


def _part(source: Mapping[str, Any], name: str) -> int:
    """An amount that may be missing."""
    return 0 if source.get(name) is None else _amount(source, name)

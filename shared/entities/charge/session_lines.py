"""What a Checkout Session says was sold: line items, shipping and tax, as lines of a sale.

`amount_total` of a line item is after discount and holds all tax. Sessions as versions before
2022-08-01 show them tell shipping in `total_details` alone, and not the tax of each line item.
https://docs.stripe.com/api/checkout/sessions/object, /line_items
"""

from collections.abc import Mapping
from typing import Any

from shared.domain.money import Money
from shared.entities.common.objects import Json, elements, id_of, integer, text, unreadable
from shared.entities.common.sale_line import (
    AMOUNT_MAX,
    GOODS,
    QUANTITY_MAX,
    SHIPPING,
    TAX,
    SaleLine,
)
from shared.errors import Parked

SESSION = "checkout_session"
REMEDY = "Book the order by hand, name it in the metadata (dynamics_sales_order), then retry."


def lines_of_session(charge: Json, session: Json) -> list[SaleLine]:
    """The lines: items, shipping, tax. Raises `Parked` for a session that does not tell them."""
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
    lines: list[SaleLine] = []
    tax, is_told = 0, True
    for item in items:
        if not isinstance(item, Mapping):
            raise unreadable(SESSION, id_of(session), "line_items")
        line, its_tax = _of_item(item, len(lines) + 1)
        lines.append(line)
        tax += its_tax
        is_told &= item.get("amount_tax") is not None
    shipping, its_tax = _shipping(session)
    tax += its_tax
    if shipping:
        lines.append(SaleLine(len(lines) + 1, SHIPPING, shipping, listed=shipping, text="Shipping"))
    if not is_told:
        _check_tax(charge, session, tax)
    if tax:
        lines.append(SaleLine(len(lines) + 1, TAX, tax, listed=tax, text="Tax"))
    return lines


def _shipping(session: Json) -> tuple[int, int]:
    """What shipping brings without tax, and its tax where that is told apart."""
    shipping = session.get("shipping_cost")
    if not isinstance(shipping, Mapping):
        return _part(_details(session), "amount_shipping"), 0
    tax = _part(shipping, "amount_tax")
    worth = _amount(shipping, "amount_total") - tax
    if worth < 0:
        raise unreadable(SESSION, id_of(session), "shipping_cost")
    return worth, tax


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


def _of_item(item: Mapping[str, Any], number: int) -> tuple[SaleLine, int]:
    """A line item and the tax in it. Where the tax is not told, it is what comes on top."""
    discount, total = _part(item, "amount_discount"), _amount(item, "amount_total")
    subtotal = _amount(item, "amount_subtotal")
    tax = _part(item, "amount_tax")
    if item.get("amount_tax") is None:
        tax = max(total - subtotal + discount, 0)
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
    inclusive = total == subtotal - discount and tax
    line = SaleLine(
        number,
        GOODS,
        worth,
        quantity,
        listed=worth if inclusive else worth + discount,
        product=id_of(known.get("product")),
        price=id_of(known),
        text=text(item, "description"),
    )
    return line, tax


def _amount(source: Mapping[str, Any], name: str) -> int:
    """An amount in minor units, which is never negative."""
    value = integer(source, name, SESSION)
    if not 0 <= value <= AMOUNT_MAX:
        raise unreadable("line item", id_of(source), name)
    return value


def _part(source: Mapping[str, Any], name: str) -> int:
    """An amount that may be missing."""
    return 0 if source.get(name) is None else _amount(source, name)

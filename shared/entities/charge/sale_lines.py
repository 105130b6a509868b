"""What was sold: the lines of a charge, from where they can be had, to the last minor unit.

From the Checkout Session's line items when there is one, else from the charge's metadata `items`,
else one line of the default item. Shipping is a line of its own, and so is the tax of each key;
what the lines miss of the captured amount is a rounding line, up to the policy's maximum.
"""

import json
from collections.abc import Sequence
from typing import Any

from shared.domain.allotment import RefundShare, allot
from shared.domain.money import Money
from shared.entities.charge.session_lines import lines_of_session
from shared.entities.common.objects import Json, captured_minor, id_of, integer, text
from shared.entities.common.sale_line import (
    AMOUNT_MAX,
    GOODS,
    QUANTITY_MAX,
    ROUNDING,
    ROUNDING_NUMBER,
    SALE,
    SHIPPING,
    TAX,
    SaleLine,
    parts_of,
    with_parts,
    with_tax_inside,
    with_tax_lines,
)
from shared.entities.common.sale_routing import ITEMS_KEY, metadata
from shared.entities.common.sale_tax import LineTax, TaxKey, rate_text
from shared.errors import Parked
from shared.policy import Orders, OrderTax

LINES_MAX = 90  # of an order: they are written in one changeset
TAX_NAMES = ("tax", "rate", "reason", "tax_type", "jurisdiction")  # of a line in metadata `items`


def lines_of(
    charge: Json, session: Json, orders: Orders, tax: OrderTax | None = None
) -> tuple[SaleLine, ...]:
    """The lines of a charge; their worth adds up to what was captured.

    Raises `Parked` where they do not, with the arithmetic.
    """
    captured = captured_minor(charge)
    items = metadata(charge, session).get(ITEMS_KEY, "")
    if session:
        lines = lines_of_session(charge, session)
    elif items:
        lines = _of_metadata(charge, items)
    else:
        what = text(charge, "description") or id_of(charge)
        return (SaleLine(1, SALE, captured, listed=captured, text=what),)
    if tax is OrderTax.CODES:
        _check_no_tax_lines(charge, lines)
    lines = with_tax_inside(lines) if tax is OrderTax.CODES else with_tax_lines(lines)
    if len(lines) > LINES_MAX:
        raise Parked(
            "too_many_lines",
            f"charge {id_of(charge)} has {len(lines)} lines, an order takes {LINES_MAX}",
            "Book the order by hand and name it in the charge's metadata "
            "(dynamics_sales_order), then retry.",
        )
    lines = _reduced(charge, lines, captured, orders)
    return _rounded(charge, lines, captured, orders)


def _check_no_tax_lines(charge: Json, lines: Sequence[SaleLine]) -> None:
    """Raises `Parked` for tax that belongs to no line: Dynamics computes it line by line."""
    if any(line.kind == TAX for line in lines):
        raise Parked(
            "tax_without_line",
            f"the metadata `items` of charge {id_of(charge)} has a line of kind tax, but Dynamics "
            "computes the tax of each line (policy tax: codes)",
            "Write the tax into its lines (tax, rate), or book the order by hand and name it in "
            "the charge's metadata (dynamics_sales_order); then retry.",
        )


def _of_metadata(charge: Json, items: str) -> list[SaleLine]:
    """Lines written into metadata: JSON, `[{"item": "T-SHIRT", "amount": 4000, "quantity": 2}]`,
    amounts in minor units for the whole line; `product`, `text` and `kind` are optional, and so is
    the tax on top of the amount: `tax`, `rate`, `reason`, `tax_type`, `jurisdiction`."""
    wrong = Parked(
        "metadata_items_unreadable",
        f"the metadata `items` of charge {id_of(charge)} is not a list of lines",
        'Write it as JSON, [{"item": "T-SHIRT", "quantity": 2, "amount": 4000}], amounts in minor '
        "units for each whole line; then retry.",
    )
    try:
        found = json.loads(items)
    except (ValueError, RecursionError):
        raise wrong from None
    if not isinstance(found, list) or not found:
        raise wrong
    lines = []
    for number, each in enumerate(found, start=1):
        line = _of_entry(each, number) if isinstance(each, dict) else None
        if line is None:
            raise wrong
        lines.append(line)
    return lines


def _of_entry(entry: dict[str, Any], number: int) -> SaleLine | None:
    """A line of metadata; None for one that cannot be read."""
    amount, quantity = entry.get("amount"), entry.get("quantity", 1)
    kind, tax = entry.get("kind", GOODS), entry.get("tax")
    if type(amount) is not int or not 0 <= amount <= AMOUNT_MAX:
        return None
    if type(quantity) is not int or not 1 <= quantity <= QUANTITY_MAX:
        return None
    if kind not in (GOODS, SHIPPING, TAX):
        return None
    taxes: tuple[LineTax, ...] = ()
    names = [name for name in TAX_NAMES if entry.get(name) is not None]
    if names:
        rate = rate_text(entry.get("rate", ""))
        tax = 0 if tax is None and (rate == "0" or "rate" not in names) else tax
        if type(tax) is not int or not 0 <= tax <= AMOUNT_MAX or kind == TAX:
            return None
        if rate is None and "rate" in names:
            return None
        key = TaxKey(
            text(entry, "jurisdiction"), text(entry, "tax_type"), rate or "", text(entry, "reason")
        )
        taxes = (LineTax(key, tax),)
    return SaleLine(
        number,
        kind,
        amount,
        quantity,
        listed=amount,
        product=text(entry, "product"),
        item=text(entry, "item"),
        text=text(entry, "text", "item", "product"),
        taxes=taxes,
    )


def _reduced(
    charge: Json, lines: Sequence[SaleLine], captured: int, orders: Orders
) -> list[SaleLine]:
    """The lines of a charge that was captured in part."""
    whole = integer(charge, "amount", "charge")
    if captured == whole or sum(line.worth for line in lines) <= captured:
        return list(lines)
    if orders.partial_capture == "park":
        raise Parked(
            "captured_in_part",
            f"{_money(charge, captured)} of {_money(charge, whole)} was captured of charge "
            f"{id_of(charge)}: which of its lines were sold is not known",
            "Book the order by hand and name it in the charge's metadata (dynamics_sales_order), "
            "or choose orders.partial_capture: spread in the policy; then retry.",
        )
    parts = parts_of(lines)
    left_out = RefundShare("capture", sum(parts.values()) - captured, {})
    for part, share in allot(parts, [left_out])["capture"].items():
        parts[part] -= share
    return with_parts(lines, parts)


def _rounded(
    charge: Json, lines: Sequence[SaleLine], captured: int, orders: Orders
) -> tuple[SaleLine, ...]:
    missing = captured - sum(line.worth for line in lines)
    if not missing:
        return tuple(lines)
    if abs(missing) > orders.rounding_minor_max:
        parts = " + ".join(str(Money(line.worth, _currency(charge))) for line in lines)
        raise Parked(
            "lines_differ_from_amount",
            f"the lines of charge {id_of(charge)} are {parts} = "
            f"{_money(charge, captured - missing)}, but {_money(charge, captured)} was captured",
            "Correct the items in Stripe's metadata, or book the order by hand and name it there "
            "(dynamics_sales_order); then retry.",
        )
    rounding = SaleLine(ROUNDING_NUMBER, ROUNDING, missing, listed=missing, text="Rounding")
    return (*lines, rounding)


def _currency(charge: Json) -> str:
    return text(charge, "currency").lower()


def _money(charge: Json, minor: int) -> Money:
    return Money(minor, _currency(charge))

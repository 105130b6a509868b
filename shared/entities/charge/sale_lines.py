"""What was sold: the lines of a charge, from where they can be had, to the last minor unit.

From the Checkout Session's line items when there is one, else from the charge's metadata `items`,
else one line of the default item. Tax and shipping are lines of their own; what the lines miss of
the captured amount is a rounding line, up to the policy's maximum.
"""

import json
from collections.abc import Sequence
from dataclasses import replace

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
)
from shared.entities.common.sale_routing import ITEMS_KEY, metadata
from shared.errors import Parked
from shared.policy import Orders

LINES_MAX = 90  # of an order: they are written in one changeset


def lines_of(charge: Json, session: Json, orders: Orders) -> tuple[SaleLine, ...]:
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
    if len(lines) > LINES_MAX:
        raise Parked(
            "too_many_lines",
            f"charge {id_of(charge)} has {len(lines)} lines, an order takes {LINES_MAX}",
            "Book the order by hand and name it in the charge's metadata "
            "(dynamics_sales_order), then retry.",
        )
    lines = _reduced(charge, lines, captured, orders)
    return _rounded(charge, lines, captured, orders)


def _of_metadata(charge: Json, items: str) -> list[SaleLine]:
    """Lines written into metadata: JSON, `[{"item": "T-SHIRT", "amount": 4000, "quantity": 2}]`,
    amounts in minor units for the whole line; `product`, `text` and `kind` are optional."""
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
        if not isinstance(each, dict):
            raise wrong
        amount, quantity = each.get("amount"), each.get("quantity", 1)
        kind = each.get("kind", GOODS)
        if type(amount) is not int or not 0 <= amount <= AMOUNT_MAX:
            raise wrong
        if type(quantity) is not int or not 1 <= quantity <= QUANTITY_MAX:
            raise wrong
        if kind not in (GOODS, SHIPPING, TAX):
            raise wrong
        lines.append(
            SaleLine(
                number,
                kind,
                amount,
                quantity,
                listed=amount,
                product=text(each, "product"),
                item=text(each, "item"),
                text=text(each, "text", "item", "product"),
            )
        )
    return lines


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
    worth = {line.number: line.worth for line in lines}
    left_out = RefundShare("capture", sum(worth.values()) - captured, {})
    shares = allot(worth, [left_out])["capture"]
    return [
        replace(line, worth=line.worth - shares.get(line.number, 0), listed=line.listed)
        for line in lines
    ]


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

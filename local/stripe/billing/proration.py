"""What a change within a period costs: https://docs.stripe.com/billing/subscriptions/prorations.

Each item that changes gives a credit for the unused time of what it was, and a charge for the
remaining time of what it becomes, by the second. The amounts are after the discounts of the
subscription and its items (`proration_discounts: included`).
"""

from collections.abc import Sequence
from decimal import Decimal

from local.stripe.billing import discounts, invoice_items, pricing
from local.stripe.billing.periods import day_of
from local.stripe.catalogue.amounts import rounded
from local.stripe.core import Core
from local.stripe.expand import invoice_lines_of
from shared.ports import Json


def part(amount_minor: int, start: int, end: int, at: int) -> int:
    """The share of an amount that falls to the rest of a period, halves away from zero."""
    left = max(min(end - at, end - start), 0)
    return rounded(Decimal(amount_minor) * left / (end - start))


def net_amounts(core: Core, subscription: Json, items: Sequence[Json]) -> list[int]:
    """What the items cost for a whole period, after discounts."""
    currency = subscription["currency"]
    parts = [
        discounts.Discountable(
            pricing.amount_minor(core, item["price"], currency, item["quantity"]),
            item["price"]["product"],
        )
        for item in items
    ]
    for item, each in zip(items, parts, strict=True):
        for id in discounts.lasting(core, item["discounts"], used=False):
            discounts.take_off(core, id, [each], currency)
    for id in discounts.lasting(core, subscription["discounts"], used=False):
        discounts.take_off(core, id, parts, currency)
    return [each.left_minor for each in parts]


def bill(
    core: Core,
    subscription: Json,
    before: Sequence[Json],
    after: Sequence[Json],
    at: int,
    *,
    charge: bool = True,
) -> list[Json]:
    """Invoice items for what differs, credits first; they wait for an invoice.

    `charge` False: only the credits (a period that ends early).
    """
    same = {
        item["id"]
        for item in before
        if charge
        for other in after
        if other["id"] == item["id"]
        and other["price"]["id"] == item["price"]["id"]
        and other["quantity"] == item["quantity"]
    }
    made = []
    for sign, items in ((-1, before), (1, after if charge else ())):
        amounts = net_amounts(core, subscription, items)
        for item, amount in zip(items, amounts, strict=True):
            start, end = item["current_period_start"], item["current_period_end"]
            if item["id"] in same or at >= end:
                continue
            rest = sign * part(amount, start, end, at)
            made.append(_item(core, subscription, item, rest, at, credit=sign < 0))
    return made


def _item(
    core: Core, subscription: Json, item: Json, amount_minor: int, at: int, *, credit: bool
) -> Json:
    name, quantity = pricing.name_of(core, item["price"]), item["quantity"]
    what = name if quantity == 1 else f"{quantity} \u00d7 {name}"
    details = {"subscription": subscription["id"], "subscription_item": item["id"]}
    made = invoice_items.new(
        core,
        core.find("customer", subscription["customer"]),
        amount_minor=amount_minor,
        currency=subscription["currency"],
        description=f"{'Unused' if credit else 'Remaining'} time on {what} after {day_of(at)}",
        period=(at, item["current_period_end"]),
        pricing=pricing.shown(core, item["price"], subscription["currency"]),
        quantity=quantity,
        discountable=False,
        parent={"subscription_details": details, "type": "subscription_details"},
        proration=True,
        credited=_credited(core, subscription, item) if credit else None,
        rates=item["tax_rates"] or subscription["default_tax_rates"] or None,
        tax_behavior=item["price"]["tax_behavior"],
    )
    core.events.emit("invoiceitem.created", made)
    return made


def _credited(core: Core, subscription: Json, item: Json) -> Json | None:
    """The line that billed what is credited now: the newest positive one of the item."""
    for invoice in core.store.newest_first("invoice", subscription["id"]):
        lines = [
            line["id"]
            for line in invoice_lines_of(core.store, invoice["id"])
            if line["amount"] > 0 and _of_item(line) == item["id"]
        ]
        if lines:
            return {
                "invoice_item": None,
                "invoice_line_item_details": {
                    "invoice": invoice["id"],
                    "invoice_line_items": lines[-1:],
                },
                "type": "invoice_line_items",
            }
    return None


def _of_item(line: Json) -> str | None:
    details = (line["parent"] or {}).get("subscription_item_details") or {}
    found: str | None = details.get("subscription_item")
    return found

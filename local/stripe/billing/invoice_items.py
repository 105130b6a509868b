"""Invoice items: https://docs.stripe.com/api/invoiceitems. They wait for the next invoice of the
customer, or stand on a draft at once."""

from local.stripe.billing import invoice_lines
from local.stripe.core import Core, merged
from shared.ports import Json

TYPE = "invoiceitem"


def new(
    core: Core,
    customer: Json,
    *,
    amount_minor: int,
    currency: str,
    description: str | None,
    period: tuple[int, int],
    pricing: Json | None = None,
    quantity: int = 1,
    discountable: bool = True,
    parent: Json | None = None,
    proration: bool = False,
    credited: Json | None = None,
    rates: list[Json] | None = None,
    tax_behavior: str = "unspecified",
    metadata: dict[str, str] | None = None,
) -> Json:
    """A new item that waits for an invoice, kept and not announced."""
    item: Json = {
        "id": core.ids.new("ii"),
        "object": TYPE,
        "amount": amount_minor,
        "currency": currency,
        "customer": customer["id"],
        "customer_account": None,
        "date": core.now(),
        "description": description,
        "discountable": discountable,
        "discounts": [],
        "frozen_fields": None,
        "invoice": None,
        "invoicing_rules": None,
        "livemode": core.livemode,
        "metadata": merged({}, metadata or {}),
        "net_amount": amount_minor,
        "parent": parent,
        "period": {"end": period[1], "start": period[0]},
        "pricing": pricing,
        "proration": proration,
        "proration_details": {"credited_items": credited, "discount_amounts": []}
        if proration
        else None,
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "tax_rates": rates,
        "test_clock": None,
    }
    return core.store.put(item, {"tax_behavior": tax_behavior})


def take(core: Core, invoice: Json, item: Json) -> Json:
    """Put an item on a draft, as its last line."""
    of = (item["parent"] or {}).get("subscription_details") or {}
    details: Json = {
        "invoice_item": item["id"],
        "proration": item["proration"],
        "proration_details": _credited(item),
        "subscription": of.get("subscription"),
    }
    if of.get("subscription_item") is not None:
        details["subscription_item"] = of["subscription_item"]
    kind = "subscription_item" if "subscription_item" in details else "invoice_item"
    item["invoice"] = invoice["id"]
    core.store.relate(item)
    return invoice_lines.add(
        core,
        invoice,
        amount_minor=item["amount"],
        description=item["description"],
        period=(item["period"]["start"], item["period"]["end"]),
        parent=parent_of_line(kind, details),
        pricing=item["pricing"],
        quantity=item["quantity"],
        discountable=item["discountable"],
        item_discounts=item["discounts"],
        rates=item["tax_rates"],
        tax_behavior=core.store.beside(item["id"]).get("tax_behavior", "unspecified"),
        metadata=item["metadata"],
        subscription=of.get("subscription"),
    )


def parent_of_line(kind: str, details: Json) -> Json:
    """The `parent` of a line: `kind` is `invoice_item` or `subscription_item`."""
    names = ("invoice_item_details", "subscription_item_details")
    return {
        **{name: details if name == f"{kind}_details" else None for name in names},
        "type": f"{kind}_details",
    }


def _credited(item: Json) -> Json | None:
    if item["proration_details"] is None:
        return None
    credited = item["proration_details"]["credited_items"] or {}
    return {"credited_items": credited.get("invoice_line_item_details")}


def pending(
    core: Core, customer: str, currency: str, subscription: str | None = None
) -> list[Json]:
    """Items that wait, oldest first: those of no subscription, and those of this one."""
    found = []
    for item in core.store.newest_first(TYPE, customer):
        of = ((item.get("parent") or {}).get("subscription_details") or {}).get("subscription")
        if item["invoice"] is None and item["currency"] == currency and of in (None, subscription):
            found.append(item)
    return found[::-1]

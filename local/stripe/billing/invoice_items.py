"""Invoice items: https://docs.stripe.com/api/invoiceitems. They wait for the next invoice of the
customer, or stand on a draft at once."""

from local.stripe import forms, nested
from local.stripe.billing import discounts, invoice_lines, invoices, pricing
from local.stripe.catalogue import tax_rates
from local.stripe.catalogue.amounts import TAX_BEHAVIORS, rounded
from local.stripe.core import ApiRoute, Call, Core, merged
from local.stripe.errors import ApiError, invalid, missing_parameter
from local.stripe.expand import invoice_lines_of
from local.stripe.lists import PAGING, listing
from shared.ports import Json

TYPE = "invoiceitem"
TAX_RATES_MAX = 10
PERIOD = nested.nested({"end": forms.integer, "start": forms.integer}, ("end", "start"))
_WRITABLE: forms.Spec = {
    "amount": forms.integer,
    "description": forms.text,
    "discountable": forms.boolean,
    "discounts": discounts.SPEC,
    "metadata": forms.metadata,
    "period": PERIOD,
    "price_data": nested.nested(pricing.PRICE_DATA, ("currency", "product")),
    "pricing": nested.nested({"price": forms.text}),
    "quantity": nested.not_negative,
    "tax_behavior": forms.one_of(*TAX_BEHAVIORS),
    "tax_rates": nested.several(forms.text, TAX_RATES_MAX),
    "unit_amount_decimal": nested.decimal,
}
_CREATE: forms.Spec = {
    **_WRITABLE,
    "currency": forms.currency,
    "customer": forms.text,
    "invoice": forms.text,
    "subscription": forms.text,
}


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


def _amounts(core: Core, params: Json, currency: str) -> Json:
    """Amount, quantity and pricing of a request. Raises `ApiError`."""
    price = (params.get("pricing") or {}).get("price")
    nested.only_one({**params, "price": price}, "amount", "price", "price_data")
    quantity = params.get("quantity", 1)
    if price is not None or params.get("price_data") is not None:
        found = pricing.usable(
            core, {"price": price, "price_data": params.get("price_data")}, "pricing", "one_time"
        )
        return {
            "amount_minor": pricing.amount_minor(core, found, currency, quantity),
            "description": pricing.name_of(core, found),
            "pricing": pricing.shown(core, found, currency),
            "quantity": quantity,
            "tax_behavior": pricing.in_currency(core, found, currency, "pricing")["tax_behavior"],
        }
    unit = params.get("unit_amount_decimal")
    if unit is not None:
        return {"amount_minor": rounded(unit * quantity), "quantity": quantity}
    if params.get("amount") is None:
        raise missing_parameter("amount")
    return {"amount_minor": params["amount"]}


def _target(core: Core, params: Json) -> tuple[Json, Json | None, str]:
    """The customer of a new item, the draft it is to stand on, its currency. Raises `ApiError`."""
    customer = core.given("customer", params, "customer")
    invoice = None if params.get("invoice") is None else invoices.find(core, params["invoice"])
    if invoice is not None and customer is None:
        customer = core.find("customer", invoice["customer"])
    if customer is None:
        raise missing_parameter("customer")
    if invoice is not None and (
        invoice["status"] != "draft" or invoice["customer"] != customer["id"]
    ):
        text = "The invoice is no longer editable, or belongs to another customer."
        raise invalid(text, "invoice", "invoice_not_editable")
    currency = params.get("currency") or (params.get("price_data") or {}).get("currency")
    price = core.store.get((params.get("pricing") or {}).get("price") or "") or {}
    currency = currency or (invoice or customer).get("currency") or price.get("currency")
    currency = currency or core.settings.default_currency
    if invoice is not None and invoice["currency"] != currency:
        raise invalid("The currency must be that of the invoice.", "currency")
    return customer, invoice, currency


def _create(core: Core, call: Call) -> Json:
    params = call.params
    customer, invoice, currency = _target(core, params)
    of = core.given("subscription", params, "subscription")
    rates = params.get("tax_rates")
    now = core.now()
    period = params.get("period") or {"end": now, "start": now}
    found = _amounts(core, params, currency)
    found |= {name: params[name] for name in ("description", "tax_behavior") if name in params}
    parent = None
    if of is not None:
        details = {"subscription": of["id"], "subscription_item": None}
        parent = {"subscription_details": details, "type": "subscription_details"}
    pricing.set_currency(core, customer, currency)
    item = new(
        core,
        customer,
        currency=currency,
        period=(period["start"], period["end"]),
        discountable=params.get("discountable", found["amount_minor"] >= 0),
        parent=parent,
        rates=None if rates is None else tax_rates.of_ids(core, rates, "tax_rates"),
        metadata=params.get("metadata"),
        amount_minor=found["amount_minor"],
        description=found.get("description"),
        pricing=found.get("pricing"),
        quantity=found.get("quantity", 1),
        tax_behavior=found.get("tax_behavior", "unspecified"),
    )
    item["discounts"] = discounts.made(
        core,
        params.get("discounts", []),
        "discounts",
        customer=customer["id"],
        invoice_item=item["id"],
    )
    core.events.emit("invoiceitem.created", item)
    if invoice is not None:
        take(core, invoice, item)
        invoices.change(core, invoice, invoices.count(core, invoice))
    return item


def _editable(core: Core, item: Json) -> Json | None:
    """The draft an item stands on, if it stands on one. Raises `ApiError` for a closed one."""
    invoice = core.store.get(item.get("invoice") or "")
    if invoice is not None and invoice["status"] != "draft":
        text = "This invoice item is attached to an invoice that is no longer editable."
        raise ApiError(400, text, code="invoice_not_editable")
    return invoice


def line_of(core: Core, invoice: Json, item: Json) -> Json:
    """The line that an item is on its invoice."""
    for line in invoice_lines_of(core.store, invoice["id"]):
        for details in (line["parent"] or {}).values():
            if isinstance(details, dict) and details.get("invoice_item") == item["id"]:
                return line
    raise KeyError(f"invoice {invoice['id']} has no line of {item['id']}")


def _update(core: Core, call: Call) -> Json:
    item = core.find(TYPE, call.ids[0])
    invoice = _editable(core, item)
    params = dict(call.params)
    kept = ("description", "discountable", "period")
    changes: Json = {name: params[name] for name in kept if name in params}
    if any(n in params for n in ("amount", "quantity", "unit_amount_decimal", "pricing")):
        unit = (item["pricing"] or {}).get("price_details")
        if "quantity" in params and "amount" not in params and unit is not None:
            params.setdefault("pricing", {"price": unit["price"]})
        found = _amounts(core, {"amount": item["amount"]} | params, item["currency"])
        changes |= {"amount": found["amount_minor"], "net_amount": found["amount_minor"]}
        changes |= {n: found[n] for n in ("pricing", "quantity") if n in found}
    if "tax_rates" in params:
        changes["tax_rates"] = tax_rates.of_ids(core, params["tax_rates"], "tax_rates") or None
    if "metadata" in params:
        changes["metadata"] = merged(item["metadata"], params["metadata"])
    core.change(item, changes)  # there is no `invoiceitem.updated`
    item["quantity_decimal"] = str(item["quantity"])
    if invoice is not None:
        line = line_of(core, invoice, item)
        names = ("amount", "description", "discountable", "metadata", "period", "pricing")
        line |= {name: item[name] for name in (*names, "quantity", "quantity_decimal")}
        line["subtotal"] = item["amount"]
        core.store.beside(line["id"])["rates"] = item["tax_rates"]
        invoices.change(core, invoice, invoices.count(core, invoice))
    return item


def _delete(core: Core, call: Call) -> Json:
    item = core.find(TYPE, call.ids[0])
    invoice = _editable(core, item)
    core.store.remove(item["id"])
    if invoice is not None:
        line = line_of(core, invoice, item)
        core.store.beside(invoice["id"])["lines"].remove(line["id"])
        core.store.remove(line["id"])
        invoices.change(core, invoice, invoices.count(core, invoice))
    core.events.emit("invoiceitem.deleted", item)
    return {"id": item["id"], "object": TYPE, "deleted": True}


def _retrieve(core: Core, call: Call) -> Json:
    return core.find(TYPE, call.ids[0])


def _list(core: Core, call: Call) -> Json:
    params = call.params

    def keep(item: Json) -> bool:
        return (
            params.get("customer") in (None, item["customer"])
            and params.get("invoice") in (None, item["invoice"])
            and params.get("pending") in (None, item["invoice"] is None)
        )

    return listing(core, call, TYPE, keep)


ROUTES = (
    ApiRoute("POST", "/v1/invoiceitems", _create, _CREATE),
    ApiRoute(
        "GET",
        "/v1/invoiceitems",
        _list,
        {
            **PAGING,
            "customer": forms.text,
            "invoice": forms.text,
            "pending": forms.boolean,
        },
    ),
    ApiRoute("GET", "/v1/invoiceitems/{}", _retrieve),
    ApiRoute("POST", "/v1/invoiceitems/{}", _update, _WRITABLE),
    ApiRoute("DELETE", "/v1/invoiceitems/{}", _delete),
)

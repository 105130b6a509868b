"""Requests about invoice items: https://docs.stripe.com/api/invoiceitems."""

from local.stripe import forms, nested
from local.stripe.billing import discounts, invoice_items, invoices, pricing
from local.stripe.catalogue import tax_rates
from local.stripe.catalogue.amounts import TAX_BEHAVIORS, rounded
from local.stripe.core import ApiRoute, Call, Core, merged
from local.stripe.errors import ApiError, invalid, missing_parameter
from local.stripe.expand import invoice_lines_of
from local.stripe.lists import PAGING, listing
from shared.ports import Json

TYPE = invoice_items.TYPE
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
    pricing.same_currency(customer, currency)
    item = invoice_items.new(
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
    try:
        item["discounts"] = discounts.made(
            core,
            params.get("discounts", []),
            "discounts",
            customer=customer["id"],
            invoice_item=item["id"],
        )
    except ApiError:
        core.store.remove(item["id"])
        raise
    pricing.set_currency(core, customer, currency)
    core.events.emit("invoiceitem.created", item)
    if invoice is not None:
        invoice_items.take(core, invoice, item)
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

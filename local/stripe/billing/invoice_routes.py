"""Requests about invoices: https://docs.stripe.com/api/invoices."""

from local.stripe import forms, nested
from local.stripe.billing import (
    advancing,
    collecting,
    discounts,
    invoice_items,
    invoices,
    pricing,
    subscription_invoices,
)
from local.stripe.catalogue import shipping_rates
from local.stripe.core import ApiRoute, Call, Core
from local.stripe.errors import ApiError, invalid, missing_parameter
from local.stripe.expand import invoice_lines_of
from local.stripe.lists import PAGING, equal_to, listing, within_object
from local.stripe.payment_methods import resolve
from local.stripe.store import member
from shared.ports import Json

COLLECTION = forms.one_of("charge_automatically", "send_invoice")
CUSTOM_FIELDS_MAX = 4
RATES_MAX = 5
_WRITABLE: forms.Spec = {
    "auto_advance": forms.boolean,
    "automatic_tax": nested.nested({"enabled": forms.boolean}, ("enabled",)),
    "automatically_finalizes_at": forms.integer,
    "collection_method": COLLECTION,
    "custom_fields": nested.several(
        nested.nested({"name": forms.text, "value": forms.text}, ("name", "value")),
        CUSTOM_FIELDS_MAX,
    ),
    "days_until_due": nested.not_negative,
    "default_payment_method": forms.text,
    "default_tax_rates": nested.several(forms.text, RATES_MAX),
    "description": forms.text,
    "discounts": discounts.SPEC,
    "due_date": forms.integer,
    "effective_at": forms.integer,
    "footer": forms.text,
    "metadata": forms.metadata,
    "number": forms.text,
    "payment_settings": forms.object_,
    "rendering": forms.object_,
    "shipping_cost": nested.nested(
        {
            "shipping_rate": forms.text,
            "shipping_rate_data": nested.nested(shipping_rates.CREATE, ("display_name",)),
        }
    ),
    "shipping_details": nested.SHIPPING,
    "statement_descriptor": forms.text,
}
_CREATE: forms.Spec = {
    **_WRITABLE,
    "currency": forms.currency,
    "customer": forms.text,
    "pending_invoice_items_behavior": forms.one_of("exclude", "include"),
    "subscription": forms.text,
}
EDITABLE_ALWAYS = ("auto_advance", "default_payment_method", "description", "metadata")


def _create(core: Core, call: Call) -> Json:
    params = call.params
    customer = core.given("customer", params, "customer")
    subscription = core.given("subscription", params, "subscription")
    if customer is None and subscription is not None:
        customer = core.find("customer", subscription["customer"])
    if customer is None:
        raise missing_parameter("customer")
    currency = params.get("currency") or (subscription or customer).get("currency")
    currency = currency or core.settings.default_currency
    pricing.same_currency(customer, currency)
    parent = None if subscription is None else subscription_invoices.parent_of(subscription)
    invoice = invoices.draft(
        core,
        customer,
        currency,
        params,
        parent=parent,
        auto_advance=params.get("auto_advance", False),
    )
    usual = "exclude" if subscription is None else "include"
    if params.get("pending_invoice_items_behavior", usual) == "include":
        of = None if subscription is None else subscription["id"]
        for item in invoice_items.pending(core, customer["id"], currency, of):
            invoice_items.take(core, invoice, item)
        if subscription is not None and not core.store.beside(invoice["id"])["lines"]:
            core.store.remove(invoice["id"])
            text = "Nothing to invoice for subscription"
            raise ApiError(400, text, code="invoice_no_subscription_line_items")
    pricing.set_currency(core, customer, currency)
    advancing.announce(core, invoice)
    return invoice


def _find(core: Core, call: Call) -> Json:
    return invoices.find(core, call.ids[0])


def _retrieve(core: Core, call: Call) -> Json:
    return core.find("invoice", call.ids[0])


def _update(core: Core, call: Call) -> Json:
    invoice = _find(core, call)
    late = [name for name in call.params if name not in EDITABLE_ALWAYS]
    if late and invoice["status"] != "draft":
        text = "Finalized invoices can't be updated in this way: only drafts are editable."
        raise invalid(text, late[0], "invoice_not_editable")
    before = dict(invoice)
    try:
        invoices.write(core, invoice, call.params)
    except ApiError:
        invoice |= before
        raise
    if invoice["status"] == "draft":
        if not invoice["auto_advance"]:
            invoice["automatically_finalizes_at"] = None
        elif invoice["automatically_finalizes_at"] is None:
            delay = core.settings.invoice_draft_seconds
            invoice["automatically_finalizes_at"] = core.now() + delay
        invoice |= invoices.count(core, invoice)
        advancing.follow_clock(core, invoice)
    after = dict(invoice)
    invoice.update(before)
    invoices.change(core, invoice, after)
    return invoice


def _delete(core: Core, call: Call) -> Json:
    invoice = _find(core, call)
    invoices.delete(core, invoice)
    return {"id": invoice["id"], "object": "invoice", "deleted": True}


def _finalize(core: Core, call: Call) -> Json:
    invoice = _find(core, call)
    if "auto_advance" in call.params and invoice["status"] == "draft":
        invoice["auto_advance"] = call.params["auto_advance"]
    advancing.finalize(core, invoice)
    advancing.collect_later(core, invoice)
    return invoice


def _pay(core: Core, call: Call) -> Json:
    params, invoice = call.params, _find(core, call)
    method = None
    if params.get("payment_method") is not None:
        method = resolve(core, params["payment_method"], "payment_method")
    if invoice["status"] == "draft":
        advancing.finalize(core, invoice)
        if invoice["status"] == "paid":
            return invoice
    if params.get("paid_out_of_band"):
        if invoice["status"] not in invoices.OPEN:
            raise ApiError(400, "Invoice is already paid", code="invoice_already_paid")
        collecting.applied(core, invoice, invoice["amount_remaining"], off_stripe=True)
        return invoice
    collecting.collect(core, invoice, method)
    return invoice


def _attach(core: Core, call: Call) -> Json:
    invoice = _find(core, call)
    nested.only_one(call.params, "payment_intent", "payment_record")
    given = {name: id for name, id in call.params.items() if id is not None}
    if not given:
        raise missing_parameter("payment_intent")
    collecting.attach(core, invoice, **given)
    return invoice


def _send(core: Core, call: Call) -> Json:
    invoice = _find(core, call)
    advancing.send(core, invoice)
    return invoice


def _void(core: Core, call: Call) -> Json:
    invoice = _find(core, call)
    advancing.void(core, invoice)
    return invoice


def _mark(core: Core, call: Call) -> Json:
    invoice = _find(core, call)
    advancing.mark_uncollectible(core, invoice)
    return invoice


def _lines(core: Core, call: Call) -> Json:
    invoice = core.find("invoice", call.ids[0])
    if "lines" not in core.store.beside(invoice["id"]):
        inside: Json = invoice["lines"]  # stored from elsewhere: what it came with
        return within_object(call, "line_item", inside["data"])
    return within_object(call, "line_item", invoice_lines_of(core.store, invoice["id"]))


def _list(core: Core, call: Call) -> Json:
    params = call.params
    same = equal_to(params, "collection_method", "customer", "status")
    of = params.get("subscription")
    path = "parent.subscription_details.subscription"
    return listing(
        core,
        call,
        "invoice",
        lambda each: same(each) and (of is None or member(each, path) == of),
        of,
    )


ROUTES = (
    ApiRoute("POST", "/v1/invoices", _create, _CREATE),
    ApiRoute(
        "GET",
        "/v1/invoices",
        _list,
        {
            **PAGING,
            "collection_method": COLLECTION,
            "customer": forms.text,
            "status": forms.one_of("draft", "open", "paid", "uncollectible", "void"),
            "subscription": forms.text,
        },
    ),
    ApiRoute("GET", "/v1/invoices/{}", _retrieve),
    ApiRoute("POST", "/v1/invoices/{}", _update, _WRITABLE),
    ApiRoute("DELETE", "/v1/invoices/{}", _delete),
    ApiRoute("GET", "/v1/invoices/{}/lines", _lines, PAGING),
    ApiRoute("POST", "/v1/invoices/{}/finalize", _finalize, {"auto_advance": forms.boolean}),
    ApiRoute(
        "POST",
        "/v1/invoices/{}/pay",
        _pay,
        {
            "off_session": forms.boolean,
            "paid_out_of_band": forms.boolean,
            "payment_method": forms.text,
        },
    ),
    ApiRoute(
        "POST",
        "/v1/invoices/{}/attach_payment",
        _attach,
        {"payment_intent": forms.text, "payment_record": forms.text},
    ),
    ApiRoute("POST", "/v1/invoices/{}/send", _send),
    ApiRoute("POST", "/v1/invoices/{}/void", _void),
    ApiRoute("POST", "/v1/invoices/{}/mark_uncollectible", _mark),
)

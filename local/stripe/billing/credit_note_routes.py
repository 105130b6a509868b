"""Requests about credit notes: https://docs.stripe.com/api/credit_notes."""

from local.stripe import forms, nested
from local.stripe.billing import credit_notes, invoices
from local.stripe.core import ApiRoute, Call, Core
from local.stripe.expand import credit_note_lines_of
from local.stripe.lists import PAGING, equal_to, listing, within_object
from shared.ports import Json

TYPE = credit_notes.TYPE
REASONS = ("duplicate", "fraudulent", "order_change", "product_unsatisfactory")
LINES_MAX = 250
REFUNDS_MAX = 25
_LINE = nested.nested(
    {
        "amount": forms.positive,
        "description": forms.text,
        "invoice_line_item": forms.text,
        "metadata": forms.metadata,
        "quantity": forms.positive,
        "tax_rates": nested.several(forms.text, 5),
        "type": forms.one_of("custom_line_item", "invoice_line_item"),
        "unit_amount": forms.positive,
        "unit_amount_decimal": nested.decimal,
    },
    ("type",),
)
_REFUND = nested.nested(
    {
        "amount_refunded": forms.positive,
        "payment_record_refund": nested.nested(
            {"payment_record": forms.text, "refund_group": forms.text},
            ("payment_record", "refund_group"),
        ),
        "refund": forms.text,
        "type": forms.one_of("payment_record_refund", "refund"),
    }
)
_TEXTS: forms.Spec = {"memo": forms.text, "metadata": forms.metadata}
_CREATE: forms.Spec = {
    **_TEXTS,
    "amount": forms.positive,
    "credit_amount": nested.not_negative,
    "effective_at": forms.integer,
    "email_type": forms.one_of("credit_note", "none"),
    "invoice": forms.text,
    "lines": nested.several(_LINE, LINES_MAX),
    "out_of_band_amount": nested.not_negative,
    "reason": forms.one_of(*REASONS),
    "refund_amount": nested.not_negative,
    "refunds": nested.several(_REFUND, REFUNDS_MAX),
    "shipping_cost": nested.nested({"shipping_rate": forms.text}),
}


def _create(core: Core, call: Call) -> Json:
    return credit_notes.create(core, call.params)


def _preview(core: Core, call: Call) -> Json:
    invoice = invoices.find(core, call.params["invoice"])
    note, _ = credit_notes.described(core, invoice, call.params)
    return note


def _retrieve(core: Core, call: Call) -> Json:
    return core.find(TYPE, call.ids[0])


def _update(core: Core, call: Call) -> Json:
    return core.edit(core.find(TYPE, call.ids[0]), call.params, "credit_note.updated")


def _void(core: Core, call: Call) -> Json:
    note = core.find(TYPE, call.ids[0])
    credit_notes.void(core, note)
    return note


def _lines(core: Core, call: Call) -> Json:
    note = core.find(TYPE, call.ids[0])
    lines = credit_note_lines_of(core.store, note["id"])
    return within_object(call, "credit_note_line_item", lines)


def _list(core: Core, call: Call) -> Json:
    return listing(core, call, TYPE, equal_to(call.params, "customer", "invoice"))


ROUTES = (
    ApiRoute("POST", "/v1/credit_notes", _create, _CREATE, ("invoice",)),
    ApiRoute(
        "GET",
        "/v1/credit_notes",
        _list,
        {**PAGING, "customer": forms.text, "invoice": forms.text},
    ),
    ApiRoute("GET", "/v1/credit_notes/preview", _preview, _CREATE, ("invoice",)),
    ApiRoute("GET", "/v1/credit_notes/{}", _retrieve),
    ApiRoute("POST", "/v1/credit_notes/{}", _update, _TEXTS),
    ApiRoute("POST", "/v1/credit_notes/{}/void", _void),
    ApiRoute("GET", "/v1/credit_notes/{}/lines", _lines, PAGING),
)

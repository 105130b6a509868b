"""Customers: https://docs.stripe.com/api/customers."""

from local.stripe import forms
from local.stripe.core import Call, Core, Route
from local.stripe.errors import missing
from local.stripe.lists import PAGING, equal_to, listing
from shared.ports import Json

INVOICE_PREFIX_CHARS = 8

_WRITABLE: forms.Spec = {
    "address": forms.object_,
    "balance": forms.integer,
    "business_name": forms.text,
    "description": forms.text,
    "email": forms.text,
    "individual_name": forms.text,
    "invoice_prefix": forms.text,
    "metadata": forms.metadata,
    "name": forms.text,
    "phone": forms.text,
    "preferred_locales": forms.texts,
    "shipping": forms.object_,
    "tax_exempt": forms.one_of("exempt", "none", "reverse"),
}


def _create(core: Core, call: Call) -> Json:
    id = core.ids.new("cus")
    customer: Json = {
        "id": id,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": core.now(),
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": id[-INVOICE_PREFIX_CHARS:].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": core.livemode,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    customer |= call.params
    core.store.put(customer)
    core.events.emit("customer.created", customer)
    return customer


def _retrieve(core: Core, call: Call) -> Json:
    return core.find("customer", call.ids[0])


def _alive(core: Core, id: str) -> Json:
    customer = core.find("customer", id)
    if customer.get("deleted"):
        raise missing("customer", id, "id")
    return customer


def _update(core: Core, call: Call) -> Json:
    return core.edit(_alive(core, call.ids[0]), call.params, "customer.updated")


def _delete(core: Core, call: Call) -> Json:
    customer = _alive(core, call.ids[0])
    core.events.emit("customer.deleted", customer)
    return core.store.put({"id": customer["id"], "object": "customer", "deleted": True})


def _list(core: Core, call: Call) -> Json:
    return listing(core, call, "customer", equal_to(call.params, "email"))


ROUTES = (
    Route("POST", "/v1/customers", _create, _WRITABLE),
    Route("GET", "/v1/customers", _list, {**PAGING, "email": forms.text}),
    Route("GET", "/v1/customers/{}", _retrieve),
    Route("POST", "/v1/customers/{}", _update, _WRITABLE),
    Route("DELETE", "/v1/customers/{}", _delete),
)

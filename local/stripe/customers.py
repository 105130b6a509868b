"""Customers: https://docs.stripe.com/api/customers."""

from local.stripe import billing, forms, nested, tax_ids
from local.stripe.core import ApiRoute, Call, Core, merged
from local.stripe.errors import ApiError
from local.stripe.lists import PAGING, equal_to, listing
from local.stripe.payment_methods import attach, resolve
from shared.ports import Json

INVOICE_PREFIX_CHARS = 8
PHONE_CHARS_MAX = 20
KIND_OF_NAME_CHARS_MAX = 150
EMAIL_CHARS_MAX = 512
LOCALES_MAX = 20
CUSTOM_FIELDS_MAX = 4
TAX_IDS_AT_ONCE_MAX = 50


def _tax_exempt(value: object, param: str) -> str:
    return "none" if value == "" else str(forms.one_of("exempt", "none", "reverse")(value, param))


_INVOICE_SETTINGS: forms.Spec = {
    "custom_fields": nested.several(
        nested.nested({"name": forms.text, "value": forms.text}, ("name", "value")),
        CUSTOM_FIELDS_MAX,
    ),
    "default_payment_method": forms.text,
    "footer": forms.text,
    "rendering_options": nested.nested(
        {"amount_tax_display": forms.text, "template": forms.text},
    ),
}
_WRITABLE: forms.Spec = {
    "address": nested.address,
    "balance": forms.integer,
    "business_name": nested.limited(KIND_OF_NAME_CHARS_MAX),
    "description": forms.text,
    "email": nested.email,
    "individual_name": nested.limited(KIND_OF_NAME_CHARS_MAX),
    "invoice_prefix": forms.text,
    "invoice_settings": nested.nested(_INVOICE_SETTINGS),
    "metadata": forms.metadata,
    "name": nested.limited(nested.NAME_CHARS_MAX),
    "next_invoice_sequence": forms.positive,
    "phone": nested.limited(PHONE_CHARS_MAX),
    "preferred_locales": nested.several(forms.text, LOCALES_MAX),
    "shipping": nested.SHIPPING,
    "tax_exempt": _tax_exempt,
}
_CREATE: forms.Spec = {
    **_WRITABLE,
    "payment_method": forms.text,
    "source": forms.text,
    "tax_id_data": nested.several(tax_ids.data, TAX_IDS_AT_ONCE_MAX),
}


def create(core: Core, params: Json) -> Json:
    """A new customer with these members (`metadata`, `invoice_settings` in part), its tax ids and
    its payment method."""
    members = {name: value for name, value in params.items() if name in _WRITABLE}
    method = params.get("payment_method")
    attached = None if method is None else resolve(core, method, "payment_method")
    token = params.get("source")
    source = None if token is None else resolve(core, token, "source")
    customer = _blank(core) | members | {"metadata": merged({}, params.get("metadata", {}))}
    core.store.put(customer)
    billing.set_balance(core, customer | {"balance": 0}, customer["balance"], "initial")
    for each in (attached, source):
        if each is not None:
            attach(core, each, customer)
    customer["default_source"] = None if source is None else source["id"]
    settings = params.get("invoice_settings") or {}
    if attached is not None and settings.get("default_payment_method") == method:
        settings = settings | {"default_payment_method": attached["id"]}  # of a test id
    wanted = {"invoice_settings": settings}
    customer["invoice_settings"] = _settings(core, _blank_settings(), wanted, customer["id"])
    core.events.emit("customer.created", customer)
    for data in params.get("tax_id_data", []):
        tax_ids.create(core, customer, data)
    return customer


def _blank(core: Core) -> Json:
    id = core.ids.new("cus")
    return {
        "id": id,
        "object": "customer",
        "address": None,
        "balance": 0,
        "business_name": None,
        "created": core.now(),
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "individual_name": None,
        "invoice_prefix": id[-INVOICE_PREFIX_CHARS:].upper(),
        "invoice_settings": _blank_settings(),
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


def _blank_settings() -> Json:
    return dict.fromkeys(_INVOICE_SETTINGS)


def _settings(core: Core, old: Json, params: Json, customer: str) -> Json:
    """The invoice settings after a request: members that are not named stay."""
    settings = old | (params.get("invoice_settings") or {})
    settings["custom_fields"] = settings.get("custom_fields") or None
    id = settings.get("default_payment_method")
    method = core.store.get(id) if id is not None else None
    if id is not None and (method is None or method.get("customer") != customer):
        raise ApiError(
            400,
            f"The customer does not have a payment method with the ID {id}. The payment method "
            "must be attached to the customer.",
            code="resource_missing",
            param="invoice_settings[default_payment_method]",
        )
    return settings


def _create(core: Core, call: Call) -> Json:
    wanted = (call.params.get("invoice_settings") or {}).get("default_payment_method")
    if wanted is not None and wanted != call.params.get("payment_method"):
        _settings(core, {}, call.params, "")  # it cannot belong to a customer who is not there yet
    return create(core, call.params)


def _retrieve(core: Core, call: Call) -> Json:
    return core.find("customer", call.ids[0])


def _update(core: Core, call: Call) -> Json:
    customer = tax_ids.alive(core, call.ids[0])
    params = dict(call.params)
    if "invoice_settings" in params:
        old = customer.get("invoice_settings") or _blank_settings()
        params["invoice_settings"] = _settings(core, old, params, customer["id"])
    if "balance" in params and "balance" in customer:
        billing.set_balance(core, customer, params["balance"], "adjustment")
    return core.edit(customer, params, "customer.updated")


def _delete(core: Core, call: Call) -> Json:
    customer = tax_ids.alive(core, call.ids[0])
    for watcher in core.watchers.get(customer["id"], ()):
        watcher(customer)
    core.events.emit("customer.deleted", customer)
    tax_ids.forget(core, customer["id"])
    return core.store.put({"id": customer["id"], "object": "customer", "deleted": True})


def _list(core: Core, call: Call) -> Json:
    return listing(core, call, "customer", equal_to(call.params, "email"))


ROUTES = (
    ApiRoute("POST", "/v1/customers", _create, _CREATE),
    ApiRoute("GET", "/v1/customers", _list, {**PAGING, "email": forms.text}),
    ApiRoute("GET", "/v1/customers/{}", _retrieve),
    ApiRoute("POST", "/v1/customers/{}", _update, _WRITABLE),
    ApiRoute("DELETE", "/v1/customers/{}", _delete),
    *tax_ids.ROUTES,
)

"""Payment methods: https://docs.stripe.com/api/payment_methods."""

from hashlib import sha256

from local.stripe import forms
from local.stripe.cards import IBANS, MAGIC, NUMBERS, Method
from local.stripe.core import ApiRoute, Call, Core
from local.stripe.errors import ApiError, invalid, missing, missing_parameter
from local.stripe.lists import PAGING, equal_to, listing
from shared.ports import Json

EXPIRY_YEARS = 2
SECONDS_A_YEAR = 31_557_600
EPOCH_YEAR = 1970
DISPLAY_BRANDS = {"amex": "american_express", "diners": "diners_club", "unionpay": "union_pay"}
BILLING_DETAILS: Json = {
    "address": {
        "city": None,
        "country": None,
        "line1": None,
        "line2": None,
        "postal_code": None,
        "state": None,
    },
    "email": None,
    "name": None,
    "phone": None,
    "tax_id": None,
}


def make(core: Core, method: Method, name: str) -> Json:
    """A new payment method of the account, which behaves as the test method says."""
    payment_method: Json = {
        "id": core.ids.new("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": BILLING_DETAILS | {"address": dict(BILLING_DETAILS["address"])},
        "created": core.now(),
        "customer": None,
        "customer_account": None,
        "livemode": core.livemode,
        "metadata": {},
        "type": method.type,
    }
    print_ = sha256(name.encode()).hexdigest()[:16]
    if method.type == "card":
        payment_method["card"] = _card(core, method, print_)
    else:
        payment_method[method.type] = {
            "country": method.country,
            "fingerprint": print_,
            "last4": method.last4,
        }
    core.behaviours[payment_method["id"]] = method.behaviour
    return core.store.put(payment_method)


def _card(core: Core, method: Method, fingerprint: str) -> Json:
    return {
        "brand": method.brand,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": None,
        },
        "country": method.country,
        "display_brand": DISPLAY_BRANDS.get(method.brand, method.brand),
        "exp_month": 12,
        "exp_year": EPOCH_YEAR + core.now() // SECONDS_A_YEAR + EXPIRY_YEARS,
        "fingerprint": fingerprint,
        "funding": method.funding,
        "generated_from": None,
        "last4": method.last4,
        "networks": {"available": [method.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def resolve(core: Core, id: str, param: str) -> Json:
    """The payment method a request names: one of the account, or a new one from a test id."""
    if id in MAGIC:
        return make(core, MAGIC[id], id)
    found = core.store.get(id)
    if found is None or found["object"] != "payment_method":
        raise missing("PaymentMethod", id, param, status=400)
    return found


def from_data(core: Core, data: Json, param: str) -> Json:
    """A new payment method from `type` and its details."""
    type = data.get("type", "card")
    details = data.get(type) or {}
    if type == "card" and isinstance(details, dict):
        name = str(details.get("token") or NUMBERS.get(details.get("number", "")))
        if name in MAGIC:
            return make(core, MAGIC[name], name)
        raise ApiError(
            402,
            "Your card number is incorrect.",
            type="card_error",
            code="incorrect_number",
            param=f"{param}[number]",
        )
    if type == "sepa_debit" and isinstance(details, dict):
        iban = str(details.get("iban", "")).replace(" ", "")
        if iban in IBANS:
            return make(core, IBANS[iban], iban)
        raise invalid(
            "The IBAN you provided is invalid.", f"{param}[iban]", "invalid_bank_account_iban"
        )
    raise invalid(
        f"The local Stripe peer makes payment methods of type card or sepa_debit, not {type}.",
        "type",
    )


_WRITABLE: forms.Spec = {
    "allow_redisplay": forms.one_of("always", "limited", "unspecified"),
    "billing_details": forms.object_,
    "metadata": forms.metadata,
}
_CREATE: forms.Spec = {
    **_WRITABLE,
    "type": forms.text,
    "card": forms.object_,
    "sepa_debit": forms.object_,
    "us_bank_account": forms.object_,
}


def _create(core: Core, call: Call) -> Json:
    if not call.params.get("type"):
        raise missing_parameter("type")
    rest = {name: value for name, value in call.params.items() if name in _WRITABLE}
    payment_method = from_data(core, call.params, call.params["type"])
    payment_method |= rest
    return payment_method


def attach(core: Core, payment_method: Json, customer: Json) -> None:
    """Make a payment method one of a customer. Raises `ApiError` where it is refused."""
    behaviour = core.behaviours.get(payment_method["id"])
    if behaviour is not None and behaviour.attach_decline is not None:
        reason = behaviour.attach_decline
        raise ApiError(
            402,
            reason.message,
            type="card_error",
            code=reason.code,
            extra={"decline_code": reason.decline_code},
        )
    if payment_method["customer"] is not None:
        raise ApiError(
            400, "The payment method you provided has already been attached to a customer."
        )
    payment_method["customer"] = customer["id"]
    core.events.emit("payment_method.attached", payment_method)


def _attach(core: Core, call: Call) -> Json:
    payment_method = resolve(core, call.ids[0], "payment_method")
    customer = core.given("customer", call.params, "customer")
    if customer is None:
        raise missing_parameter("customer")
    attach(core, payment_method, customer)
    return payment_method


def _detach(core: Core, call: Call) -> Json:
    payment_method = core.find("payment_method", call.ids[0])
    if payment_method["customer"] is None:
        raise ApiError(
            400,
            "The payment method you provided is not attached to a customer so detachment is "
            "impossible.",
        )
    previous = {"customer": payment_method["customer"]}
    payment_method["customer"] = None
    core.events.emit("payment_method.detached", payment_method, previous)
    return payment_method


def _retrieve(core: Core, call: Call) -> Json:
    return core.find("payment_method", call.ids[0])


def _update(core: Core, call: Call) -> Json:
    payment_method = core.find("payment_method", call.ids[0])
    return core.edit(payment_method, call.params, "payment_method.updated")


def _list(core: Core, call: Call) -> Json:
    keep = equal_to(call.params, "customer", "type")
    return listing(core, call, "payment_method", keep)


ROUTES = (
    ApiRoute("POST", "/v1/payment_methods", _create, _CREATE),
    ApiRoute(
        "GET",
        "/v1/payment_methods",
        _list,
        {**PAGING, "customer": forms.text, "type": forms.text},
    ),
    ApiRoute("GET", "/v1/payment_methods/{}", _retrieve),
    ApiRoute("POST", "/v1/payment_methods/{}", _update, _WRITABLE),
    ApiRoute(
        "POST",
        "/v1/payment_methods/{}/attach",
        _attach,
        {"customer": forms.text},
        ("customer",),
    ),
    ApiRoute("POST", "/v1/payment_methods/{}/detach", _detach),
)

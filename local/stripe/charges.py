"""Charges: https://docs.stripe.com/api/charges. Creating them directly is the legacy way."""

from local.stripe import forms, payments
from local.stripe.cards import MAGIC
from local.stripe.core import ApiRoute, Call, Core, merged
from local.stripe.errors import ApiError, invalid, missing
from local.stripe.expand import refunds_of
from local.stripe.intents import dispute_if_wanted
from local.stripe.lists import PAGING, equal_to, listing
from local.stripe.payment_methods import make
from shared.ports import Json

_TEXTS: forms.Spec = {
    "description": forms.text,
    "metadata": forms.metadata,
    "receipt_email": forms.text,
    "shipping": forms.object_,
    "transfer_group": forms.text,
}
_CREATE: forms.Spec = {
    **_TEXTS,
    "amount": forms.positive,
    "capture": forms.boolean,
    "currency": forms.currency,
    "customer": forms.text,
    "source": forms.text,
    "statement_descriptor": forms.text,
    "statement_descriptor_suffix": forms.text,
}


def _create(core: Core, call: Call) -> Json:
    params = call.params
    customer = core.given("customer", params, "customer")
    token = params.get("source")
    if token is None:
        text = (
            "Must provide source or customer."
            if customer is None
            else ("Cannot charge a customer that has no active card")
        )
        raise ApiError(400, text, code="parameter_missing" if customer is None else "missing")
    if token not in MAGIC or not token.startswith("tok_"):
        raise missing("token", token, "source", status=400)
    method = make(core, MAGIC[token], token)
    names = (*_TEXTS, "statement_descriptor", "statement_descriptor_suffix")
    rest = {name: params[name] for name in names if name in params}
    charge = payments.attempt(
        core,
        payments.Order(
            amount_minor=params["amount"],
            currency=params["currency"],
            payment_method=method,
            customer=None if customer is None else customer["id"],
            capture=params.get("capture", True),
            rest=rest | {"metadata": merged({}, rest.get("metadata", {}))},
        ),
    )
    if charge["status"] == "failed":
        raise ApiError(
            402,
            charge["failure_message"],
            type="card_error",
            code=charge["failure_code"],
            extra={"charge": charge["id"], "decline_code": charge["outcome"]["reason"]},
        )
    if charge["captured"]:
        dispute_if_wanted(core, charge)
    return charge


def _capture(core: Core, call: Call) -> Json:
    charge = core.find("charge", call.ids[0], "charge")
    if charge["payment_intent"] is not None:
        text = "This charge belongs to a PaymentIntent. Capture the PaymentIntent instead."
        raise ApiError(400, text)
    if charge["captured"] or charge["status"] != "succeeded" or charge["refunded"]:
        text = f"Charge {charge['id']} has already been captured or cannot be captured."
        raise ApiError(400, text, code="charge_already_captured")
    amount = int(call.params.get("amount") or charge["amount"])
    if amount > charge["amount"]:
        raise invalid("Amount exceeds the authorized amount.", "amount", "amount_too_large")
    payments.capture(core, charge, amount)
    return charge


def _retrieve(core: Core, call: Call) -> Json:
    return core.find("charge", call.ids[0])


def _update(core: Core, call: Call) -> Json:
    return core.edit(core.find("charge", call.ids[0]), call.params, "charge.updated")


def _list(core: Core, call: Call) -> Json:
    keep = equal_to(call.params, "customer", "payment_intent", "transfer_group")
    return listing(core, call, "charge", keep)


def _refunds(core: Core, call: Call) -> Json:
    charge = core.find("charge", call.ids[0], "charge")
    if not isinstance(charge.get("refunds"), dict) or refunds_of(core.store, charge["id"])["data"]:
        of_it = equal_to({"charge": charge["id"]}, "charge")
        return listing(core, call, "refund", of_it, charge["id"])
    inside: Json = charge["refunds"]
    return inside


ROUTES = (
    ApiRoute("POST", "/v1/charges", _create, _CREATE, ("amount", "currency")),
    ApiRoute(
        "GET",
        "/v1/charges",
        _list,
        {
            **PAGING,
            "customer": forms.text,
            "payment_intent": forms.text,
            "transfer_group": forms.text,
        },
    ),
    ApiRoute("GET", "/v1/charges/{}", _retrieve),
    ApiRoute("POST", "/v1/charges/{}", _update, _TEXTS),
    ApiRoute("POST", "/v1/charges/{}/capture", _capture, {"amount": forms.positive}),
    ApiRoute("GET", "/v1/charges/{}/refunds", _refunds, PAGING),
)

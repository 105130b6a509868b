"""Payment intents: https://docs.stripe.com/api/payment_intents."""

from local.stripe import forms, payments
from local.stripe.core import ApiRoute, Call, Core, merged
from local.stripe.errors import ApiError, invalid
from local.stripe.intents import (
    CANCELABLE,
    blank,
    cancel,
    conclude,
    confirm,
    dispute_if_wanted,
)
from local.stripe.lists import PAGING, equal_to, listing
from local.stripe.payment_methods import from_data, resolve
from shared.ports import Json

CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
CHANGEABLE_ALWAYS = ("description", "metadata", "receipt_email")
CANCEL_REASONS = ("abandoned", "duplicate", "fraudulent", "requested_by_customer")
CAPTURE_METHODS = ("automatic", "automatic_async", "manual")
_WRITABLE: forms.Spec = {
    "amount": forms.positive,
    "currency": forms.currency,
    "customer": forms.text,
    "description": forms.text,
    "metadata": forms.metadata,
    "payment_details": forms.object_,
    "payment_method": forms.text,
    "payment_method_data": forms.object_,
    "payment_method_options": forms.object_,
    "payment_method_types": forms.any_value,  # gone from the API, still sent by older clients
    "receipt_email": forms.text,
    "setup_future_usage": forms.one_of("off_session", "on_session"),
    "shipping": forms.object_,
    "statement_descriptor": forms.text,
    "statement_descriptor_suffix": forms.text,
    "transfer_group": forms.text,
}
_CONFIRM: forms.Spec = {
    "capture_method": forms.one_of(*CAPTURE_METHODS),
    "error_on_requires_action": forms.boolean,
    "mandate_data": forms.object_,
    "off_session": forms.any_value,
    "payment_method": forms.text,
    "payment_method_data": forms.object_,
    "payment_method_options": forms.object_,
    "payment_method_types": forms.any_value,
    "receipt_email": forms.text,
    "return_url": forms.text,
    "setup_future_usage": forms.one_of("off_session", "on_session"),
    "shipping": forms.object_,
    "use_stripe_sdk": forms.boolean,
}
_CREATE: forms.Spec = {
    **_WRITABLE,
    **_CONFIRM,
    "automatic_payment_methods": forms.object_,
    "confirm": forms.boolean,
    "confirmation_method": forms.one_of("automatic", "manual"),
}
_TRANSIENT = (
    "confirm",
    "error_on_requires_action",
    "mandate_data",
    "off_session",
    "payment_method_data",
    "payment_method_types",
    "return_url",
    "use_stripe_sdk",
)


def _method(core: Core, params: Json) -> str | None:
    """The id of the payment method the parameters name or describe, if they do."""
    if params.get("payment_method"):
        return str(resolve(core, params["payment_method"], "payment_method")["id"])
    if params.get("payment_method_data"):
        data = params["payment_method_data"]
        return str(from_data(core, data, f"payment_method_data[{data.get('type', 'card')}]")["id"])
    return None


def _kept(params: Json) -> Json:
    return {name: value for name, value in params.items() if name not in _TRANSIENT}


def _create(core: Core, call: Call) -> Json:
    core.given("customer", call.params, "customer")
    method = _method(core, call.params)
    if call.params.get("confirm") and method is None:
        text = (
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can "
            "either update the PaymentIntent with a payment method and then confirm it again, or "
            "confirm it again directly with a payment method or ConfirmationToken."
        )
        raise ApiError(400, text, code="payment_intent_unexpected_state")
    intent = blank(core) | _kept(call.params)
    intent["metadata"] = merged({}, intent["metadata"])
    if method is not None:
        intent |= {"payment_method": method, "status": "requires_confirmation"}
    core.store.put(intent)
    core.events.emit("payment_intent.created", intent)
    if call.params.get("confirm"):
        confirm(core, intent, call.params)
    return intent


def _update(core: Core, call: Call) -> Json:
    intent = core.find("payment_intent", call.ids[0], "intent")
    late = [name for name in call.params if name not in CHANGEABLE_ALWAYS]
    if late and intent["status"] not in CONFIRMABLE:
        raise _unexpected(
            intent, f"cannot be updated because it has a status of {intent['status']}."
        )
    core.given("customer", call.params, "customer")
    method = _method(core, call.params)
    changes = _kept(call.params)
    if method is not None:
        changes |= {"payment_method": method, "status": "requires_confirmation"}
    if "metadata" in changes:
        changes["metadata"] = merged(intent["metadata"], changes["metadata"])
    core.change(intent, changes)  # there is no `payment_intent.updated`
    return intent


def _unexpected(intent: Json, text: str) -> ApiError:
    return ApiError(
        400,
        f"This PaymentIntent {text}",
        code="payment_intent_unexpected_state",
        extra={"payment_intent": intent},
    )


def _confirm(core: Core, call: Call) -> Json:
    intent = core.find("payment_intent", call.ids[0], "intent")
    if intent["status"] not in CONFIRMABLE:
        raise _unexpected(
            intent, f"cannot be confirmed because it has a status of {intent['status']}."
        )
    method = _method(core, call.params)
    if method is not None:
        intent["payment_method"] = method
    if intent["payment_method"] is None:
        raise _unexpected(intent, "cannot be confirmed because it's missing a payment method.")
    intent |= {
        name: value for name, value in _kept(call.params).items() if name != "payment_method"
    }
    confirm(core, intent, call.params)
    return intent


def _capture(core: Core, call: Call) -> Json:
    intent = core.find("payment_intent", call.ids[0], "intent")
    if intent["status"] != "requires_capture":
        raise _unexpected(
            intent,
            f"could not be captured because it has a status of {intent['status']}. Only a "
            "PaymentIntent with one of the following statuses may be captured: requires_capture.",
        )
    amount = int(call.params.get("amount_to_capture") or intent["amount_capturable"])
    if amount > intent["amount_capturable"]:
        text = f"The maximum amount you can capture is {intent['amount_capturable']}."
        raise invalid(text, "amount_to_capture", "amount_too_large")
    if "metadata" in call.params:
        intent["metadata"] = merged(intent["metadata"], call.params["metadata"])
    charge = core.find("charge", intent["latest_charge"])
    payments.capture(core, charge, amount)
    conclude(core, intent, charge)
    dispute_if_wanted(core, charge)
    return intent


def _cancel(core: Core, call: Call) -> Json:
    intent = core.find("payment_intent", call.ids[0], "intent")
    if intent["status"] not in CANCELABLE:
        raise _unexpected(
            intent,
            f"could not be canceled because it has a status of {intent['status']}. Only a "
            "PaymentIntent with one of the following statuses may be canceled: "
            f"{', '.join(CANCELABLE)}.",
        )
    cancel(core, intent, call.params.get("cancellation_reason"))
    return intent


def _retrieve(core: Core, call: Call) -> Json:
    return core.find("payment_intent", call.ids[0], "intent")


def _list(core: Core, call: Call) -> Json:
    return listing(core, call, "payment_intent", equal_to(call.params, "customer"))


_CAPTURE: forms.Spec = {
    "amount_to_capture": forms.positive,
    "metadata": forms.metadata,
    "statement_descriptor": forms.any_value,
    "statement_descriptor_suffix": forms.any_value,
}
ROUTES = (
    ApiRoute("POST", "/v1/payment_intents", _create, _CREATE, ("amount", "currency")),
    ApiRoute("GET", "/v1/payment_intents", _list, {**PAGING, "customer": forms.text}),
    ApiRoute("GET", "/v1/payment_intents/{}", _retrieve, {"client_secret": forms.text}),
    ApiRoute("POST", "/v1/payment_intents/{}", _update, _WRITABLE),
    ApiRoute("POST", "/v1/payment_intents/{}/confirm", _confirm, _CONFIRM),
    ApiRoute("POST", "/v1/payment_intents/{}/capture", _capture, _CAPTURE),
    ApiRoute(
        "POST",
        "/v1/payment_intents/{}/cancel",
        _cancel,
        {"cancellation_reason": forms.one_of(*CANCEL_REASONS)},
    ),
)

"""The life of a payment intent: paid, authorised, waiting for the customer, failed."""

from typing import Any

from local.stripe import disputes, payments
from local.stripe.cards import ACTION, Decline
from local.stripe.core import Core
from local.stripe.errors import ApiError
from shared.ports import Json

AUTHORISATION_SECONDS = 7 * 86_400
CANCELABLE = (
    "requires_payment_method",
    "requires_capture",
    "requires_confirmation",
    "requires_action",
)
TO_CHARGE = (
    "description",
    "metadata",
    "receipt_email",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
)


def blank(core: Core) -> Json:
    """A new intent without amount and currency."""
    id = core.ids.new("pi")
    return {
        "id": id,
        "object": "payment_intent",
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": {"allow_redirects": "always", "enabled": True},
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": f"{id}_{core.ids.new('secret')}",
        "confirmation_method": "automatic",
        "created": core.now(),
        "customer": None,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": core.livemode,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "payment_record": None,
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }


def confirm(core: Core, intent: Json, params: Json) -> None:
    """Confirm an intent that has a payment method. Raises the 402 of a declined card."""
    behaviour = payments.behaviour_of(core, intent["payment_method"])
    decline: Decline | None = None
    if behaviour.requires_action:
        off_session = params.get("off_session") not in (None, "false")
        if not off_session and not params.get("error_on_requires_action"):
            intent |= {"status": "requires_action", "next_action": _action(intent)}
            core.events.emit("payment_intent.requires_action", intent)
            return
        decline = ACTION
    pay(core, intent, decline)


def _action(intent: Json) -> Json:
    url = f"https://hooks.stripe.com/3d_secure_2/hosted?payment_intent={intent['id']}"
    return {"redirect_to_url": {"return_url": None, "url": url}, "type": "redirect_to_url"}


def pay(core: Core, intent: Json, decline: Decline | None = None) -> None:
    """Try to pay an intent with its payment method. Raises the 402 of a declined card."""
    method = core.find("payment_method", intent["payment_method"])
    manual = intent["capture_method"] == "manual"
    charge = payments.attempt(
        core,
        payments.Order(
            amount_minor=intent["amount"],
            currency=intent["currency"],
            payment_method=method,
            customer=intent["customer"],
            intent=intent["id"],
            capture=not manual,
            now=intent["capture_method"] == "automatic",
            decline=decline,
            rest={name: intent[name] for name in TO_CHARGE},
        ),
    )
    intent |= {"latest_charge": charge["id"], "next_action": None, "last_payment_error": None}
    behaviour = payments.behaviour_of(core, method["id"])
    if charge["status"] == "pending":
        intent["status"] = "processing"
        core.events.emit("payment_intent.processing", intent)
        payments.resolve_delayed(core, charge, lambda: conclude(core, intent, charge))
    elif charge["status"] == "failed":
        reason = decline or behaviour.decline
        raise _declined(intent, charge, method, conclude(core, intent, charge), reason)
    elif manual:
        _authorised(core, intent, charge)
    else:
        conclude(core, intent, charge)
        dispute_if_wanted(core, charge)


def _authorised(core: Core, intent: Json, charge: Json) -> None:
    card = charge["payment_method_details"].get("card")
    if card is not None:
        card["capture_before"] = core.now() + AUTHORISATION_SECONDS
    intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
    core.events.emit("payment_intent.amount_capturable_updated", intent)


def conclude(core: Core, intent: Json, charge: Json) -> Json | None:
    """The intent after its charge succeeded or failed; the payment error, if any."""
    error = _concluded(core, intent, charge)
    _tell(core, intent)
    return error


def _tell(core: Core, intent: Json) -> None:
    for watcher in core.watchers.get(intent["id"], ()):
        watcher(intent)


def _concluded(core: Core, intent: Json, charge: Json) -> Json | None:
    if charge["status"] == "succeeded":
        received = charge["amount_captured"]
        intent |= {"status": "succeeded", "amount_received": received, "amount_capturable": 0}
        core.events.emit("payment_intent.succeeded", intent)
        return None
    error: Json = {
        "charge": charge["id"],
        "code": charge["failure_code"],
        "decline_code": charge["outcome"]["reason"],
        "message": charge["failure_message"],
        "payment_method": core.find("payment_method", charge["payment_method"]),
        "type": "card_error",
    }
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "last_payment_error": error,
        "amount_received": 0,
    }
    core.events.emit("payment_intent.payment_failed", intent)
    return error


def cancel(core: Core, intent: Json, reason: str | None) -> None:
    """Give up an intent that can be canceled, and what it has authorised."""
    if intent["status"] == "requires_capture":
        payments.release(core, core.find("charge", intent["latest_charge"]))
    intent |= {
        "status": "canceled",
        "amount_capturable": 0,
        "canceled_at": core.now(),
        "cancellation_reason": reason,
        "next_action": None,
    }
    core.events.emit("payment_intent.canceled", intent)
    _tell(core, intent)


def _declined(
    intent: Json, charge: Json, method: Json, error: Json | None, reason: Decline | None
) -> ApiError:
    extra: dict[str, Any] = {
        "charge": charge["id"],
        "payment_intent": intent,
        "payment_method": method,
    }
    if reason is not None and reason.decline_code is not None:
        extra["decline_code"] = reason.decline_code
    message = (error or {}).get("message") or "Your card was declined."
    return ApiError(402, message, type="card_error", code=charge["failure_code"], extra=extra)


def dispute_if_wanted(core: Core, charge: Json) -> None:
    """Open the dispute that the charge's test payment method stands for, if it does."""
    behaviour = payments.behaviour_of(core, charge["payment_method"])
    if behaviour.dispute is not None:
        disputes.open_(core, charge, behaviour.dispute, inquiry=behaviour.inquiry)


def failed_late(core: Core, charge: Json) -> None:
    """The intent of a charge that failed after it had succeeded."""
    if charge["payment_intent"] is not None:
        conclude(core, core.find("payment_intent", charge["payment_intent"]), charge)

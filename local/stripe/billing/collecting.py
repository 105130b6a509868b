"""Money for an open invoice: by its payment intent, by others, or outside Stripe.

Payments run through payment intents and charges of the account, so that they reach the balance as
any other: https://docs.stripe.com/invoicing/partial-payments.
"""

from local.stripe import intents
from local.stripe.billing import customer_balance, invoice_payments, invoices, subscription_status
from local.stripe.billing.periods import DAY, when
from local.stripe.core import Core
from local.stripe.errors import ApiError
from shared.ports import Json

DESCRIPTIONS = {
    "subscription_create": "Subscription creation",
    "subscription_cycle": "Subscription update",
    "subscription_update": "Subscription update",
}
ATTEMPT_FAILED = (400, 402)
NO_METHOD = (
    "There is no `default_payment_method` set on this Customer or Invoice. Please set either of "
    "these to attempt to collect payment."
)


def method_of(core: Core, invoice: Json) -> Json | None:
    """The payment method by which an invoice is paid unless told otherwise."""
    subscription = subscription_status.of(core, invoice) or {}
    customer = core.store.get(invoice["customer"]) or {}
    settings = customer.get("invoice_settings") or {}
    id = (
        invoice["default_payment_method"]
        or subscription.get("default_payment_method")
        or settings.get("default_payment_method")
        or customer.get("default_source")
    )
    return core.store.get(id) if id is not None else None


def intent_of(core: Core, invoice: Json) -> Json | None:
    """The payment intent by which Stripe itself collects an invoice."""
    id = core.store.beside(invoice["id"]).get("intent")
    return None if id is None else core.store.get(id)


def prepare(core: Core, invoice: Json) -> None:
    """The payment intent of an invoice that was finalised, and its payment that is to come."""
    intent = intents.blank(core) | {
        "amount": invoice["amount_remaining"],
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "description": DESCRIPTIONS.get(invoice["billing_reason"], "Payment for Invoice"),
    }
    core.store.put(intent)
    beside = core.store.beside(invoice["id"])
    beside["intent"] = intent["id"]
    beside["confirmation_secret"] = {
        "client_secret": intent["client_secret"],
        "type": "payment_intent",
    }
    core.events.emit("payment_intent.created", intent)
    _expect(core, invoice, intent, invoice["amount_remaining"])


def _expect(core: Core, invoice: Json, intent: Json, amount_minor: int) -> Json:
    payment = invoice_payments.new(
        core, invoice["id"], invoice["currency"], amount_minor, payment_intent=intent["id"]
    )
    watchers = core.watchers.setdefault(intent["id"], [])
    watchers.append(lambda intent: _follow(core, invoice, payment, intent))
    return payment


def _follow(core: Core, invoice: Json, payment: Json, intent: Json) -> None:
    """Bring the invoice to where a payment intent of it is."""
    if payment["status"] != "open":
        return
    if intent["status"] == "succeeded":
        invoice_payments.settle(core, payment)
        applied(core, invoice, payment["amount_paid"], attempted=True)
    elif intent["status"] == "canceled":
        invoice_payments.give_up(core, payment)
    elif intent["status"] == "requires_payment_method":
        failed(core, invoice)


def attach(core: Core, invoice: Json, **payment: str) -> None:
    """Another payment intent, or a payment record, pays the invoice. Raises `ApiError`."""
    _refuse_closed(invoice)
    if "payment_record" in payment:
        record = core.find(
            "payment_record", payment["payment_record"], "payment_record", status=400
        )
        amount = record["amount_guaranteed"]["value"]
        made = invoice_payments.new(
            core, invoice["id"], invoice["currency"], amount, payment_record=record["id"]
        )
        invoice_payments.settle(core, made)
        applied(core, invoice, amount, off_stripe=True)
        return
    intent = core.find("payment_intent", payment["payment_intent"], "payment_intent", status=400)
    if intent["currency"] != invoice["currency"] or intent["status"] == "canceled":
        text = f"The PaymentIntent {intent['id']} cannot be attached to this invoice."
        raise ApiError(400, text, param="payment_intent")
    if any(
        each["payment"].get("payment_intent") == intent["id"]
        for each in core.store.newest_first("invoice_payment", invoice["id"])
    ):
        text = "This PaymentIntent is already attached to the invoice."
        raise ApiError(400, text, param="payment_intent")
    made = _expect(core, invoice, intent, intent["amount"])
    if intent["status"] == "succeeded":
        _follow(core, invoice, made, intent)


def _refuse_closed(invoice: Json) -> None:
    if invoice["status"] == "paid":
        raise ApiError(400, "Invoice is already paid", code="invoice_already_paid")
    if invoice["status"] not in invoices.OPEN:
        text = f"This invoice is {invoice['status']}; it can't be paid."
        raise ApiError(400, text, code="invoice_not_editable")


def collect(core: Core, invoice: Json, method: Json | None) -> None:
    """Try to charge what is left. Raises 402 for a card that is declined or asks for the customer,
    and 400 without a method."""
    _refuse_closed(invoice)
    intent, method = intent_of(core, invoice), method or method_of(core, invoice)
    if intent is None or intent["status"] == "canceled":
        prepare(core, invoice)
        intent = core.find("payment_intent", core.store.beside(invoice["id"])["intent"])
    if intent["status"] == "processing":
        raise ApiError(400, "The payment of this invoice is being processed.")
    if method is None:
        failed(core, invoice)
        raise ApiError(400, NO_METHOD, code="invoice_payment_intent_requires_payment_method")
    intent |= {
        "payment_method": method["id"],
        "payment_method_types": [method["type"]],
        "status": "requires_confirmation",
    }
    intents.confirm(core, intent, {})
    if intent["status"] == "requires_action":
        core.events.emit("invoice.payment_action_required", invoice)
        failed(core, invoice)
        raise ApiError(
            402,
            "This payment requires additional user action before it can be completed "
            "successfully. Payment can be completed using the PaymentIntent associated with the "
            "invoice.",
            type="card_error",
            code="invoice_payment_intent_requires_action",
        )


def try_to_collect(core: Core, invoice: Json) -> None:
    """Collect by the clock: what fails is told by events, and tried again later."""
    if invoice["status"] != "open" or invoice["collection_method"] != "charge_automatically":
        return
    intent = intent_of(core, invoice)
    if intent is not None and intent["status"] == "processing":
        return
    try:
        collect(core, invoice, None)
    except ApiError as error:
        if error.status not in ATTEMPT_FAILED:
            raise  # the others are told by `invoice.payment_failed`


def applied(
    core: Core,
    invoice: Json,
    amount_minor: int,
    *,
    off_stripe: bool = False,
    attempted: bool = False,
) -> None:
    """So much was paid. What exceeds the rest is credited to the customer."""
    asked = invoice["amount_remaining"] if invoice["status"] in invoices.OPEN else 0
    rest = asked - amount_minor
    over = max(-rest, 0)
    changes: Json = {
        "amount_overpaid": invoice["amount_overpaid"] + over,
        "amount_paid": invoice["amount_paid"] + amount_minor - over,
        "amount_remaining": invoice["amount_remaining"] - amount_minor + over,
    }
    if off_stripe:
        changes["amount_paid_off_stripe"] = invoice["amount_paid_off_stripe"] + amount_minor
    if attempted:
        changes |= {"attempt_count": invoice["attempt_count"] + 1, "attempted": True}
    customer = core.find("customer", invoice["customer"], "customer")
    if over:
        customer_balance.move(
            core, customer, -over, invoice["currency"], "invoice_overpaid", invoice=invoice["id"]
        )
    if rest > 0 or invoice["status"] == "void":
        invoices.change(core, invoice, changes)
        fit(core, invoice)
    else:
        conclude(core, invoice, changes, attempted=attempted)
    if over:
        core.events.emit("invoice.overpaid", invoice)


def conclude(
    core: Core, invoice: Json, changes: Json | None = None, *, attempted: bool = False
) -> None:
    """Nothing is left to pay."""
    if invoice["status"] == "paid":
        invoices.change(core, invoice, changes or {})
        return
    transitions = invoice["status_transitions"] | {"paid_at": core.now()}
    invoices.change(
        core,
        invoice,
        {
            **(changes or {}),
            "attempted": True,
            "next_payment_attempt": None,
            "status": "paid",
            "status_transitions": transitions,
        },
    )
    core.schedule.cancel(_retry(invoice))
    withdraw(core, invoice)
    core.events.emit("invoice.paid", invoice)
    if attempted:
        core.events.emit("invoice.payment_succeeded", invoice)
    subscription_status.paid(core, invoice)


def withdraw(core: Core, invoice: Json) -> None:
    """Give up the payment intents that are still open for an invoice."""
    for payment in list(core.store.newest_first("invoice_payment", invoice["id"])):
        intent = core.store.get(payment["payment"].get("payment_intent") or "")
        mine = core.store.beside(invoice["id"]).get("intent")
        if payment["status"] != "open" or intent is None:
            continue
        if intent["id"] == mine and intent["status"] in intents.CANCELABLE:
            intents.cancel(core, intent, "void_invoice" if invoice["status"] == "void" else None)
        elif intent["status"] != "processing":
            invoice_payments.give_up(core, payment)


def fit(core: Core, invoice: Json) -> None:
    """Let the invoice's own payment intent ask for what is left."""
    intent = intent_of(core, invoice)
    if intent is None or intent["status"] not in intents.CANCELABLE:
        return
    core.change(intent, {"amount": invoice["amount_remaining"]})
    for payment in core.store.newest_first("invoice_payment", invoice["id"]):
        if payment["payment"].get("payment_intent") == intent["id"] and payment["status"] == "open":
            payment["amount_requested"] = invoice["amount_remaining"]


def failed(core: Core, invoice: Json) -> None:
    """An attempt failed: tell, and try again as the account's rules say."""
    if invoice["status"] not in invoices.OPEN:
        return
    automatic = invoice["collection_method"] == "charge_automatically"
    retries = core.settings.invoice_retry_days
    number = invoice["attempt_count"]
    retried = (
        invoice["auto_advance"] and automatic and not subscription_status.unborn(core, invoice)
    )
    again = retried and number < len(retries)
    later = core.now() + retries[number] * DAY if again else None
    invoices.change(
        core,
        invoice,
        {"attempt_count": number + 1, "attempted": True, "next_payment_attempt": later},
    )
    core.events.emit("invoice.payment_failed", invoice)
    if later is not None:
        core.schedule.cancel(_retry(invoice))
        core.schedule.at(when(later), lambda: try_to_collect(core, invoice), name=_retry(invoice))
    subscription_status.failed(core, invoice, last=retried and not again)


def _retry(invoice: Json) -> str:
    return f"collect {invoice['id']}"

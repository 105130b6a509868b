"""The life of a charge: authorised, captured, settled on the balance, or failed.

Since 2024-04-10 captures are asynchronous: the balance transaction comes into being after
`charge.succeeded`, and `charge.updated` announces it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.stripe import disputes, refunds
from local.stripe.cards import GENERIC, Behaviour, Decline
from local.stripe.core import Core
from local.stripe.ledger import fee_details
from local.stripe.payment_methods import BILLING_DETAILS
from shared.ports import Json


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be charged. `now`: settle within the request (capture_method `automatic`).

    `rest` are members of the charge taken over as they are (`description`, `metadata`, ...).
    """

    amount_minor: int
    currency: str
    payment_method: Json
    customer: str | None = None
    intent: str | None = None
    capture: bool = True
    now: bool = False
    decline: Decline | None = None
    rest: Mapping[str, Any] = field(default_factory=dict)


def behaviour_of(core: Core, payment_method: str | None) -> Behaviour:
    """How payments with this method turn out; unknown methods succeed."""
    return core.behaviours.get(payment_method or "", Behaviour())


def attempt(core: Core, order: Order) -> Json:
    """Charge once. The answer's `status` is `succeeded`, `pending` or `failed`."""
    behaviour = behaviour_of(core, order.payment_method["id"])
    decline = order.decline or behaviour.decline
    charge = core.store.put(_charge(core, order))
    if behaviour.delayed:
        core.events.emit("charge.pending", charge)
        return charge
    if decline is not None:
        fail(core, charge, decline)
        return charge
    _succeed(core, charge, capture=order.capture, now=order.now or behaviour.bypass_pending)
    return charge


def _succeed(core: Core, charge: Json, *, capture: bool, now: bool) -> None:
    charge |= {"status": "succeeded", "paid": True}
    charge["outcome"] = _outcome("authorized", None)
    if capture:
        charge |= {"captured": True, "amount_captured": charge["amount"]}
    if capture and now:
        _enter(core, charge)
    core.events.emit("charge.succeeded", charge)
    if capture and not now:
        _settle_later(core, charge)


def resolve_delayed(core: Core, charge: Json, done: Callable[[], object]) -> None:
    """Some days later the bank says yes or no to a `pending` charge; then `done`."""

    def resolve() -> None:
        if charge["status"] != "pending":
            return
        decline = behaviour_of(core, charge["payment_method"]).decline
        if decline is not None:
            fail(core, charge, decline)
        else:
            _succeed(core, charge, capture=True, now=False)
        done()

    core.schedule.after(core.draw_seconds(core.settings.delayed_method_seconds), resolve)


def fail(core: Core, charge: Json, decline: Decline) -> None:
    """The payment fails; nothing reaches the balance."""
    charge |= {
        "status": "failed",
        "paid": False,
        "failure_code": decline.code,
        "failure_message": decline.message,
        "outcome": _outcome("issuer_declined", decline.decline_code),
    }
    core.events.emit("charge.failed", charge)


def capture(core: Core, charge: Json, amount_minor: int) -> None:
    """Capture an authorised charge, wholly or in part; the rest is released at once."""
    rest = charge["amount"] - amount_minor
    charge |= {"captured": True, "amount_captured": amount_minor, "amount_refunded": rest}
    now = behaviour_of(core, charge["payment_method"]).bypass_pending
    if now:
        _enter(core, charge)
    core.events.emit("charge.captured", charge)
    if not now:
        _settle_later(core, charge)


def release(core: Core, charge: Json) -> None:
    """Give an authorisation back: a refund without any balance transaction."""
    charge |= {"amount_refunded": charge["amount"], "refunded": True}
    refunds.record(core, charge, charge["amount"], txn=None)
    core.events.emit("charge.refunded", charge)


def _settle_later(core: Core, charge: Json) -> None:
    def settle() -> None:
        _enter(core, charge)
        core.events.emit("charge.updated", charge, {"balance_transaction": None})
        disputes.withdraw_open(core, charge)

    core.schedule.after(core.draw_seconds(core.settings.settle_delay_seconds), settle)


def _enter(core: Core, charge: Json) -> None:
    """Put a captured charge on the balance."""
    currency = charge["currency"]
    settings = core.settings
    fee, tax = settings.fee_of(currency).on(charge["amount_captured"])
    instant = behaviour_of(core, charge["payment_method"]).bypass_pending
    days = 0 if instant else settings.available_after_days
    txn = core.ledger.enter(
        type="charge" if charge["id"].startswith("ch_") else "payment",
        reporting_category="charge",
        amount_minor=charge["amount"],
        currency=currency,
        source=charge["id"],
        description=charge["description"],
        fees=fee_details(fee, tax, currency),
        available_after_days=days,
    )
    charge["balance_transaction"] = txn["id"]
    rest = charge["amount"] - charge["amount_captured"]
    if rest:
        refunds.reverse_uncaptured(core, charge, rest, days)


def fail_late(core: Core, charge: Json, decline: Decline = GENERIC) -> None:
    """The bank takes a succeeded payment back (`payment_failure_refund`).

    Raises `ValueError` unless the charge was made by a delayed method and is settled.
    """
    method = behaviour_of(core, charge["payment_method"])
    if (
        not method.delayed
        or charge["balance_transaction"] is None
        or charge["status"] != "succeeded"
    ):
        raise ValueError(
            f"charge {charge['id']} cannot fail any more: only a settled, succeeded payment by a "
            "delayed method can"
        )
    txn = core.ledger.enter(
        type="payment_failure_refund",
        reporting_category="charge_failure",
        amount_minor=charge["amount_refunded"] - charge["amount"],
        currency=charge["currency"],
        source=charge["id"],
        description=f"Payment failure for {charge['id']}",
    )
    charge["failure_balance_transaction"] = txn["id"]
    fail(core, charge, decline)


def _outcome(network: str, reason: str | None) -> Json:
    approved = network == "authorized"
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "approved_by_network" if approved else "declined_by_network",
        "reason": reason,
        "risk_level": "normal",
        "seller_message": "Payment complete." if approved else "The bank declined the payment.",
        "type": network,
    }


def _charge(core: Core, order: Order) -> Json:
    method = order.payment_method
    prefix = "ch" if method["type"] == "card" else "py"
    return {
        "id": core.ids.new(prefix),
        "object": "charge",
        "amount": order.amount_minor,
        "amount_captured": 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": method.get("billing_details", BILLING_DETAILS),
        "calculated_statement_descriptor": "TIEOUT",
        "captured": False,
        "created": core.now(),
        "currency": order.currency,
        "customer": order.customer,
        "description": None,
        "destination": None,
        "dispute": None,
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": core.livemode,
        "metadata": {},
        "on_behalf_of": None,
        "outcome": None,
        "paid": False,
        "payment_intent": order.intent,
        "payment_method": method["id"],
        "payment_method_details": _details(method, order.amount_minor),
        "presentment_details": None,
        "receipt_email": None,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "pending",
        "transfer_data": None,
        "transfer_group": None,
        **order.rest,
    }


def _details(method: Json, amount_minor: int) -> Json:
    type = method["type"]
    if type != "card":
        return {type: dict(method.get(type) or {}), "type": type}
    card = method.get("card") or {}
    names = (
        "brand",
        "checks",
        "country",
        "exp_month",
        "exp_year",
        "fingerprint",
        "funding",
        "last4",
    )
    return {
        "card": {
            **{name: card.get(name) for name in names},
            "amount_authorized": amount_minor,
            "authorization_code": None,
            "installments": None,
            "mandate": None,
            "network": card.get("brand"),
            "three_d_secure": None,
            "wallet": card.get("wallet"),
        },
        "type": "card",
    }

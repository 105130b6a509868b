"""Refunds: https://docs.stripe.com/api/refunds."""

from local.stripe import disputes, forms
from local.stripe.cards import Behaviour
from local.stripe.core import ApiRoute, Call, Core, merged
from local.stripe.currencies import spoken
from local.stripe.errors import ApiError, invalid, missing_parameter
from local.stripe.ledger import fee_details
from local.stripe.lists import PAGING, equal_to, listing
from shared.ports import Json

REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def record(core: Core, charge: Json, amount_minor: int, *, txn: Json | None) -> Json:
    """A refund object of a charge, without events; `txn` None: no money moved."""
    card = charge["id"].startswith("ch_")
    refund: Json = {
        "id": core.ids.new("re" if card else "pyr"),
        "object": "refund",
        "amount": amount_minor,
        "balance_transaction": None if txn is None else txn["id"],
        "charge": charge["id"],
        "created": core.now(),
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {"card": {"type": "refund"}, "type": "card"} if card else None,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": None,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
    if txn is not None:
        txn["source"] = refund["id"]
    return core.store.put(refund)


def reverse_uncaptured(core: Core, charge: Json, rest_minor: int, days: int) -> None:
    """Take the part that was not captured off the balance again (`partial_capture_reversal`)."""
    txn = core.ledger.enter(
        type="refund",
        reporting_category="partial_capture_reversal",
        amount_minor=-rest_minor,
        currency=charge["currency"],
        source=None,
        description="REFUND FOR PARTIAL CAPTURE",
        available_after_days=days,
    )
    refund = record(core, charge, rest_minor, txn=txn)
    core.events.emit("refund.created", refund)


def _check(core: Core, charge: Json, amount_minor: int | None) -> int:
    """The amount to refund. Raises `ApiError` where Stripe refuses."""
    id, left = charge["id"], charge["amount"] - charge["amount_refunded"]
    if charge["status"] != "succeeded":
        raise ApiError(400, f"Charge {id} has not succeeded; it cannot be refunded.")
    if charge["refunded"]:
        text = f"Charge {id} has already been refunded."
        raise ApiError(400, text, code="charge_already_refunded")
    dispute = disputes.of(core, id) if charge["disputed"] else None
    if dispute is not None and not dispute["is_charge_refundable"]:
        text = f"Charge {id} has been charged back; cannot issue a refund."
        raise ApiError(400, text, code="charge_disputed")
    amount = left if amount_minor is None else amount_minor
    if amount > left:
        asked, rest = spoken(amount, charge["currency"]), spoken(left, charge["currency"])
        text = f"Refund amount ({asked}) is greater than unrefunded amount on charge ({rest})"
        raise invalid(text, "amount")
    return amount


def _returned_fee(core: Core, charge: Json, amount_minor: int) -> list[Json]:
    if not core.settings.refund_fee_returned or charge["balance_transaction"] is None:
        return []
    txn = core.find("balance_transaction", charge["balance_transaction"])
    returned = txn["fee"] * amount_minor // charge["amount"]
    return fee_details(-returned, 0, charge["currency"])


def _charge_of(core: Core, params: Json) -> Json:
    charge = core.given("charge", params, "charge")
    intent = core.given("payment_intent", params, "payment_intent")
    if charge is None and intent is None:
        text = (
            "One of the following params should be provided for this request: payment_intent or "
            "charge."
        )
        raise ApiError(400, text, code="parameter_missing")
    if charge is None and intent is not None:
        if intent["latest_charge"] is None:
            text = (
                f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
            )
            raise invalid(text, "payment_intent")
        return core.find("charge", intent["latest_charge"])
    if charge is None:
        raise missing_parameter("charge")
    return charge


def create(core: Core, params: Json) -> Json:
    """Give money of a charge back, all that is left of it or an amount. Raises `ApiError`."""
    charge = _charge_of(core, params)
    amount = _check(core, charge, params.get("amount"))
    if not charge["captured"]:
        text = "This charge is not captured. Cancel its PaymentIntent instead of refunding it."
        raise ApiError(400, text)
    txn = core.ledger.enter(
        type="refund" if charge["id"].startswith("ch_") else "payment_refund",
        reporting_category="refund",
        amount_minor=-amount,
        currency=charge["currency"],
        source=None,
        description=f"REFUND FOR CHARGE ({charge['description'] or charge['id']})",
        fees=_returned_fee(core, charge, amount),
    )
    refund = record(core, charge, amount, txn=txn)
    refund |= {
        "metadata": merged({}, params.get("metadata", {})),
        "reason": params.get("reason"),
    }
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    behaviour = core.behaviours.get(charge["payment_method"] or "", Behaviour())
    if behaviour.refund == "pending":
        refund["status"] = "pending"
    core.events.emit("refund.created", refund)
    core.events.emit("charge.refunded", charge)
    _later(core, refund, behaviour.refund)
    return refund


def _later(core: Core, refund: Json, outcome: str) -> None:
    """What the bank makes of the refund some time after the request."""

    def turn() -> None:
        if outcome == "pending" and refund["status"] == "pending":
            core.change(refund, {"status": "succeeded"}, "refund.updated")
        elif outcome == "failed" and refund["status"] == "succeeded":
            fail(core, refund, "unknown")

    if outcome != "succeeded":
        core.schedule.after(core.draw_seconds(core.settings.refund_delay_seconds), turn)


def fail(core: Core, refund: Json, reason: str, *, status: str = "failed") -> None:
    """The money comes back (`refund_failure`). Raises `ValueError` if it never left."""
    if refund["status"] not in ("succeeded", "pending") or refund["balance_transaction"] is None:
        raise ValueError(f"refund {refund['id']} is {refund['status']}: its money cannot come back")
    charge = core.find("charge", refund["charge"])
    txn = core.ledger.enter(
        type="refund_failure",
        reporting_category="refund_failure",
        amount_minor=refund["amount"],
        currency=refund["currency"],
        source=refund["id"],
        description=f"REFUND FAILURE FOR CHARGE ({charge['id']})",
    )
    charge["amount_refunded"] -= refund["amount"]
    charge["refunded"] = False
    changes: Json = {"status": status, "failure_balance_transaction": txn["id"]}
    if status == "failed":
        changes["failure_reason"] = reason
    previous = {name: refund.get(name) for name in changes}
    refund |= changes
    core.events.emit("refund.updated", refund, previous)
    if status == "failed":
        core.events.emit("refund.failed", refund)
    core.events.emit("charge.refund.updated", refund, previous)


def _create(core: Core, call: Call) -> Json:
    return create(core, call.params)


def _cancel(core: Core, call: Call) -> Json:
    refund = core.find("refund", call.ids[0])
    if refund["status"] not in ("pending", "requires_action"):
        text = f"The refund {refund['id']} cannot be canceled: its status is {refund['status']}."
        raise ApiError(400, text)
    fail(core, refund, "", status="canceled")
    return refund


def _retrieve(core: Core, call: Call) -> Json:
    return core.find("refund", call.ids[0])


def _update(core: Core, call: Call) -> Json:
    refund = core.find("refund", call.ids[0])
    changes = {"metadata": merged(refund.get("metadata") or {}, call.params.get("metadata", {}))}
    previous = core.change(refund, changes if call.params else {}, "refund.updated")
    if previous:
        core.events.emit("charge.refund.updated", refund, previous)
    return refund


def _list(core: Core, call: Call) -> Json:
    keep = equal_to(call.params, "charge", "payment_intent")
    return listing(core, call, "refund", keep)


ROUTES = (
    ApiRoute(
        "POST",
        "/v1/refunds",
        _create,
        {
            "amount": forms.positive,
            "charge": forms.text,
            "metadata": forms.metadata,
            "payment_intent": forms.text,
            "reason": forms.one_of(*REASONS),
        },
    ),
    ApiRoute(
        "GET",
        "/v1/refunds",
        _list,
        {**PAGING, "charge": forms.text, "payment_intent": forms.text},
    ),
    ApiRoute("GET", "/v1/refunds/{}", _retrieve),
    ApiRoute("POST", "/v1/refunds/{}", _update, {"metadata": forms.metadata}),
    ApiRoute("POST", "/v1/refunds/{}/cancel", _cancel),
)

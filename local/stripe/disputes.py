"""Disputes: https://docs.stripe.com/api/disputes. Inquiries move no money; chargebacks do."""

from local.stripe import forms
from local.stripe.core import ApiRoute, Call, Core
from local.stripe.errors import ApiError
from local.stripe.ledger import fee_details
from local.stripe.lists import PAGING, equal_to, listing
from local.stripe.store import clone, ident
from shared.ports import Json

EVIDENCE_SECONDS = 9 * 86_400
REASONS = (
    "bank_cannot_process",
    "credit_not_processed",
    "customer_initiated",
    "debit_not_authorized",
    "duplicate",
    "fraudulent",
    "general",
    "incorrect_account_details",
    "insufficient_funds",
    "noncompliant",
    "product_not_received",
    "product_unacceptable",
    "subscription_canceled",
    "unrecognized",
)
OPEN = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")
INQUIRIES = ("warning_needs_response", "warning_under_review", "warning_closed")


def open_(
    core: Core, charge: Json, reason: str, amount_minor: int | None = None, *, inquiry: bool
) -> Json:
    """The customer disputes a charge: all that is left of it, or `amount_minor`.

    The amount and the dispute fee leave the balance at once, or as soon as the charge's own
    transaction exists. Raises `ValueError` for a charge that cannot be disputed.
    """
    if reason not in REASONS:
        raise ValueError(f"unknown reason of a dispute: {reason}; known: {', '.join(REASONS)}")
    left = charge["amount"] - charge["amount_refunded"]
    amount = left if amount_minor is None else amount_minor
    if amount_minor is not None and not 0 < amount_minor <= left:
        raise ValueError(f"{amount_minor} of {charge['id']} cannot be disputed: {left} is left")
    if not charge["captured"] or charge["disputed"] or amount <= 0:
        raise ValueError(
            f"charge {charge['id']} cannot be disputed: it must be captured, not fully refunded "
            "and not disputed yet"
        )
    dispute: Json = {
        "id": core.ids.new("du"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": core.now(),
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {},
        "evidence_details": {
            "due_by": core.now() + EVIDENCE_SECONDS,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": inquiry,
        "livemode": core.livemode,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": (charge["payment_method_details"] or {}).get("card", {}).get("brand"),
                "case_type": "inquiry" if inquiry else "chargeback",
                "network_reason_code": "10.4",
            },
            "type": "card",
        },
        "reason": reason,
        "status": "warning_needs_response" if inquiry else "needs_response",
    }
    charge["disputed"] = True
    core.store.put(dispute)
    core.events.emit("charge.dispute.created", dispute)
    if charge["balance_transaction"] is not None:
        withdraw_open(core, charge)
    return dispute


def of(core: Core, charge: str) -> Json | None:
    """The newest dispute of a charge."""
    disputes = core.store.newest_first("dispute", charge)
    return next((d for d in disputes if ident(d["charge"]) == charge), None)


def withdraw_open(core: Core, charge: Json) -> None:
    """Take the money of the charge's open chargeback, once."""
    dispute = of(core, charge["id"]) if charge["disputed"] else None
    if dispute is None or dispute["balance_transactions"] or dispute["status"] in INQUIRIES:
        return
    _move(core, dispute, -1, "dispute", f"Chargeback withdrawal for {charge['id']}")
    core.events.emit("charge.dispute.funds_withdrawn", dispute)


def _move(core: Core, dispute: Json, sign: int, category: str, description: str) -> None:
    txn = core.ledger.enter(
        type="adjustment",
        reporting_category=category,
        amount_minor=sign * dispute["amount"],
        currency=dispute["currency"],
        source=dispute["id"],
        description=description,
        fees=fee_details(-sign * core.settings.dispute_fee_minor, 0, dispute["currency"]),
    )
    dispute["balance_transactions"].append(clone(txn))


def escalate(core: Core, dispute: Json) -> None:
    """An inquiry becomes a chargeback. Raises `ValueError` if it is none or closed."""
    if dispute["status"] not in ("warning_needs_response", "warning_under_review"):
        raise ValueError(f"dispute {dispute['id']} is {dispute['status']}: not an open inquiry")
    changes = {"status": "needs_response", "is_charge_refundable": False}
    core.change(dispute, changes, "charge.dispute.updated")
    charge = core.find("charge", dispute["charge"])
    if charge["balance_transaction"] is not None:
        withdraw_open(core, charge)


def win(core: Core, dispute: Json, *, after_loss: bool = False) -> None:
    """The money and the fee come back; `after_loss`: the bank changes a decision it had made.

    Raises `ValueError` unless funds were withdrawn.
    """
    wanted = ("lost",) if after_loss else OPEN
    if dispute["status"] not in wanted or not dispute["balance_transactions"]:
        raise ValueError(f"dispute {dispute['id']} is {dispute['status']}: nothing to win back")
    dispute["status"] = "won"
    _move(core, dispute, 1, "dispute_reversal", f"Chargeback reversal for {dispute['charge']}")
    core.events.emit("charge.dispute.funds_reinstated", dispute)
    core.events.emit("charge.dispute.closed", dispute)


def prevent(core: Core, dispute: Json) -> None:
    """The dispute is settled before it is decided; what was withdrawn stays withdrawn. Raises
    `ValueError` if it has ended."""
    if dispute["status"] not in OPEN:
        raise ValueError(f"dispute {dispute['id']} is {dispute['status']}: already closed")
    dispute["status"] = "prevented"
    core.events.emit("charge.dispute.closed", dispute)


def lose(core: Core, dispute: Json) -> None:
    """The dispute ends, the money stays where it is. Raises `ValueError` if it has ended."""
    if dispute["status"] not in OPEN:
        raise ValueError(f"dispute {dispute['id']} is {dispute['status']}: already closed")
    dispute["status"] = "warning_closed" if dispute["status"] in INQUIRIES else "lost"
    core.events.emit("charge.dispute.closed", dispute)


def _close(core: Core, call: Call) -> Json:
    dispute = core.find("dispute", call.ids[0])
    if dispute["status"] not in OPEN:
        raise ApiError(400, "This dispute is already closed", code="dispute_already_closed")
    lose(core, dispute)
    return dispute


def _update(core: Core, call: Call) -> Json:
    dispute = core.find("dispute", call.ids[0])
    params = dict(call.params)
    if params.pop("submit", False) and dispute["status"] in OPEN:
        warning = dispute["status"] in INQUIRIES
        params["status"] = "warning_under_review" if warning else "under_review"
    if "evidence" in params:
        params["evidence"] = {**dispute["evidence"], **(params["evidence"] or {})}
        details = {"has_evidence": bool(params["evidence"])}
        params["evidence_details"] = {**dispute["evidence_details"], **details}
    return core.edit(dispute, params, "charge.dispute.updated")


def _retrieve(core: Core, call: Call) -> Json:
    return core.find("dispute", call.ids[0])


def _list(core: Core, call: Call) -> Json:
    return listing(core, call, "dispute", equal_to(call.params, "charge", "payment_intent"))


ROUTES = (
    ApiRoute(
        "GET",
        "/v1/disputes",
        _list,
        {**PAGING, "charge": forms.text, "payment_intent": forms.text},
    ),
    ApiRoute("GET", "/v1/disputes/{}", _retrieve),
    ApiRoute(
        "POST",
        "/v1/disputes/{}",
        _update,
        {"evidence": forms.object_, "metadata": forms.metadata, "submit": forms.boolean},
    ),
    ApiRoute("POST", "/v1/disputes/{}/close", _close),
)

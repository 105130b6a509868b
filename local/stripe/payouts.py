"""Payouts: https://docs.stripe.com/api/payouts.

An automatic payout pays everything available and not paid before, so the net of its members is
its amount. Manual and instant payouts have no members; being movements of the balance, they
count in the next automatic payout.
"""

from datetime import UTC, datetime, time, timedelta

from local.stripe import forms
from local.stripe.core import ApiRoute, Call, Core
from local.stripe.errors import ApiError, invalid
from local.stripe.ledger import fee_details
from local.stripe.lists import PAGING, equal_to, listing, within
from shared.ports import Json

TRANSIT_SECONDS = 1_800.0
PAID_WITHIN_SECONDS = (0.0, 6 * 3_600.0)  # after midnight of the arrival date
INSTANT_SECONDS = 1_800.0
INSTANT_FEE_BASIS_POINTS = 100
MANUAL_ARRIVAL_DAYS = 2
WHOLE_UNITS_ONLY = ("huf", "isk", "twd", "ugx")  # payouts in these are multiples of 100
WHOLE_UNIT_MINOR = 100
MESSAGES = {
    "account_closed": "The bank account has been closed.",
    "could_not_process": "The bank could not process this payout.",
    "no_account": "The bank account details on file are probably incorrect.",
    "invalid_currency": "The bank was unable to process this payout because of its currency.",
}
TRACE_PENDING: Json = {"status": "pending", "value": None}


def start_daily(core: Core) -> None:
    """Begin the automatic payouts, if the account has them."""
    schedule = core.settings.payouts
    if schedule is None:
        return

    def tick() -> None:
        for currency, amount in core.ledger.payable().items():
            if amount >= schedule.minimum_minor or (amount < 0 and schedule.negative):
                _automatic(core, currency, amount)
        following()

    def following() -> None:
        now = core.clock.now().astimezone(UTC)
        moment = datetime.combine(now.date(), time(schedule.hour_utc), UTC)
        if moment <= now:
            moment += timedelta(days=1)
        core.schedule.at(moment, tick, recurring=True)

    following()


def _payout(core: Core, amount_minor: int, currency: str, *, automatic: bool, days: int) -> Json:
    today = core.clock.now().astimezone(UTC).date()
    arrival = datetime.combine(today + timedelta(days=days), time(), UTC)
    return {
        "id": core.ids.new("po"),
        "object": "payout",
        "amount": amount_minor,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": int(arrival.timestamp()),
        "automatic": automatic,
        "balance_transaction": None,
        "created": core.now(),
        "currency": currency,
        "description": "STRIPE PAYOUT" if automatic else None,
        "destination": None,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": core.livemode,
        "metadata": {},
        "method": "standard",
        "original_payout": None,
        "payout_method": None,
        "reconciliation_status": "in_progress" if automatic else "not_applicable",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": None,
        "status": "pending",
        "trace_id": dict(TRACE_PENDING),
        "type": "bank_account",
    }


def _enter(core: Core, payout: Json, fee_minor: int = 0) -> None:
    """Take the payout off the balance and set it on its way to the bank."""
    automatic = payout["automatic"]
    txn = core.ledger.enter(
        type="payout",
        reporting_category="payout",
        amount_minor=-payout["amount"],
        currency=payout["currency"],
        source=payout["id"],
        description=payout["description"],
        fees=fee_details(fee_minor, 0, payout["currency"]),
        payable=not automatic,
    )
    payout["balance_transaction"] = txn["id"]
    core.store.put(payout)
    core.events.emit("payout.created", payout)
    instant = payout["method"] == "instant"
    core.schedule.after(
        0.0 if instant else TRANSIT_SECONDS, lambda: _advance(core, payout, "pending", "in_transit")
    )
    paid_at = datetime.fromtimestamp(payout["arrival_date"], UTC)
    paid_at += timedelta(seconds=core.draw_seconds(PAID_WITHIN_SECONDS))
    if instant:
        paid_at = core.clock.now() + timedelta(seconds=INSTANT_SECONDS)
    core.schedule.at(paid_at, lambda: _advance(core, payout, "in_transit", "paid"))


def _advance(core: Core, payout: Json, before: str, after: str) -> None:
    if payout["status"] != before:
        return  # failed or canceled meanwhile
    if after == "in_transit":
        core.change(payout, {"status": after}, "payout.updated")
        return
    trace = {"status": "supported", "value": f"{payout['created']}{payout['amount']}"}
    core.change(payout, {"status": after, "trace_id": trace})
    core.events.emit("payout.paid", payout)


def _automatic(core: Core, currency: str, amount_minor: int) -> None:
    schedule = core.settings.payouts
    if schedule is None:
        return
    payout = _payout(core, amount_minor, currency, automatic=True, days=schedule.arrival_days)
    core.ledger.pay_out(payout["id"], currency)
    _enter(core, payout)

    def reconcile() -> None:
        core.change(payout, {"reconciliation_status": "completed"})
        core.events.emit("payout.reconciliation_completed", payout)

    core.schedule.after(core.draw_seconds(schedule.reconcile_seconds), reconcile)


def _create(core: Core, call: Call) -> Json:
    params = call.params
    amount, currency = params["amount"], params["currency"]
    instant = params.get("method") == "instant"
    fee = amount * INSTANT_FEE_BASIS_POINTS // 10_000 if instant else 0
    if currency in WHOLE_UNITS_ONLY and amount % WHOLE_UNIT_MINOR:
        text = f"Payouts in {currency} must be whole units: a multiple of {WHOLE_UNIT_MINOR}."
        raise invalid(text, "amount")
    if amount + fee > core.ledger.available_minor(currency):
        raise ApiError(
            400,
            "You have insufficient available funds in your Stripe account. One likely reason you "
            "have insufficient funds is that your funds are automatically being paid out; try "
            "enabling manual payouts by going to "
            "https://dashboard.stripe.com/account/payouts.",
            code="balance_insufficient",
        )
    payout = _payout(core, amount, currency, automatic=False, days=MANUAL_ARRIVAL_DAYS)
    _enter(core, payout | params, fee)
    return core.find("payout", payout["id"])


def fail(core: Core, payout: Json, code: str) -> None:
    """The bank returns the money (`payout_failure`), even after `payout.paid`.

    Raises `ValueError` for an unknown code or a payout that is not on its way.
    """
    if code not in MESSAGES:
        raise ValueError(f"unknown failure code of a payout: {code}; known: {', '.join(MESSAGES)}")
    if payout["status"] not in ("pending", "in_transit", "paid"):
        raise ValueError(f"payout {payout['id']} is {payout['status']}: it cannot fail")
    _return(core, payout, "payout_failure", "failed")
    payout |= {"failure_code": code, "failure_message": MESSAGES[code]}
    core.events.emit("payout.failed", payout)


def _return(core: Core, payout: Json, type: str, status: str) -> None:
    txn = core.ledger.enter(
        type=type,
        reporting_category="payout_reversal",
        amount_minor=payout["amount"],
        currency=payout["currency"],
        source=payout["id"],
        description="STRIPE PAYOUT FAILURE" if status == "failed" else "STRIPE PAYOUT CANCEL",
    )
    payout |= {"status": status, "failure_balance_transaction": txn["id"]}


def _cancel(core: Core, call: Call) -> Json:
    payout = core.find("payout", call.ids[0], "payout")
    if payout["automatic"] or payout["status"] != "pending":
        text = (
            "Payouts can only be canceled if they are pending and were not created automatically."
        )
        raise ApiError(400, text, code="payout_not_cancelable" if payout["automatic"] else None)
    _return(core, payout, "payout_cancel", "canceled")
    core.events.emit("payout.canceled", payout)
    return payout


def _retrieve(core: Core, call: Call) -> Json:
    return core.find("payout", call.ids[0], "payout")


def _update(core: Core, call: Call) -> Json:
    return core.edit(core.find("payout", call.ids[0], "payout"), call.params, "payout.updated")


def _list(core: Core, call: Call) -> Json:
    equal = equal_to(call.params, "destination", "status")
    arrival = call.params.get("arrival_date", {})
    return listing(
        core,
        call,
        "payout",
        lambda payout: equal(payout) and (not arrival or within(payout["arrival_date"], arrival)),
    )


ROUTES = (
    ApiRoute(
        "POST",
        "/v1/payouts",
        _create,
        {
            "amount": forms.positive,
            "currency": forms.currency,
            "description": forms.text,
            "metadata": forms.metadata,
            "method": forms.one_of("standard", "instant"),
            "source_type": forms.one_of("bank_account", "card", "fpx"),
            "statement_descriptor": forms.text,
        },
        ("amount", "currency"),
    ),
    ApiRoute(
        "GET",
        "/v1/payouts",
        _list,
        {
            **PAGING,
            "arrival_date": forms.moments,
            "destination": forms.text,
            "status": forms.text,
        },
    ),
    ApiRoute("GET", "/v1/payouts/{}", _retrieve),
    ApiRoute("POST", "/v1/payouts/{}", _update, {"metadata": forms.metadata}),
    ApiRoute("POST", "/v1/payouts/{}/cancel", _cancel),
)

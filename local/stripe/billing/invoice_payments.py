"""Which payments pay which invoices: https://docs.stripe.com/api/invoice-payment."""

from local.stripe import forms, nested
from local.stripe.core import ApiRoute, Call, Core
from local.stripe.lists import PAGING, equal_to, listing
from local.stripe.store import member
from shared.ports import Json

TYPES = ("payment_intent", "payment_record")
STATUSES = ("canceled", "open", "paid")


def new(core: Core, invoice: str, currency: str, amount_minor: int, **payment: str) -> Json:
    """An open payment of an invoice, by `payment_intent` or `payment_record`."""
    [(type, id)] = payment.items()
    earlier = core.store.newest_first("invoice_payment", invoice)
    return core.store.put(
        {
            "id": core.ids.new("inpay"),
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": amount_minor,
            "created": core.now(),
            "currency": currency,
            "invoice": invoice,
            "is_default": next(earlier, None) is None,
            "livemode": core.livemode,
            "payment": {type: id, "type": type},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        }
    )


def record(core: Core, intent: Json, invoice: str, amount_minor: int) -> Json:
    """A payment intent pays (a part of) an invoice of elsewhere: at once, or as soon as it
    succeeds.

    Its customer gets a currency, if there was none, and a Checkout Session that announced an
    invoice names it. Raises `ValueError` for an amount the intent cannot pay.
    """
    if not 0 < amount_minor <= intent["amount"]:
        raise ValueError(
            f"payment intent {intent['id']} of {intent['amount']} cannot pay {amount_minor}"
        )
    payment = new(core, invoice, intent["currency"], amount_minor, payment_intent=intent["id"])
    _bill(core, intent, invoice)
    if intent["status"] == "succeeded":
        settle(core, payment)
    else:
        watchers = core.watchers.setdefault(intent["id"], [])
        watchers.append(lambda intent: _follow(core, payment, intent))
    return payment


def _bill(core: Core, intent: Json, invoice: str) -> None:
    customer = core.store.get(intent["customer"] or "")
    if customer is not None and customer.get("currency", "") is None:
        core.change(customer, {"currency": intent["currency"]}, "customer.updated")
    for session in core.store.newest_first("checkout.session", intent["id"]):
        if (session.get("invoice_creation") or {}).get("enabled") and session["invoice"] is None:
            session["invoice"] = invoice


def _follow(core: Core, payment: Json, intent: Json) -> None:
    if payment["status"] == "open" and intent["status"] == "succeeded":
        settle(core, payment)
    elif payment["status"] == "open" and intent["status"] == "canceled":
        give_up(core, payment)


def settle(core: Core, payment: Json) -> None:
    """The money has come."""
    payment |= {"amount_paid": payment["amount_requested"], "status": "paid"}
    payment["status_transitions"] = {"canceled_at": None, "paid_at": core.now()}
    core.events.emit("invoice_payment.paid", payment)


def give_up(core: Core, payment: Json) -> None:
    """No money will come this way."""
    payment["status"] = "canceled"
    payment["status_transitions"] = {"canceled_at": core.now(), "paid_at": None}


def _retrieve(core: Core, call: Call) -> Json:
    return core.find("invoice_payment", call.ids[0])


def _list(core: Core, call: Call) -> Json:
    wanted = call.params.get("payment") or {}
    same = equal_to(call.params, "invoice", "status")

    def keep(payment: Json) -> bool:
        return same(payment) and all(
            member(payment, f"payment.{name}") == value for name, value in wanted.items()
        )

    named = wanted.get("payment_intent") or wanted.get("payment_record")
    return listing(core, call, "invoice_payment", keep, call.params.get("invoice") or named)


ROUTES = (
    ApiRoute(
        "GET",
        "/v1/invoice_payments",
        _list,
        {
            **PAGING,
            "invoice": forms.text,
            "payment": nested.nested(
                {
                    "payment_intent": forms.text,
                    "payment_record": forms.text,
                    "type": forms.one_of(*TYPES),
                },
                ("type",),
            ),
            "status": forms.one_of(*STATUSES),
        },
    ),
    ApiRoute("GET", "/v1/invoice_payments/{}", _retrieve),
)

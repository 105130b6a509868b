"""Payments that went through somebody else: https://docs.stripe.com/payments/payment-records."""

from local.stripe import forms, nested
from local.stripe.core import ApiRoute, Call, Core, merged
from local.stripe.errors import invalid
from shared.ports import Json

TYPE = "payment_record"
_AMOUNT = nested.nested(
    {"currency": forms.currency, "value": forms.positive}, ("currency", "value")
)
AMOUNTS = ("authorized", "canceled", "failed", "guaranteed", "refunded")


def _report(core: Core, call: Call) -> Json:
    """A payment is reported once, with its outcome; guaranteed where none is told."""
    params = call.params
    asked, outcome = params["amount_requested"], params.get("outcome", "guaranteed")
    nothing = asked | {"value": 0}
    amounts: Json = {f"amount_{name}": dict(nothing) for name in AMOUNTS}
    amounts[f"amount_{outcome}"] = dict(asked)
    amounts["amount_authorized"] = dict(asked if outcome == "guaranteed" else nothing)
    customer = params.get("customer_details")
    record: Json = {
        "id": core.ids.new("pr"),
        "object": TYPE,
        "amount": dict(asked),
        **amounts,
        "amount_requested": dict(asked),
        "application": None,
        "created": core.now(),
        "customer_details": customer,
        "customer_presence": None,
        "description": params.get("description"),
        "latest_payment_attempt_record": None,
        "livemode": core.livemode,
        "metadata": merged({}, params.get("metadata", {})),
        "payment_method_details": params["payment_method_details"],
        "processor_details": params.get("processor_details") or {"type": "custom"},
        "reported_by": "self",
        "shipping_details": None,
    }
    return core.store.put(record)


def _report_refund(core: Core, call: Call) -> Json:
    """So much was given back by whom had taken it."""
    record = core.find(TYPE, call.ids[0])
    guaranteed, back = record["amount_guaranteed"], record["amount_refunded"]
    amount, left = (call.params.get("amount") or guaranteed)["value"], guaranteed["value"]
    if amount > left - back["value"]:
        raise invalid(f"Only {left - back['value']} of this payment can be refunded.", "amount")
    record["amount_refunded"] = back | {"value": back["value"] + amount}
    return record


def _retrieve(core: Core, call: Call) -> Json:
    return core.find(TYPE, call.ids[0])


ROUTES = (
    ApiRoute(
        "POST",
        "/v1/payment_records/report_payment",
        _report,
        {
            "amount_requested": _AMOUNT,
            "customer_details": forms.object_,
            "description": forms.text,
            "failed": forms.object_,
            "guaranteed": forms.object_,
            "initiated_at": forms.integer,
            "metadata": forms.metadata,
            "outcome": forms.one_of("canceled", "failed", "guaranteed"),
            "payment_method_details": forms.object_,
            "processor_details": forms.object_,
        },
        ("amount_requested", "initiated_at", "payment_method_details"),
    ),
    ApiRoute("GET", "/v1/payment_records/{}", _retrieve),
    ApiRoute(
        "POST",
        "/v1/payment_records/{}/report_refund",
        _report_refund,
        {
            "amount": _AMOUNT,
            "initiated_at": forms.integer,
            "metadata": forms.metadata,
            "outcome": forms.one_of("refunded"),
            "processor_details": forms.object_,
            "refunded": forms.object_,
        },
    ),
)

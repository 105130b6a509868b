"""Objects as API version 2020-08-27 showed them.

What differs: https://docs.stripe.com/changelog (refunds and charges inside, 2022-11-15; the name of
`marketing_features`, 2024-04-10; the invoice of a payment and the shipping details of a Checkout
Session, basil; the coupon of a discount, clover; the names of `ui_mode`, dahlia).
"""

from typing import Any

from local.stripe.expand import refunds_of
from local.stripe.store import Store, clone, ident
from shared.ports import Json

UI_MODES = {"hosted_page": "hosted", "embedded_page": "embedded", "elements": "custom"}
ALWAYS = ("charge", "checkout.session", "payment_intent", "product")


def differs(obj: Json) -> bool:
    """Whether the old shape of an object is another one."""
    return obj["object"] in ALWAYS or bool(obj.get("discount"))


def of_2020(store: Store, obj: Json) -> Json:
    """The old shape of an object that belongs to nobody else: parts of it may be changed."""
    match obj["object"]:
        case "charge":
            refunds = clone(refunds_of(store, obj["id"]))
            intent = ident(obj.get("payment_intent"))
            obj |= {"refunds": refunds, "invoice": invoice_of(store, intent), "order": None}
        case "payment_intent":
            obj = _intent(store, obj)
        case "checkout.session":
            obj = _session(obj)
        case "product":
            obj["features"] = obj.pop("marketing_features", [])
    old: Json = _discounts(store, obj)
    return old


def invoice_of(store: Store, payment_intent: str | None) -> str | None:
    """The invoice that a payment intent pays, or the newest of them."""
    if payment_intent is None:
        return None
    payments = store.newest_first("invoice_payment", payment_intent)
    invoices = (ident(payment["invoice"]) for payment in payments)
    return next(invoices, None)


def _intent(store: Store, obj: Json) -> Json:
    charges = [
        clone(charge)
        for charge in store.newest_first("charge", obj["id"])
        if ident(charge.get("payment_intent")) == obj["id"]
    ]
    old = {name: value for name, value in obj.items() if name != "latest_charge"}
    return old | {
        "charges": {
            "object": "list",
            "data": charges,
            "has_more": False,
            "total_count": len(charges),
            "url": f"/v1/charges?payment_intent={obj['id']}",
        },
        "invoice": invoice_of(store, obj["id"]),
    }


def _session(obj: Json) -> Json:
    collected = obj.pop("collected_information", None) or {}
    cost = obj.get("shipping_cost") or {}
    return obj | {
        "shipping": collected.get("shipping_details"),
        "shipping_rate": cost.get("shipping_rate"),
        "ui_mode": UI_MODES.get(obj.get("ui_mode") or "", obj.get("ui_mode")),
    }


def _discounts(store: Store, value: Any) -> Any:  # noqa: ANN401 - any JSON
    """With the coupon itself in every discount, in place of its `source`."""
    if isinstance(value, list):
        return [_discounts(store, item) for item in value]
    if not isinstance(value, dict):
        return value
    old = {name: _discounts(store, item) for name, item in value.items()}
    if old.get("object") == "discount" and "source" in old:
        coupon = old.pop("source").get("coupon")
        old["coupon"] = clone(store.get(coupon)) if isinstance(coupon, str) else coupon
    return old

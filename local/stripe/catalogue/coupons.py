"""Coupons: https://docs.stripe.com/api/coupons, and the discounts made of them."""

from local.stripe import forms, nested
from local.stripe.core import ApiRoute, Call, Core, merged
from local.stripe.errors import ApiError, invalid, missing, missing_parameter
from local.stripe.lists import PAGING, listing
from shared.ports import Json

ID_CHARS_MAX = 200
NAME_CHARS_MAX = 40
PRODUCTS_MAX = 100
DURATIONS = ("forever", "once", "repeating")

_AMOUNTS = nested.by_currency(nested.nested({"amount_off": forms.positive}, ("amount_off",)))
_WRITABLE: forms.Spec = {
    "currency_options": _AMOUNTS,
    "metadata": forms.metadata,
    "name": nested.limited(NAME_CHARS_MAX),
}
_CREATE: forms.Spec = {
    **_WRITABLE,
    "amount_off": forms.positive,
    "applies_to": nested.nested({"products": nested.several(forms.text, PRODUCTS_MAX)}),
    "currency": forms.currency,
    "duration": forms.one_of(*DURATIONS),
    "duration_in_months": forms.positive,
    "id": nested.limited(ID_CHARS_MAX),
    "max_redemptions": forms.positive,
    "percent_off": nested.percent,
    "redeem_by": forms.integer,
}


def _check(core: Core, params: Json) -> None:
    nested.only_one(params, "percent_off", "amount_off")
    if params.get("percent_off") is None and params.get("amount_off") is None:
        raise ApiError(400, "Must provide percent_off or amount_off.", code="parameter_missing")
    if params.get("percent_off") == 0:
        raise invalid("Invalid percent_off: must be greater than 0", "percent_off")
    if params.get("amount_off") is not None and params.get("currency") is None:
        text = "You must pass currency when passing amount_off"
        raise ApiError(400, text, code="parameter_missing", param="currency")
    repeating = params.get("duration") == "repeating"
    if repeating and params.get("duration_in_months") is None:
        raise missing_parameter("duration_in_months")
    if not repeating and params.get("duration_in_months") is not None:
        text = "You cannot pass duration_in_months unless duration is repeating."
        raise invalid(text, "duration_in_months")
    id = params.get("id")
    if id is not None and core.store.get(id) is not None:
        text = "Coupon already exists."
        raise ApiError(400, text, code="resource_already_exists", param="id")


def _create(core: Core, call: Call) -> Json:
    params = dict(call.params)
    _check(core, params)
    options = params.pop("currency_options", None) or {}
    applies_to = params.pop("applies_to", None)
    coupon: Json = {
        "id": core.ids.bare(),
        "object": "coupon",
        "amount_off": None,
        "created": core.now(),
        "currency": None,
        "duration": "once",
        "duration_in_months": None,
        "livemode": core.livemode,
        "max_redemptions": None,
        "name": None,
        "percent_off": None,
        "redeem_by": None,
        "times_redeemed": 0,
        "valid": True,
    }
    coupon |= {name: value for name, value in params.items() if value is not None}
    coupon["metadata"] = merged({}, params.get("metadata", {}))
    beside: Json = {} if applies_to is None else {"applies_to": applies_to}
    if coupon["amount_off"] is not None:
        own = {coupon["currency"]: {"amount_off": coupon["amount_off"]}}
        beside["currency_options"] = own | options
    core.store.put(coupon, beside)
    core.events.emit("coupon.created", coupon)
    return coupon


def redeemable(core: Core, id: str, param: str) -> Json:
    """The coupon of that id, if it can be used now. Raises `ApiError`."""
    coupon = core.store.get(id)
    if coupon is None or coupon["object"] != "coupon":
        raise missing("coupon", id, param, status=400)
    late = coupon.get("redeem_by") is not None and coupon["redeem_by"] < core.now()
    if not coupon["valid"] or late:
        coupon["valid"] = False
        raise invalid(f"Coupon {id} is not valid anymore.", param, "coupon_expired")
    return coupon


def amount_off_minor(core: Core, coupon: Json, currency: str) -> int | None:
    """What a coupon takes off in a currency; None where it takes a share. Raises `ApiError`."""
    if coupon.get("percent_off") is not None:
        return None
    options = core.store.beside(coupon["id"]).get("currency_options", {})
    if currency not in options and coupon.get("currency") != currency:
        text = (
            f"The coupon {coupon['id']} is in {coupon['currency']}; it cannot be applied to an "
            f"amount in {currency}."
        )
        raise invalid(text, "discounts")
    return int(options.get(currency, coupon)["amount_off"])


def redeem(coupon: Json) -> None:
    """Count one use."""
    coupon["times_redeemed"] += 1
    most = coupon.get("max_redemptions")
    coupon["valid"] = coupon["valid"] and (most is None or coupon["times_redeemed"] < most)


def discount(
    core: Core, coupon: Json, *, customer: str | None, end: int | None = None, **of: str
) -> Json:
    """The discount that a coupon is, of what the names say: `checkout_session`, `invoice`,
    `invoice_item`, `subscription` or `subscription_item`."""
    return {
        "id": core.ids.new("di"),
        "object": "discount",
        "checkout_session": None,
        "customer": customer,
        "customer_account": None,
        "end": end,
        "invoice": None,
        "invoice_item": None,
        "promotion_code": None,
        "source": {"coupon": coupon["id"], "type": "coupon"},
        "start": core.now(),
        "subscription": None,
        "subscription_item": None,
        **of,
    }


def _retrieve(core: Core, call: Call) -> Json:
    return core.find("coupon", call.ids[0])


def _update(core: Core, call: Call) -> Json:
    coupon = core.find("coupon", call.ids[0])
    params = dict(call.params)
    options = params.pop("currency_options", None)
    if options is not None:
        core.store.beside(coupon["id"]).setdefault("currency_options", {}).update(options)
    return core.edit(coupon, params, "coupon.updated")


def _delete(core: Core, call: Call) -> Json:
    coupon = core.find("coupon", call.ids[0])
    core.store.remove(coupon["id"])
    core.events.emit("coupon.deleted", coupon)
    return {"id": coupon["id"], "object": "coupon", "deleted": True}


def _list(core: Core, call: Call) -> Json:
    return listing(core, call, "coupon", lambda _: True)


ROUTES = (
    ApiRoute("POST", "/v1/coupons", _create, _CREATE),
    ApiRoute("GET", "/v1/coupons", _list, PAGING),
    ApiRoute("GET", "/v1/coupons/{}", _retrieve),
    ApiRoute("POST", "/v1/coupons/{}", _update, _WRITABLE),
    ApiRoute("DELETE", "/v1/coupons/{}", _delete),
)

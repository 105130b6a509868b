"""Requests about subscriptions and their items: https://docs.stripe.com/api/subscriptions."""

from local.stripe import forms, nested
from local.stripe.billing import (
    discounts,
    pricing,
    subscription_changes,
    subscription_items,
    subscriptions,
)
from local.stripe.core import ApiRoute, Call, Core
from local.stripe.errors import missing
from local.stripe.expand import items_of
from local.stripe.lists import PAGING, equal_to, listing, within_object
from shared.ports import Json

TYPE = subscriptions.TYPE
ITEMS_MAX = subscription_items.ITEMS_MAX
STATUSES = (
    *("active", "all", "canceled", "ended", "incomplete", "incomplete_expired", "past_due"),
    *("paused", "trialing", "unpaid"),
)
PRORATION = forms.one_of("always_invoice", "create_prorations", "none")
FEEDBACKS = (
    *("customer_service", "low_quality", "missing_features", "other", "switched_service"),
    *("too_complex", "too_expensive", "unused"),
)


def word_or_moment(*words: str) -> forms.Reader:
    """One of the words, a moment, or nothing."""

    def read(value: object, param: str) -> object:
        if value == "":
            return None
        return value if value in words else forms.integer(value, param)

    return read


def _anchor(value: object, param: str) -> object:
    """`now` or `unchanged`, in an object since endive, a word before."""
    word = value.get("type") if isinstance(value, dict) else value
    return forms.one_of("now", "unchanged")(word, param)


_CANCELLATION = nested.nested(
    {"comment": forms.text, "feedback": forms.one_of(*FEEDBACKS)},
)
_TRIAL_SETTINGS = nested.nested(
    {
        "end_behavior": nested.nested(
            {
                "billing_cycle_anchor": forms.one_of("now", "unchanged"),
                "missing_payment_method": forms.one_of("cancel", "create_invoice", "pause"),
            },
            ("missing_payment_method",),
        )
    },
    ("end_behavior",),
)
_ADD = nested.nested(
    {
        "price": forms.text,
        "price_data": nested.nested(pricing.PRICE_DATA, ("currency", "product")),
        "quantity": forms.positive,
        "tax_rates": nested.several(forms.text, 5),
    }
)
_WRITABLE: forms.Spec = {
    "add_invoice_items": nested.several(_ADD, ITEMS_MAX),
    "automatic_tax": nested.nested({"enabled": forms.boolean}, ("enabled",)),
    "cancel_at": word_or_moment("max_period_end", "min_period_end"),
    "cancel_at_period_end": forms.boolean,
    "collection_method": forms.one_of("charge_automatically", "send_invoice"),
    "days_until_due": forms.positive,
    "default_payment_method": forms.text,
    "default_tax_rates": nested.several(forms.text, 5),
    "description": forms.text,
    "discounts": discounts.SPEC,
    "metadata": forms.metadata,
    "off_session": forms.boolean,
    "payment_behavior": forms.one_of(
        "allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete"
    ),
    "payment_settings": forms.object_,
    "proration_behavior": PRORATION,
    "trial_end": word_or_moment("now"),
    "trial_settings": _TRIAL_SETTINGS,
}
_CREATE: forms.Spec = {
    **_WRITABLE,
    "billing_cycle_anchor": forms.integer,
    "billing_mode": forms.object_,
    "currency": forms.currency,
    "customer": forms.text,
    "items": nested.several(nested.nested(subscription_items.NEW), ITEMS_MAX),
    "trial_period_days": nested.not_negative,
}
_UPDATE: forms.Spec = {
    **_WRITABLE,
    "billing_cycle_anchor": _anchor,
    "cancellation_details": _CANCELLATION,
    "items": nested.several(nested.nested(subscription_items.CHANGE), ITEMS_MAX),
    "pause_collection": nested.nested(
        {
            "behavior": forms.one_of("keep_as_draft", "mark_uncollectible", "void"),
            "resumes_at": forms.integer,
        },
        ("behavior",),
    ),
    "proration_date": forms.integer,
}


def _create(core: Core, call: Call) -> Json:
    return subscriptions.create(core, call.params)


def _retrieve(core: Core, call: Call) -> Json:
    return core.find(TYPE, call.ids[0])


def _update(core: Core, call: Call) -> Json:
    subscription = subscriptions.find(core, call.ids[0])
    subscription_changes.update(core, subscription, call.params)
    return subscription


def _cancel(core: Core, call: Call) -> Json:
    subscription = subscriptions.find(core, call.ids[0])
    subscription_changes.cancel(core, subscription, call.params)
    return subscription


def _pause(core: Core, call: Call) -> Json:
    subscription = subscriptions.find(core, call.ids[0])
    subscription_changes.pause(core, subscription, call.params)
    return subscription


def _resume(core: Core, call: Call) -> Json:
    subscription = subscriptions.find(core, call.ids[0])
    subscription_changes.resume(core, subscription, call.params)
    return subscription


def _list(core: Core, call: Call) -> Json:
    params = call.params
    same = equal_to(params, "collection_method", "customer")
    wanted, price = params.get("status"), params.get("price")

    def keep(subscription: Json) -> bool:
        status = subscription.get("status")
        ended = status in ("canceled", "incomplete_expired")
        right = {None: status != "canceled", "all": True, "ended": ended}.get(
            wanted, status == wanted
        )
        items = (subscription.get("items") or {}).get("data", [])
        of_price = price is None or any(item["price"]["id"] == price for item in items)
        return same(subscription) and right and of_price

    return listing(core, call, TYPE, keep)


# --- items ------------------------------------------------------------------------------------


_ITEM_HOW: forms.Spec = {
    "payment_behavior": _WRITABLE["payment_behavior"],
    "proration_behavior": PRORATION,
    "proration_date": forms.integer,
}


def _change_item(core: Core, subscription: Json, params: Json, **item: object) -> list[Json]:
    """Change one item through the subscription; its items after it."""
    how = {name: params[name] for name in _ITEM_HOW if name in params}
    rest = {name: value for name, value in params.items() if name in subscription_items.NEW}
    subscription_changes.update(core, subscription, how | {"items": [rest | item]})
    return items_of(core.store, subscription["id"])


def _create_item(core: Core, call: Call) -> Json:
    subscription = subscriptions.find(core, call.params["subscription"])
    return _change_item(core, subscription, call.params)[-1]


def _item(core: Core, call: Call) -> Json:
    return core.find("subscription_item", call.ids[0])


def _update_item(core: Core, call: Call) -> Json:
    item = _item(core, call)
    subscription = subscriptions.find(core, item["subscription"])
    found = _change_item(core, subscription, call.params, id=item["id"])
    return next(each for each in found if each["id"] == item["id"])


def _delete_item(core: Core, call: Call) -> Json:
    item = _item(core, call)
    subscription = subscriptions.find(core, item["subscription"])
    _change_item(core, subscription, call.params, id=item["id"], deleted=True)
    return {"id": item["id"], "object": "subscription_item", "deleted": True}


def _list_items(core: Core, call: Call) -> Json:
    subscription = core.store.get(call.params["subscription"])
    if subscription is None or subscription["object"] != TYPE:
        raise missing(TYPE, call.params["subscription"], "subscription", status=400)
    return within_object(call, "subscription_item", items_of(core.store, subscription["id"]))


_PATH = "/v1/subscriptions/{}"
_ITEM_PATH = "/v1/subscription_items/{}"
ROUTES = (
    ApiRoute("POST", "/v1/subscriptions", _create, _CREATE, ("customer", "items")),
    ApiRoute(
        "GET",
        "/v1/subscriptions",
        _list,
        {
            **PAGING,
            "collection_method": forms.text,
            "customer": forms.text,
            "price": forms.text,
            "status": forms.one_of(*STATUSES),
        },
    ),
    ApiRoute("GET", _PATH, _retrieve),
    ApiRoute("POST", _PATH, _update, _UPDATE),
    ApiRoute(
        "DELETE",
        _PATH,
        _cancel,
        {
            "cancellation_details": _CANCELLATION,
            "invoice_now": forms.boolean,
            "prorate": forms.boolean,
        },
    ),
    ApiRoute(
        "POST",
        f"{_PATH}/pause",
        _pause,
        {
            "bill_for": nested.nested(
                {
                    "outstanding_usage_through": forms.object_,
                    "unused_time_from": nested.nested(
                        {"type": forms.one_of("item_current_period_start", "none", "now")},
                        ("type",),
                    ),
                }
            ),
            "invoicing_behavior": forms.one_of("invoice", "pending_invoice_item"),
            "type": forms.one_of("subscription"),
        },
    ),
    ApiRoute(
        "POST",
        f"{_PATH}/resume",
        _resume,
        {
            "billing_cycle_anchor": _anchor,
            "payment_behavior": forms.one_of(
                "resume_on_payment_attempt", "resume_on_payment_success"
            ),
            "proration_behavior": PRORATION,
            "proration_date": forms.integer,
        },
    ),
    ApiRoute(
        "POST",
        "/v1/subscription_items",
        _create_item,
        {**subscription_items.NEW, **_ITEM_HOW, "subscription": forms.text},
        ("subscription",),
    ),
    ApiRoute(
        "GET",
        "/v1/subscription_items",
        _list_items,
        {**PAGING, "subscription": forms.text},
        ("subscription",),
    ),
    ApiRoute("GET", _ITEM_PATH, _item),
    ApiRoute("POST", _ITEM_PATH, _update_item, {**subscription_items.NEW, **_ITEM_HOW}),
    ApiRoute("DELETE", _ITEM_PATH, _delete_item, {**_ITEM_HOW, "clear_usage": forms.boolean}),
)

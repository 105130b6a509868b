"""Requests about subscription schedules: https://docs.stripe.com/api/subscription_schedules."""

from local.stripe import forms, nested
from local.stripe.billing import schedules, subscription_items
from local.stripe.billing.subscription_routes import PRORATION, word_or_moment
from local.stripe.core import ApiRoute, Call, Core
from local.stripe.lists import PAGING, equal_to, listing
from shared.ports import Json

TYPE = schedules.TYPE
PHASES_MAX = 10
_PHASE: forms.Spec = {
    "collection_method": forms.one_of("charge_automatically", "send_invoice"),
    "default_payment_method": forms.text,
    "description": forms.text,
    "duration": nested.nested(
        {
            "interval": forms.one_of("day", "month", "week", "year"),
            "interval_count": forms.positive,
        },
        ("interval",),
    ),
    "end_date": forms.integer,
    "items": nested.several(
        nested.nested(
            {name: subscription_items.NEW[name] for name in ("price", "price_data", "quantity")}
        ),
        subscription_items.ITEMS_MAX,
    ),
    "iterations": forms.positive,  # gone from the API, still sent by the Stripe CLI
    "metadata": forms.metadata,
    "proration_behavior": PRORATION,
    "start_date": word_or_moment("now"),
}
_WRITABLE: forms.Spec = {
    "end_behavior": forms.one_of("cancel", "release"),
    "metadata": forms.metadata,
    "phases": nested.several(nested.nested(_PHASE), PHASES_MAX),
}


def _create(core: Core, call: Call) -> Json:
    return schedules.create(core, call.params)


def _retrieve(core: Core, call: Call) -> Json:
    return core.find(TYPE, call.ids[0])


def _update(core: Core, call: Call) -> Json:
    schedule = schedules.find(core, call.ids[0])
    schedules.update(core, schedule, call.params)
    return schedule


def _release(core: Core, call: Call) -> Json:
    schedule = schedules.find(core, call.ids[0])
    schedules.release(core, schedule)
    return schedule


def _cancel(core: Core, call: Call) -> Json:
    schedule = schedules.find(core, call.ids[0])
    schedules.cancel(core, schedule, call.params)
    return schedule


def _list(core: Core, call: Call) -> Json:
    return listing(core, call, TYPE, equal_to(call.params, "customer"))


_PATH = "/v1/subscription_schedules"
ROUTES = (
    ApiRoute(
        "POST",
        _PATH,
        _create,
        {
            **_WRITABLE,
            "customer": forms.text,
            "from_subscription": forms.text,
            "start_date": word_or_moment("now"),
        },
    ),
    ApiRoute("GET", _PATH, _list, {**PAGING, "customer": forms.text}),
    ApiRoute("GET", f"{_PATH}/{{}}", _retrieve),
    ApiRoute("POST", f"{_PATH}/{{}}", _update, {**_WRITABLE, "proration_behavior": PRORATION}),
    ApiRoute("POST", f"{_PATH}/{{}}/release", _release, {"preserve_cancel_date": forms.boolean}),
    ApiRoute(
        "POST",
        f"{_PATH}/{{}}/cancel",
        _cancel,
        {"invoice_now": forms.boolean, "prorate": forms.boolean},
    ),
)

"""Shipping rates: https://docs.stripe.com/api/shipping_rates. There are no events about them."""

from local.stripe import forms, nested
from local.stripe.catalogue.amounts import TAX_BEHAVIORS
from local.stripe.core import ApiRoute, Call, Core, merged
from local.stripe.errors import ApiError, invalid, missing, missing_parameter
from local.stripe.lists import PAGING, listing
from shared.ports import Json

DISPLAY_NAME_CHARS_MAX = 100
UNITS = ("business_day", "day", "hour", "month", "week")

_BOUND = nested.nested({"unit": forms.one_of(*UNITS), "value": forms.positive}, ("unit", "value"))
_OPTION = nested.nested(
    {"amount": nested.not_negative, "tax_behavior": forms.one_of(*TAX_BEHAVIORS)}, ("amount",)
)
_AMOUNT = nested.nested(
    {
        "amount": nested.not_negative,
        "currency": forms.currency,
        "currency_options": nested.by_currency(_OPTION),
    },
    ("amount", "currency"),
)
CREATE: forms.Spec = {
    "delivery_estimate": nested.nested({"maximum": _BOUND, "minimum": _BOUND}),
    "display_name": nested.limited(DISPLAY_NAME_CHARS_MAX),
    "fixed_amount": _AMOUNT,
    "metadata": forms.metadata,
    "tax_behavior": forms.one_of(*TAX_BEHAVIORS),
    "tax_code": forms.text,
    "type": forms.one_of("fixed_amount"),
}
"""Also of `shipping_rate_data`."""


def create(core: Core, params: Json, within: str = "") -> Json:
    """A new shipping rate; `within` is the parameter that describes it, if one does."""
    given = params.get("fixed_amount")
    if given is None:
        raise missing_parameter(f"{within}[fixed_amount]" if within else "fixed_amount")
    own = {
        "amount": given["amount"],
        "tax_behavior": params.get("tax_behavior", "unspecified"),
    }
    options = {
        currency: {"tax_behavior": "unspecified"} | option
        for currency, option in (given.get("currency_options") or {}).items()
    }
    rate: Json = {
        "id": core.ids.new("shr"),
        "object": "shipping_rate",
        "active": True,
        "created": core.now(),
        "delivery_estimate": params.get("delivery_estimate"),
        "display_name": params.get("display_name"),
        "fixed_amount": {"amount": given["amount"], "currency": given["currency"]},
        "livemode": core.livemode,
        "metadata": merged({}, params.get("metadata", {})),
        "tax_behavior": own["tax_behavior"],
        "tax_code": params.get("tax_code"),
        "type": "fixed_amount",
    }
    beside = {"fixed_amount.currency_options": {given["currency"]: own} | options}
    return core.store.put(rate, beside)


def usable(core: Core, id: str, param: str) -> Json:
    """The shipping rate of that id, if it is active. Raises `ApiError`."""
    rate = core.store.get(id)
    if rate is None or rate["object"] != "shipping_rate":
        raise missing("shipping rate", id, param, status=400)
    if not rate["active"]:
        raise invalid(f"The shipping rate {id} is archived and cannot be used.", param)
    return rate


def amount_in(core: Core, rate: Json, currency: str, param: str) -> tuple[int, str]:
    """Amount in minor units and tax behavior of a shipping rate in a currency."""
    fixed = rate["fixed_amount"]
    if fixed["currency"] == currency:
        return int(fixed["amount"]), str(rate["tax_behavior"])
    options = core.store.beside(rate["id"]).get("fixed_amount.currency_options", {})
    option = options.get(currency)
    if option is None:
        text = f"The shipping rate {rate['id']} is in {fixed['currency']}, not in {currency}."
        raise ApiError(400, text, param=param)
    return int(option["amount"]), str(option["tax_behavior"])


def _create(core: Core, call: Call) -> Json:
    return create(core, call.params)


def _retrieve(core: Core, call: Call) -> Json:
    return core.find("shipping_rate", call.ids[0])


def _update(core: Core, call: Call) -> Json:
    rate = core.find("shipping_rate", call.ids[0])
    params = dict(call.params)
    if "metadata" in params:
        params["metadata"] = merged(rate.get("metadata") or {}, params["metadata"])
    core.change(rate, params)
    return rate


def _list(core: Core, call: Call) -> Json:
    active = call.params.get("active")
    return listing(
        core, call, "shipping_rate", lambda rate: active is None or rate["active"] == active
    )


ROUTES = (
    ApiRoute("POST", "/v1/shipping_rates", _create, CREATE, ("display_name",)),
    ApiRoute("GET", "/v1/shipping_rates", _list, {**PAGING, "active": forms.boolean}),
    ApiRoute("GET", "/v1/shipping_rates/{}", _retrieve),
    ApiRoute(
        "POST",
        "/v1/shipping_rates/{}",
        _update,
        {
            "active": forms.boolean,
            "metadata": forms.metadata,
            "tax_behavior": forms.one_of(*TAX_BEHAVIORS),
        },
    ),
)

"""Prices, made and changed: https://docs.stripe.com/api/prices. Requests: `price_routes`."""

from typing import Any

from local.stripe import forms, nested
from local.stripe.catalogue import amounts
from local.stripe.core import Core, merged
from local.stripe.errors import ApiError, invalid, missing_parameter
from local.stripe.store import ident
from shared.ports import Json

INTERVALS = ("day", "month", "week", "year")
USAGE_TYPES = ("licensed", "metered")
LOOKUP_KEY_CHARS_MAX = 200

_INTERVAL: forms.Spec = {
    "interval": forms.one_of(*INTERVALS),
    "interval_count": forms.positive,
}
INLINE: forms.Spec = {
    **amounts.AMOUNTS,
    "currency": forms.currency,
    "recurring": nested.nested(_INTERVAL, ("interval",)),
    "tax_behavior": forms.one_of(*amounts.TAX_BEHAVIORS),
}
"""Of `price_data` in line items."""
DEFAULT_PRICE_DATA: forms.Spec = {
    **INLINE,
    "currency_options": amounts.OPTIONS,
    "metadata": forms.metadata,
}
CREATE: forms.Spec = {
    **DEFAULT_PRICE_DATA,
    "active": forms.boolean,
    "billing_scheme": forms.one_of("per_unit", "tiered"),
    "lookup_key": nested.limited(LOOKUP_KEY_CHARS_MAX),
    "nickname": forms.text,
    "recurring": nested.nested(
        {
            **_INTERVAL,
            "meter": forms.text,
            "trial_period_days": forms.positive,
            "usage_type": forms.one_of(*USAGE_TYPES),
        },
        ("interval",),
    ),
    "tiers": amounts.TIERS,
    "tiers_mode": forms.one_of("graduated", "volume"),
    "transfer_lookup_key": forms.boolean,
    "transform_quantity": nested.nested(
        {"divide_by": forms.positive, "round": forms.one_of("down", "up")},
        ("divide_by", "round"),
    ),
}


def check(params: Json, within: str = "") -> None:
    """Refuse what no price can be; `within` is the parameter that holds it, if one does."""

    def full(name: str) -> str:
        return f"{within}[{name}]" if within else name

    given = amounts.pair(params, "unit_amount", within)["unit_amount_decimal"] is not None
    if params.get("billing_scheme") == "tiered":
        if given:
            text = "You cannot set an amount per unit when `billing_scheme` is `tiered`."
            raise invalid(text, full("unit_amount"))
        if params.get("transform_quantity") is not None:
            text = "You cannot set both `tiers` and `transform_quantity`."
            raise invalid(text, full("transform_quantity"))
        if params.get("tiers_mode") is None:
            raise missing_parameter(full("tiers_mode"))
        amounts.tiers(params, full("tiers"))
    elif params.get("tiers") or params.get("tiers_mode"):
        text = "`tiers` and `tiers_mode` need a `billing_scheme` of `tiered`."
        raise invalid(text, full("tiers"))
    elif not given:
        text = "Prices require an `unit_amount` or `unit_amount_decimal` parameter to be set."
        raise ApiError(400, text, code="parameter_missing", param=full("unit_amount"))
    for currency, option in (params.get("currency_options") or {}).items():
        if currency == params.get("currency"):
            raise invalid(
                "You are specifying a currency option that matches the top-level currency for "
                "this price. Please remove this currency option and it will be added "
                "automatically on creation.",
                f"{full('currency_options')}[{currency}]",
            )
        amounts.option(option, f"{full('currency_options')}[{currency}]")


def built(core: Core, params: Json, product: str, within: str = "") -> tuple[Json, Json]:
    """A new price of a product, not kept yet, and what is shown of it only when expanded.

    `params` have passed `check`.
    """
    price: Json = {
        "id": core.ids.new("price"),
        "object": "price",
        "active": params.get("active", True),
        "billing_scheme": params.get("billing_scheme", "per_unit"),
        "created": core.now(),
        "currency": params["currency"],
        "custom_unit_amount": None,
        "livemode": core.livemode,
        "lookup_key": params.get("lookup_key"),
        "metadata": merged({}, params.get("metadata", {})),
        "nickname": params.get("nickname"),
        "product": product,
        "recurring": _recurring(params.get("recurring")),
        "tax_behavior": params.get("tax_behavior", "unspecified"),
        "tiers_mode": params.get("tiers_mode"),
        "transform_quantity": params.get("transform_quantity"),
        "type": "one_time" if params.get("recurring") is None else "recurring",
        **amounts.pair(params, "unit_amount", within),
    }
    own = {
        name: price[name]
        for name in ("custom_unit_amount", "tax_behavior", "unit_amount", "unit_amount_decimal")
    }
    beside: Json = {}
    if price["billing_scheme"] == "tiered":
        beside["tiers"] = amounts.tiers(params, "tiers")
        own["tiers"] = beside["tiers"]
    beside["currency_options"] = {price["currency"]: own} | options(params)
    return price, beside


def options(params: Json) -> dict[str, Any]:
    """The currency options of a request, as they are shown."""
    return {
        currency: amounts.option(given, f"currency_options[{currency}]")
        for currency, given in (params.get("currency_options") or {}).items()
    }


def _recurring(given: Json | None) -> Json | None:
    if given is None:
        return None
    usual: Json = {
        "interval_count": 1,
        "meter": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }
    return usual | given


def announce(core: Core, price: Json, beside: Json) -> None:
    """Keep a new price and tell of it."""
    core.store.put(price, beside)
    core.events.emit("price.created", price)


def claim_lookup_key(core: Core, key: str | None, *, transfer: bool) -> None:
    """Make a lookup key free, or refuse: two active prices cannot have the same."""
    for other in core.store.newest_first("price") if key is not None else ():
        if other.get("lookup_key") != key or not other.get("active"):
            continue
        if not transfer:
            text = f"A price (`{other['id']}`) already uses that lookup key."
            raise invalid(text, "lookup_key", "resource_already_exists")
        core.change(other, {"lookup_key": None}, "price.updated")


def update(core: Core, price: Json, params: Json) -> None:
    """The update request: amounts in the price's own currency never change."""
    changes = dict(params)
    transfer = changes.pop("transfer_lookup_key", False)
    given = changes.pop("currency_options", None)
    if changes.get("active") is False and price["active"]:
        _refuse_default(core, price)
    behavior = changes.get("tax_behavior", price["tax_behavior"])
    if price["tax_behavior"] not in ("unspecified", behavior):
        text = "The tax behavior of a price cannot be changed once it is set."
        raise invalid(text, "tax_behavior")
    for currency in given or {}:
        if currency == price["currency"]:
            raise invalid(
                "You are specifying an update to a currency option that matches the top-level "
                "currency for this price. Please remove this currency option and update the "
                "top-level params instead.",
                f"currency_options[{currency}]",
            )
    added = options(params)
    if "lookup_key" in changes and changes["lookup_key"] != price.get("lookup_key"):
        claim_lookup_key(core, changes["lookup_key"], transfer=transfer)
    if "metadata" in changes:
        changes["metadata"] = merged(price.get("metadata") or {}, changes["metadata"])
    _change(core, price, changes, added)


def _change(core: Core, price: Json, changes: Json, added: dict[str, Any]) -> None:
    held: Json = core.store.beside(price["id"]).setdefault("currency_options", {})
    previous = {name: held.get(name) for name, value in added.items() if held.get(name) != value}
    held.update(added)
    if not previous:
        core.change(price, changes, "price.updated")
        return
    before = {name: price.get(name) for name in changes if price.get(name) != changes[name]}
    core.change(price, changes)
    core.events.emit("price.updated", price, before | {"currency_options": previous})


def _refuse_default(core: Core, price: Json) -> None:
    product = core.store.get(price["product"]) or {}
    if ident(product.get("default_price")) == price["id"]:
        text = "This price cannot be archived because it is the default price of its product."
        raise invalid(text, "active")


def delete(core: Core, price: Json) -> None:
    """Delete a price, as the Dashboard can. Raises `ValueError` for a default price."""
    product = core.store.get(price["product"]) or {}
    if ident(product.get("default_price")) == price["id"]:
        raise ValueError(f"price {price['id']} is the default price of {price['product']}")
    core.store.remove(price["id"])
    core.events.emit("price.deleted", price)

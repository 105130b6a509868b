"""Items of a subscription: https://docs.stripe.com/api/subscription_items."""

from collections.abc import Sequence
from typing import Any

from local.stripe import forms, nested
from local.stripe.billing import discounts, pricing
from local.stripe.catalogue import tax_rates
from local.stripe.core import Core, merged
from local.stripe.errors import ApiError, invalid, missing, missing_parameter
from shared.ports import Json

ITEMS_MAX = 20
RATES_MAX = 5
NEW: forms.Spec = {
    "discounts": discounts.SPEC,
    "metadata": forms.metadata,
    "price": forms.text,
    "price_data": nested.nested(pricing.PRICE_DATA, ("currency", "product", "recurring")),
    "quantity": nested.not_negative,
    "tax_rates": nested.several(forms.text, RATES_MAX),
}
CHANGE: forms.Spec = {
    **NEW,
    "clear_usage": forms.boolean,
    "deleted": forms.boolean,
    "id": forms.text,
}


def new(core: Core, subscription: str, given: Json, param: str, period: tuple[int, int]) -> Json:
    """A new item, not kept yet. Raises `ApiError`."""
    if given.get("price") is None and given.get("price_data") is None:
        raise missing_parameter(f"{param}[price]")
    price = pricing.usable(core, given, param, "recurring")
    item: Json = {
        "id": core.ids.new("si"),
        "object": "subscription_item",
        "billed_until": None,
        "billing_thresholds": None,
        "created": core.now(),
        "current_period_end": period[1],
        "current_period_start": period[0],
        "current_trial": None,
        "discounts": [],
        "metadata": {},
        "plan": plan_of(price),
        "price": price,
        "quantity": 1,
        "subscription": subscription,
        "tax_rates": [],
    }
    return _written(core, item, given, param)


def _written(core: Core, item: Json, given: Json, param: str) -> Json:
    """A copy of an item with what a request names."""
    changed = dict(item)
    if given.get("price") is not None or given.get("price_data") is not None:
        price = pricing.usable(core, given, param, "recurring")
        changed |= {"plan": plan_of(price), "price": price}
    if "quantity" in given:
        changed["quantity"] = given["quantity"]
    if "metadata" in given:
        changed["metadata"] = merged(item["metadata"], given["metadata"])
    if "tax_rates" in given:
        rates = given["tax_rates"]
        changed["tax_rates"] = tax_rates.of_ids(core, rates, f"{param}[tax_rates]")
    if "discounts" in given:
        changed["discounts"] = discounts.made(
            core,
            given["discounts"],
            f"{param}[discounts]",
            customer=None,
            subscription=item["subscription"],
            subscription_item=item["id"],
        )
    return changed


def changed(
    core: Core,
    subscription: str,
    held: Sequence[Json],
    given: Sequence[Json],
    period: tuple[int, int],
) -> list[Json]:
    """The items after an update: named ones change or go, the others stay, new ones come.

    Raises `ApiError`; then products and prices described before the fault stay.
    """
    after: dict[str, Json] = {item["id"]: item for item in held}
    for index, each in enumerate(given):
        param, id = f"items[{index}]", each.get("id")
        if id is None:
            item = new(core, subscription, each, param, period)
            after[item["id"]] = item
        elif id not in after:
            raise missing("subscription item", id, f"{param}[id]", status=400)
        elif each.get("deleted"):
            del after[id]
        else:
            after[id] = _written(core, after[id], each, param)
    items = list(after.values())
    check(items)
    return items


def check(items: Sequence[Json]) -> None:
    """Refuse what cannot be one subscription of this peer."""
    if not items:
        raise ApiError(400, "A subscription must have at least one active item.", param="items")
    first = items[0]["price"]["recurring"]
    for item in items:
        recurring = item["price"]["recurring"]
        if any(recurring[name] != first[name] for name in ("interval", "interval_count")):
            text = "The local Stripe peer bills all items of a subscription by one interval."
            raise invalid(text, "items")
    prices = [item["price"]["id"] for item in items]
    for id in prices:
        if prices.count(id) > 1:
            text = f"Cannot add multiple subscription items with the same price: {id}"
            raise invalid(text, "items")


def plan_of(price: Json) -> Json:
    """A price as the older plan that items still show."""
    recurring: dict[str, Any] = price["recurring"]
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": price["billing_scheme"],
        "created": price["created"],
        "currency": price["currency"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "livemode": price["livemode"],
        "metadata": dict(price["metadata"]),
        "meter": None,
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": price["tiers_mode"],
        "transform_usage": price["transform_quantity"],
        "trial_period_days": None,
        "usage_type": recurring["usage_type"],
    }

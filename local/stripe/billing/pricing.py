"""Prices as invoices and subscriptions use them."""

from local.stripe import forms, nested
from local.stripe.catalogue import amounts, price_routes
from local.stripe.core import Core
from local.stripe.errors import ApiError, invalid, missing
from shared.ports import Json

PRICE_DATA: forms.Spec = {
    **amounts.AMOUNTS,
    "currency": forms.currency,
    "product": forms.text,
    "recurring": nested.nested(
        {
            "interval": forms.one_of("day", "month", "week", "year"),
            "interval_count": forms.positive,
        },
        ("interval",),
    ),
    "tax_behavior": forms.one_of(*amounts.TAX_BEHAVIORS),
}


def usable(core: Core, given: Json, param: str, type: str) -> Json:
    """The price that `price` names or `price_data` describes; of that type. Raises `ApiError`."""
    nested.only_one(given, "price", "price_data")
    data, id = given.get("price_data"), given.get("price")
    if data is not None:
        return _of_type(
            price_routes.of(
                core, {"active": False} | data, active=False, within=f"{param}[price_data]"
            ),
            type,
            f"{param}[price_data]",
        )
    price = core.store.get(id or "") or {}
    if price.get("object") != "price":
        raise missing("price", str(id), f"{param}[price]", status=400)
    if not price["active"]:
        text = "The price specified is inactive. This field only accepts active prices."
        raise invalid(text, f"{param}[price]")
    return _of_type(price, type, f"{param}[price]")


def _of_type(price: Json, type: str, param: str) -> Json:
    if price["type"] != type:
        raise invalid(
            f"The price specified is set to `type={price['type']}` but this field only accepts "
            f"prices with `type={type}`.",
            param,
        )
    if (price.get("recurring") or {}).get("usage_type") == "metered":
        raise invalid("The local Stripe peer does not bill metered prices.", param)
    return price


def in_currency(core: Core, price: Json, currency: str, param: str) -> Json:
    """What the price is in a currency: its amounts and its tax behavior. Raises `ApiError`."""
    if price["currency"] == currency:
        return price
    options: Json = core.store.beside(price["id"]).get("currency_options", {})
    if currency not in options:
        text = (
            f"The price specified only supports `{price['currency']}`. This doesn't match the "
            f"expected currency: `{currency}`."
        )
        raise invalid(text, param)
    return {**price, **options[currency]}


def amount_minor(core: Core, price: Json, currency: str, quantity: int) -> int:
    """What a quantity of the price costs."""
    option = in_currency(core, price, currency, "price")
    tiers = option.get("tiers") or core.store.beside(price["id"]).get("tiers", [])
    return amounts.subtotal_minor(option, tiers, quantity)


def shown(core: Core, price: Json, currency: str) -> Json:
    """The `pricing` of a line or an invoice item."""
    option = in_currency(core, price, currency, "price")
    return {
        "price_details": {"price": price["id"], "product": price["product"]},
        "type": "price_details",
        "unit_amount_decimal": option["unit_amount_decimal"],
    }


def name_of(core: Core, price: Json) -> str:
    """The name of what is sold."""
    product = core.store.get(price["product"]) or {}
    return str(product.get("name") or price["product"])


def same_currency(customer: Json, currency: str) -> None:
    """Refuse a customer who is billed in another currency already."""
    other = customer.get("currency")
    if other is not None and other != currency:
        raise ApiError(
            400,
            "You cannot combine currencies on a single customer. This customer has an active "
            f"subscription, subscription schedule, discount, quote, or invoice item with currency "
            f"{other}.",
        )


def set_currency(core: Core, customer: Json, currency: str) -> None:
    """The first thing billed fixes the currency of a customer."""
    same_currency(customer, currency)
    if customer.get("currency", "") is None:
        core.change(customer, {"currency": currency}, "customer.updated")

"""Requests about prices: https://docs.stripe.com/api/prices."""

from local.stripe import forms, nested
from local.stripe.catalogue import amounts, prices, products
from local.stripe.core import ApiRoute, Call, Core
from local.stripe.errors import ApiError, missing
from local.stripe.lists import PAGING, equal_to, listing
from shared.ports import Json

LOOKUP_KEYS_MAX = 10


def of(core: Core, params: Json, *, active: bool, within: str = "") -> Json:
    """The price that parameters describe, with the product they name or describe; both announced.

    `active`: whether a product that is described is for sale. Raises `ApiError`.
    """
    nested.only_one(params, "product", "product_data")
    prices.check(params, within)
    data = params.get("product_data")
    if data is None:
        product = params.get("product")
        if product is None:
            text = "You must specify either `product` or `product_data` when creating a price."
            raise ApiError(400, text, code="parameter_missing")
        found = core.store.get(product)
        if found is None or found["object"] != "product":
            param = f"{within}[product]" if within else "product"
            raise missing("product", product, param, status=400)
    else:
        product = products.create(core, {"active": active} | data)["id"]
    price, beside = prices.built(core, params, product, within)
    prices.announce(core, price, beside)
    return price


def _create(core: Core, call: Call) -> Json:
    params = call.params
    prices.check(params)
    prices.claim_lookup_key(
        core, params.get("lookup_key"), transfer=params.get("transfer_lookup_key", False)
    )
    return of(core, params, active=True)


def _retrieve(core: Core, call: Call) -> Json:
    return core.find("price", call.ids[0])


def _update(core: Core, call: Call) -> Json:
    price = core.find("price", call.ids[0])
    prices.update(core, price, call.params)
    return price


def _list(core: Core, call: Call) -> Json:
    same = equal_to(call.params, "active", "currency", "product", "type")
    keys = call.params.get("lookup_keys")
    recurring = (call.params.get("recurring") or {}).items()

    def keep(price: Json) -> bool:
        parts = price.get("recurring") or {}
        return (
            same(price)
            and (keys is None or price.get("lookup_key") in keys)
            and all(parts.get(name) == value for name, value in recurring)
        )

    return listing(core, call, "price", keep)


_LIST: forms.Spec = {
    **PAGING,
    "active": forms.boolean,
    "currency": forms.currency,
    "lookup_keys": nested.several(forms.text, LOOKUP_KEYS_MAX),
    "product": forms.text,
    "recurring": nested.nested(
        {
            "interval": forms.one_of(*prices.INTERVALS),
            "meter": forms.text,
            "usage_type": forms.one_of(*prices.USAGE_TYPES),
        }
    ),
    "type": forms.one_of("one_time", "recurring"),
}
_UPDATE: forms.Spec = {
    "active": forms.boolean,
    "currency_options": amounts.OPTIONS,
    "lookup_key": nested.limited(prices.LOOKUP_KEY_CHARS_MAX),
    "metadata": forms.metadata,
    "nickname": forms.text,
    "tax_behavior": forms.one_of(*amounts.TAX_BEHAVIORS),
    "transfer_lookup_key": forms.boolean,
}
_CREATE: forms.Spec = {
    **prices.CREATE,
    "product": forms.text,
    "product_data": nested.nested(products.DATA_OF_PRICE, ("name",)),
}
ROUTES = (
    ApiRoute("POST", "/v1/prices", _create, _CREATE, ("currency",)),
    ApiRoute("GET", "/v1/prices", _list, _LIST),
    ApiRoute("GET", "/v1/prices/{}", _retrieve),
    ApiRoute("POST", "/v1/prices/{}", _update, _UPDATE),
)

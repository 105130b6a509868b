"""Products: https://docs.stripe.com/api/products."""

from local.stripe import forms, nested
from local.stripe.catalogue import prices
from local.stripe.core import ApiRoute, Call, Core, merged
from local.stripe.errors import ApiError, invalid
from local.stripe.lists import PAGING, equal_to, listing
from shared.ports import Json

ID_CHARS_MAX = 255
NAME_CHARS_MAX = 5_000
IMAGES_MAX = 8
FEATURES_MAX = 15
DESCRIPTOR_CHARS_MAX = 22
UNIT_LABEL_CHARS_MAX = 12
LISTED_IDS_MAX = 100

_SIZES = ("height", "length", "weight", "width")
_TAX_DETAILS = nested.nested({"performance_location": forms.text, "tax_code": forms.text})
_DATA: forms.Spec = {
    "active": forms.boolean,
    "metadata": forms.metadata,
    "name": nested.limited(NAME_CHARS_MAX),
    "statement_descriptor": nested.limited(DESCRIPTOR_CHARS_MAX),
    "tax_code": forms.text,
    "tax_details": _TAX_DETAILS,
    "unit_label": nested.limited(UNIT_LABEL_CHARS_MAX),
}
_WRITABLE: forms.Spec = {
    **_DATA,
    "description": forms.text,
    "images": nested.several(forms.text, IMAGES_MAX),
    "marketing_features": nested.several(nested.nested({"name": forms.text}), FEATURES_MAX),
    "package_dimensions": nested.nested(dict.fromkeys(_SIZES, nested.decimal), _SIZES),
    "shippable": forms.boolean,
    "url": forms.text,
}
_CREATE: forms.Spec = {
    **_WRITABLE,
    "default_price_data": nested.nested(prices.DEFAULT_PRICE_DATA, ("currency",)),
    "id": nested.limited(ID_CHARS_MAX),
    "type": forms.one_of("good", "service"),
}
DATA_OF_PRICE: forms.Spec = {**_DATA, "id": nested.limited(ID_CHARS_MAX)}
"""`product_data` of prices."""
DATA_OF_LINE: forms.Spec = {
    **{name: reader for name, reader in _DATA.items() if name != "active"},
    "description": forms.text,
    "images": nested.several(forms.text, IMAGES_MAX),
}
"""`product_data` of `price_data`, in line items."""


def create(core: Core, params: Json) -> Json:
    """A new product, announced. Raises `ApiError` where its id is taken."""
    id = params.get("id")
    if id is not None and core.store.get(id) is not None:
        raise ApiError(400, "Product already exists.", code="resource_already_exists", param="id")
    now = core.now()
    product: Json = {
        "id": id or core.ids.new("prod"),
        "object": "product",
        "active": True,
        "created": now,
        "default_price": None,
        "description": None,
        "images": [],
        "livemode": core.livemode,
        "marketing_features": [],
        "metadata": {},
        "name": None,
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "tax_details": None,
        "type": "service",
        "unit_label": None,
        "updated": now,
        "url": None,
    }
    product |= {name: value for name, value in params.items() if name in (*_WRITABLE, "type")}
    product["metadata"] = merged({}, params.get("metadata", {}))
    product["tax_code"] = (product["tax_details"] or {}).get("tax_code") or product["tax_code"]
    core.store.put(product)
    data = params.get("default_price_data")
    if data is None:
        core.events.emit("product.created", product)
        return product
    price, beside = prices.built(core, data, product["id"], "default_price_data")
    product["default_price"] = price["id"]
    core.events.emit("product.created", product)
    prices.announce(core, price, beside)
    return product


def _create(core: Core, call: Call) -> Json:
    data = call.params.get("default_price_data")
    if data is not None:
        prices.check(data, "default_price_data")
    return create(core, call.params)


def _retrieve(core: Core, call: Call) -> Json:
    return core.find("product", call.ids[0])


def _update(core: Core, call: Call) -> Json:
    product = core.find("product", call.ids[0])
    params = dict(call.params)
    if "name" in params and params["name"] is None:
        text = "You passed an empty string for 'name'. It is required."
        raise invalid(text, "name", "parameter_invalid_empty")
    if "default_price" in params:
        price = core.given("price", params, "default_price")
        if price is not None and price["product"] != product["id"]:
            text = f"The price {price['id']} belongs to another product than {product['id']}."
            raise invalid(text, "default_price")
    if "metadata" in params:
        params["metadata"] = merged(product.get("metadata") or {}, params["metadata"])
    if any(product.get(name) != value for name, value in params.items()):
        params["updated"] = core.now()
    core.change(product, params, "product.updated")
    return product


def _delete(core: Core, call: Call) -> Json:
    product = core.find("product", call.ids[0])
    if next(core.store.newest_first("price", product["id"]), None) is not None:
        text = "This product cannot be deleted because it has one or more user-created prices."
        raise ApiError(400, text)
    core.store.remove(product["id"])
    core.events.emit("product.deleted", product)
    return {"id": product["id"], "object": "product", "deleted": True}


def _list(core: Core, call: Call) -> Json:
    same = equal_to(call.params, "active", "shippable", "type", "url")
    ids = call.params.get("ids")
    return listing(
        core, call, "product", lambda found: same(found) and (ids is None or found["id"] in ids)
    )


ROUTES = (
    ApiRoute("POST", "/v1/products", _create, _CREATE, ("name",)),
    ApiRoute(
        "GET",
        "/v1/products",
        _list,
        {
            **PAGING,
            "active": forms.boolean,
            "ids": nested.several(forms.text, LISTED_IDS_MAX),
            "shippable": forms.boolean,
            "type": forms.one_of("good", "service"),
            "url": forms.text,
        },
    ),
    ApiRoute("GET", "/v1/products/{}", _retrieve),
    ApiRoute("POST", "/v1/products/{}", _update, {**_WRITABLE, "default_price": forms.text}),
    ApiRoute("DELETE", "/v1/products/{}", _delete),
)

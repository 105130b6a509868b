"""Line items of a Checkout Session: https://docs.stripe.com/api/checkout/sessions/line_items."""

from dataclasses import dataclass
from typing import Any

from local.stripe.catalogue import coupons, price_routes, tax_rates
from local.stripe.catalogue.amounts import subtotal_minor
from local.stripe.core import Core
from local.stripe.errors import ApiError, invalid, missing, missing_parameter
from local.stripe.expand import lines_of
from local.stripe.line_amounts import Amounts, Rate, amounts, discounts
from shared.ports import Json

EXEMPT = ("exempt", "reverse")  # values of a customer's `tax_exempt` that mean: no tax


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for all lines of a session.

    `automatic`: taxes are counted by Stripe Tax, at the rate of the account's settings.
    `exempt`: the customer's `tax_exempt`.
    """

    currency: str
    automatic: bool
    exempt: str


@dataclass(frozen=True, slots=True)
class _Line:
    price: Json
    quantity: int
    subtotal_minor: int
    rates: tuple[Json, ...]
    metadata: Json
    adjustable: Json | None


def build(core: Core, session: Json, params: Json, terms: Terms) -> None:
    """Make and keep the line items that the request names, with all their amounts.

    Raises `ApiError`; then products and prices described before the fault stay, as in Stripe.
    """
    lines = [
        _line(core, given, terms, f"line_items[{index}]")
        for index, given in enumerate(params.get("line_items") or [])
    ]
    if not lines:
        raise missing_parameter("line_items")
    coupon = _coupon(core, params)
    off = _discounts(core, coupon, lines, terms)
    discount = None
    if coupon is not None:
        customer = params.get("customer")
        discount = coupons.discount(core, coupon, customer=customer, checkout_session=session["id"])
    ids = []
    for line, off_minor in zip(lines, off, strict=True):
        counted = amounts(line.subtotal_minor, off_minor, [_rate(rate) for rate in line.rates])
        item = _item(core, line, counted, terms)
        beside = {
            "discounts": [{"amount": off_minor, "discount": discount}] if discount else [],
            "taxes": taxes_shown(counted, line.rates, automatic=terms.automatic),
        }
        core.store.put(item, beside)
        ids.append(item["id"])
    core.store.beside(session["id"])["lines"] = ids


def _line(core: Core, given: Json, terms: Terms, param: str) -> _Line:
    price = _price(core, given, param)
    if price["type"] == "recurring":
        text = (
            "You specified `payment` mode but passed a recurring price. Either switch to "
            "`subscription` mode or use only one-time prices."
        )
        raise invalid(text, f"{param}[price]")
    beside = core.store.beside(price["id"])
    option: Json | None = price
    if price["currency"] != terms.currency:
        option = beside.get("currency_options", {}).get(terms.currency)
    if option is None:
        text = (
            f"The price specified only supports `{price['currency']}`. This doesn't match the "
            f"expected currency: `{terms.currency}`."
        )
        raise invalid(text, param)
    quantity = given.get("quantity")
    if quantity is None:
        text = f"Quantity is required. Add `quantity` to `{param}`"
        raise ApiError(400, text, code="parameter_missing", param=f"{param}[quantity]")
    tiers = option["tiers"] if "tiers" in option else beside.get("tiers", [])
    behavior = str(option.get("tax_behavior") or "unspecified")
    return _Line(
        price=price,
        quantity=quantity,
        subtotal_minor=subtotal_minor({**price, **option}, tiers, quantity),
        rates=_rates(core, given, terms, behavior, param),
        metadata=given.get("metadata", {}),
        adjustable=given.get("adjustable_quantity"),
    )


def _price(core: Core, given: Json, param: str) -> Json:
    id, data = given.get("price"), given.get("price_data")
    if (id is None) == (data is None):
        text = (
            "You must provide either price or price_data for each line item when using prices."
            if id is None
            else "You may only specify one of these parameters: price, price_data."
        )
        raise invalid(text, param)
    if data is not None:
        described = {"active": False} | data  # for this session alone
        return price_routes.of(core, described, active=False, within=f"{param}[price_data]")
    price = core.store.get(id or "") or {}
    if price.get("object") != "price":
        raise missing("price", str(id), f"{param}[price]", status=400)
    if not price["active"]:
        text = "The price specified is inactive. This field only accepts active prices."
        raise invalid(text, f"{param}[price]")
    product = core.store.get(price["product"]) or {}
    if not product.get("active", True):
        text = f"Price `{id}` is not available to be purchased because its product is not active."
        raise invalid(text, f"{param}[price]")
    return price


def _rates(core: Core, given: Json, terms: Terms, behavior: str, param: str) -> tuple[Json, ...]:
    ids = given.get("tax_rates") or []
    if ids and terms.automatic:
        text = "You cannot use `tax_rates` when `automatic_tax` is enabled."
        raise invalid(text, f"{param}[tax_rates]")
    if terms.exempt in EXEMPT:
        return ()
    if terms.automatic:
        return tax_rates.automatic_rates(core, behavior)
    return tuple(tax_rates.of_ids(core, ids, f"{param}[tax_rates]"))


def _rate(rate: Json) -> Rate:
    return Rate(rate["id"], rate["percentage"], rate["inclusive"])


def counted(amount_minor: int, rates: tuple[Json, ...]) -> Amounts:
    """An amount without discount, with its taxes: the shipping."""
    return amounts(amount_minor, 0, [_rate(rate) for rate in rates])


def _coupon(core: Core, params: Json) -> Json | None:
    given = params.get("discounts") or []
    if not given:
        return None
    return coupons.redeemable(core, given[0]["coupon"], "discounts[0][coupon]")


def _discounts(core: Core, coupon: Json | None, lines: list[_Line], terms: Terms) -> list[int]:
    if coupon is None:
        return [0] * len(lines)
    only = core.store.beside(coupon["id"]).get("applies_to", {}).get("products")
    discountable = [only is None or line.price["product"] in only for line in lines]
    if not any(discountable):
        text = "This coupon cannot be redeemed because it does not apply to anything in this order."
        raise invalid(text, "discounts[0][coupon]")
    return discounts(
        [line.subtotal_minor for line in lines],
        discountable,
        percent_off=coupon.get("percent_off"),
        amount_off_minor=coupons.amount_off_minor(core, coupon, terms.currency),
    )


def _item(core: Core, line: _Line, counted: Amounts, terms: Terms) -> Json:
    product = core.store.get(line.price["product"]) or {}
    return {
        "id": core.ids.new("li"),
        "object": "item",
        "adjustable_quantity": line.adjustable,
        "amount_discount": counted.discount_minor,
        "amount_subtotal": counted.subtotal_minor,
        "amount_tax": counted.tax_minor,
        "amount_total": counted.total_minor,
        "currency": terms.currency,
        "description": product.get("name"),
        "metadata": line.metadata,
        "price": line.price,
        "quantity": line.quantity,
    }


def taxes_shown(
    counted: Amounts, rates: tuple[Json, ...], *, automatic: bool
) -> list[dict[str, Any]]:
    """Taxes with their whole rates, as the API shows them."""
    by_id = {rate["id"]: rate for rate in rates}
    return [
        {
            "amount": tax.amount_minor,
            "rate": by_id[tax.rate],
            "taxability_reason": "standard_rated" if automatic else None,
            "taxable_amount": tax.taxable_minor,
        }
        for tax in counted.taxes
    ]


def sums(core: Core, session: str) -> dict[str, int]:
    """The amounts of all line items of a session, added up."""
    items = lines_of(core.store, session)
    names = ("amount_discount", "amount_subtotal", "amount_tax", "amount_total")
    return {name: sum(item[name] for item in items) for name in names}


def breakdown(core: Core, session: str, shipping: list[dict[str, Any]]) -> Json:
    """Discounts and taxes of a session by discount and by rate."""
    off: dict[str, Json] = {}
    taxes: dict[str, Json] = {}
    for item in lines_of(core.store, session):
        beside = core.store.beside(item["id"])
        for found in beside["discounts"]:
            entry = off.setdefault(found["discount"]["id"], found | {"amount": 0})
            entry["amount"] += found["amount"]
        for found in beside["taxes"]:
            _add(taxes, found)
    for found in shipping:
        _add(taxes, found)
    return {"discounts": list(off.values()), "taxes": list(taxes.values())}


def _add(taxes: dict[str, Json], found: Json) -> None:
    entry = taxes.setdefault(found["rate"]["id"], found | {"amount": 0, "taxable_amount": 0})
    entry["amount"] += found["amount"]
    entry["taxable_amount"] += found["taxable_amount"]

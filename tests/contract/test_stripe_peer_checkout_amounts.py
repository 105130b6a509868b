"""What Checkout Sessions of the Stripe peer come to: lines, discounts, taxes, shipping."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.stripe import PeerSettings
from local.stripe.line_amounts import Rate, amounts, discounts, spread
from tests.contract.test_stripe_peer_rig import Json, World, in_world

URL = "https://example.com/done"
MINOR = st.integers(0, 99_999_999_999)
PERCENT = st.decimals(0, 100, places=4)
RATES = st.lists(st.builds(Rate, st.just("txr"), PERCENT, st.booleans()), max_size=5)


def line(amount: object, quantity: int = 1, currency: str = "usd", **more: Any) -> Json:
    name = "unit_amount" if isinstance(amount, int) else "unit_amount_decimal"
    data = {"currency": currency, name: amount, "product_data": {"name": "Mug"}}
    return {"price_data": data, "quantity": quantity, **more}


def session(world: World, *lines: Json, **params: Any) -> Json:
    return world.post(
        "checkout/sessions", mode="payment", success_url=URL, line_items=list(lines), **params
    )


def rate(world: World, percentage: object, *, inclusive: bool = False) -> str:
    made = world.post("tax_rates", display_name="VAT", percentage=percentage, inclusive=inclusive)
    return str(made["id"])


def items(world: World, made: Json, *expand: str) -> list[Json]:
    path = f"checkout/sessions/{made['id']}/line_items"
    found: list[Json] = world.get(path, limit=100, expand=list(expand))["data"]
    return found


# --- laws -----------------------------------------------------------------------------------


@given(MINOR, st.lists(MINOR, min_size=1, max_size=20))
def test_what_is_spread_adds_up_and_is_near_its_share(total: int, weights: list[int]) -> None:
    parts = spread(total, weights)
    assert sum(parts) == total
    whole = sum(weights)
    if whole:
        assert all(
            abs(part * whole - total * weight) < whole
            for part, weight in zip(parts, weights, strict=True)
        )


def test_nothing_cannot_be_spread_over() -> None:
    with pytest.raises(ValueError, match="nothing to spread 5 over"):
        spread(5, [])


@given(st.lists(st.tuples(MINOR, st.booleans()), min_size=1, max_size=20), MINOR, PERCENT)
def test_a_discount_takes_at_most_each_line(
    lines: list[tuple[int, bool]], amount_off: int, percent_off: Decimal
) -> None:
    subtotals, discountable = [each[0] for each in lines], [each[1] for each in lines]
    most = sum(amount for amount, may in lines if may)
    fixed = discounts(subtotals, discountable, percent_off=None, amount_off_minor=amount_off)
    share = discounts(subtotals, discountable, percent_off=percent_off, amount_off_minor=None)
    assert sum(fixed) == min(amount_off, most)
    assert abs(sum(share) - most * percent_off / 100) <= Decimal("0.5")
    for parts in (fixed, share):
        for off, (subtotal, may) in zip(parts, lines, strict=True):
            assert 0 <= off <= (subtotal if may else 0)


@given(MINOR, RATES)
def test_taxes_add_up_to_the_total(subtotal: int, rates: list[Rate]) -> None:
    counted = amounts(subtotal, 0, rates)
    assert counted.tax_minor == sum(tax.amount_minor for tax in counted.taxes)
    on_top = [each for each in rates if not each.inclusive]
    added = sum(tax.amount_minor for tax in counted.taxes[len(rates) - len(on_top) :])
    assert counted.total_minor == subtotal + added
    assert all(0 <= tax.taxable_minor <= subtotal for tax in counted.taxes)


# --- tables ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "percentages", "inclusive", "taxes", "expected"),
    [
        (1_000, ["20"], False, [200], (1_200, 1_000)),
        (1_000, ["20"], True, [167], (1_000, 833)),
        (1_190, ["19"], True, [190], (1_190, 1_000)),
        (484, ["15"], False, [73], (557, 484)),  # 72.6
        (50, ["1"], False, [1], (51, 50)),  # half a cent is rounded up
        (49, ["1"], False, [0], (49, 49)),
        (1_000, ["5", "9.975"], False, [50, 100], (1_150, 1_000)),  # 99.75
        (1_000, ["5", "9.975"], True, [43, 87], (1_000, 870)),
        (0, ["19"], True, [0], (0, 0)),
        (999, ["0"], True, [0], (999, 999)),
    ],
)
def test_taxes_of_a_line(
    base: int, percentages: list[str], inclusive: bool, taxes: list[int], expected: tuple[int, int]
) -> None:
    total, taxable = expected
    counted = amounts(base, 0, [Rate(each, Decimal(each), inclusive) for each in percentages])
    assert [each.amount_minor for each in counted.taxes] == taxes
    assert counted.total_minor == total
    assert [each.taxable_minor for each in counted.taxes] == [taxable] * len(taxes)


def test_exclusive_rates_are_counted_without_the_inclusive_ones() -> None:
    rates = [Rate("on top", Decimal(10), False), Rate("inside", Decimal(20), True)]
    counted = amounts(1_300, 100, rates)
    assert [(each.rate, each.amount_minor) for each in counted.taxes] == [
        ("inside", 200),
        ("on top", 100),
    ]
    assert (counted.tax_minor, counted.total_minor) == (300, 1_300)


# --- sessions -------------------------------------------------------------------------------


def test_fractions_of_a_minor_unit_are_rounded_at_the_line() -> None:
    async def scenario(world: World) -> None:
        made = session(world, line("12.5", 3), line("0.335", 200), line(100))
        assert [item["amount_subtotal"] for item in items(world, made)] == [38, 67, 100]
        assert (made["amount_subtotal"], made["amount_total"]) == (205, 205)
        assert made["total_details"] == {
            "amount_discount": 0,
            "amount_shipping": 0,
            "amount_tax": 0,
        }

    in_world(scenario)


def test_exclusive_and_inclusive_taxes_of_a_session() -> None:
    async def scenario(world: World) -> None:
        on_top, inside = rate(world, 19), rate(world, "7.25", inclusive=True)
        made = session(
            world,
            line(1_000, 2, tax_rates=[on_top]),
            line(1_073, tax_rates=[inside]),
            line(500),
        )
        first, second, third = items(world, made, "data.taxes")
        assert (first["amount_subtotal"], first["amount_tax"], first["amount_total"]) == (
            2_000,
            380,
            2_380,
        )
        assert (second["amount_subtotal"], second["amount_tax"], second["amount_total"]) == (
            1_073,
            73,
            1_073,
        )
        assert first["taxes"] == [
            {
                "amount": 380,
                "rate": world.get(f"tax_rates/{on_top}"),
                "taxability_reason": None,
                "taxable_amount": 2_000,
            }
        ]
        assert second["taxes"][0]["taxable_amount"] == 1_000
        assert third["taxes"] == []
        assert (made["amount_subtotal"], made["amount_total"]) == (3_573, 3_953)
        assert made["total_details"]["amount_tax"] == 453

    in_world(scenario)


@pytest.mark.parametrize(
    ("coupon", "parts"),
    [
        ({"percent_off": 10}, [33, 33, 34]),  # 99.9 in all, a cent is left over
        ({"percent_off": "33.33"}, [111, 111, 111]),
        ({"amount_off": 100, "currency": "usd"}, [33, 33, 34]),
        ({"amount_off": 5_000, "currency": "usd"}, [333, 333, 333]),
        ({"percent_off": 100}, [333, 333, 333]),
    ],
)
def test_a_coupon_is_spread_to_the_cent(coupon: Json, parts: list[int]) -> None:
    async def scenario(world: World) -> None:
        made_of = world.post("coupons", **coupon)["id"]
        made = session(world, *[line(333)] * 3, discounts=[{"coupon": made_of}])
        off = [item["amount_discount"] for item in items(world, made)]
        assert sorted(off) == parts
        assert off == sorted(off, reverse=True)  # what is left over falls to earlier lines
        assert made["amount_total"] == 999 - sum(parts)
        assert made["total_details"]["amount_discount"] == sum(parts)
        assert made["discounts"] == [{"coupon": made_of, "promotion_code": None}]

    in_world(scenario)


def test_taxes_are_counted_after_the_discount() -> None:
    async def scenario(world: World) -> None:
        coupon = world.post("coupons", percent_off=50)["id"]
        on_top, inside = rate(world, 20), rate(world, 20, inclusive=True)
        made = session(
            world,
            line(1_000, tax_rates=[on_top]),
            line(1_200, tax_rates=[inside]),
            discounts=[{"coupon": coupon}],
        )
        first, second = items(world, made, "data.discounts")
        assert (first["amount_discount"], first["amount_tax"], first["amount_total"]) == (
            500,
            100,
            600,
        )
        assert (second["amount_discount"], second["amount_tax"], second["amount_total"]) == (
            600,
            100,
            600,
        )
        (found,) = first["discounts"]
        assert (found["amount"], found["discount"]["object"]) == (500, "discount")
        assert found["discount"]["source"] == {"coupon": coupon, "type": "coupon"}
        assert found["discount"]["checkout_session"] == made["id"]

    in_world(scenario)


def test_a_coupon_can_be_for_some_products_only() -> None:
    async def scenario(world: World) -> None:
        mug = world.post("products", name="Mug")["id"]
        price = world.post("prices", product=mug, currency="usd", unit_amount=1_000)["id"]
        coupon = world.post(
            "coupons", amount_off=300, currency="usd", applies_to={"products": [mug]}
        )
        assert "applies_to" not in coupon
        path = f"coupons/{coupon['id']}"
        assert world.get(path, expand=["applies_to"])["applies_to"] == {"products": [mug]}
        only = {"discounts": [{"coupon": coupon["id"]}]}
        made = session(world, line(5_000), {"price": price, "quantity": 1}, **only)
        assert [item["amount_discount"] for item in items(world, made)] == [0, 300]
        error = world.refused(
            "checkout/sessions", mode="payment", success_url=URL, line_items=[line(50)], **only
        )
        assert error["message"] == (
            "This coupon cannot be redeemed because it does not apply to anything in this order."
        )

    in_world(scenario)


def test_shipping_comes_on_top_and_no_coupon_takes_it_off() -> None:
    async def scenario(world: World) -> None:
        coupon = world.post("coupons", percent_off=100)["id"]
        data = {"display_name": "Post", "fixed_amount": {"amount": 500, "currency": "usd"}}
        made = session(
            world,
            line(1_000),
            discounts=[{"coupon": coupon}],
            shipping_options=[{"shipping_rate_data": data}],
        )
        (option,) = made["shipping_options"]
        assert option["shipping_amount"] == 500
        assert made["shipping_cost"] == {
            "amount_subtotal": 500,
            "amount_tax": 0,
            "amount_total": 500,
            "shipping_rate": option["shipping_rate"],
        }
        assert (made["amount_subtotal"], made["amount_total"]) == (1_000, 500)
        assert made["total_details"]["amount_shipping"] == 500
        expanded = world.get(
            f"checkout/sessions/{made['id']}", expand=["shipping_cost.shipping_rate"]
        )
        assert expanded["shipping_cost"]["shipping_rate"]["display_name"] == "Post"

    in_world(scenario)


@pytest.mark.parametrize(
    ("behavior", "tax", "total"), [("exclusive", 95, 595), ("inclusive", 80, 500)]
)
def test_stripe_tax_taxes_the_shipping_too(behavior: str, tax: int, total: int) -> None:
    async def scenario(world: World) -> None:
        data = {"display_name": "Post", "fixed_amount": {"amount": 500, "currency": "usd"}}
        goods = line(1_000)
        goods["price_data"]["tax_behavior"] = "inclusive"
        made = session(
            world,
            goods,
            automatic_tax={"enabled": True},
            shipping_options=[{"shipping_rate_data": data | {"tax_behavior": behavior}}],
        )
        assert made["automatic_tax"]["status"] == "complete"
        cost = made["shipping_cost"]
        assert (cost["amount_tax"], cost["amount_total"]) == (tax, total)
        assert made["total_details"]["amount_tax"] == 160 + tax
        assert made["amount_total"] == 1_000 + total
        expanded = world.get(
            f"checkout/sessions/{made['id']}",
            expand=["shipping_cost.taxes", "total_details.breakdown"],
        )
        (shown,) = expanded["shipping_cost"]["taxes"]
        assert (shown["amount"], shown["taxability_reason"]) == (tax, "standard_rated")
        assert (shown["rate"]["active"], shown["rate"]["percentage"]) == (False, 19)
        taxes = expanded["total_details"]["breakdown"]["taxes"]
        assert sum(each["amount"] for each in taxes) == 160 + tax
        assert len(taxes) == (1 if behavior == "inclusive" else 2)

    in_world(scenario, settings=PeerSettings(automatic_tax_percentage=Decimal(19)))


def test_the_breakdown_adds_up_by_discount_and_by_rate() -> None:
    async def scenario(world: World) -> None:
        coupon = world.post("coupons", percent_off=10)["id"]
        low, high = rate(world, 7), rate(world, 19)
        made = session(
            world,
            line(1_000, tax_rates=[low]),
            line(1_000, tax_rates=[high]),
            line(2_000, tax_rates=[high]),
            discounts=[{"coupon": coupon}],
        )
        path = f"checkout/sessions/{made['id']}"
        found = world.get(path, expand=["total_details.breakdown"])["total_details"]["breakdown"]
        assert [each["amount"] for each in found["discounts"]] == [400]
        shown = [(e["rate"]["id"], e["amount"], e["taxable_amount"]) for e in found["taxes"]]
        assert shown == [(low, 63, 900), (high, 513, 2_700)]
        assert "breakdown" not in world.get(path)["total_details"]

    in_world(scenario)


@pytest.mark.parametrize("exempt", ["exempt", "reverse"])
def test_who_is_exempt_pays_no_tax(exempt: str) -> None:
    async def scenario(world: World) -> None:
        customer = world.post("customers", tax_exempt=exempt)["id"]
        made = session(world, line(1_000, tax_rates=[rate(world, 19)]), customer=customer)
        assert (made["amount_total"], made["total_details"]["amount_tax"]) == (1_000, 0)
        assert made["customer_details"]["tax_exempt"] == exempt

    in_world(scenario)


def test_a_price_is_charged_in_the_currency_of_the_session() -> None:
    async def scenario(world: World) -> None:
        mug = world.post("products", name="Mug")["id"]
        price = world.post(
            "prices",
            product=mug,
            currency="usd",
            unit_amount=1_000,
            currency_options={"jpy": {"unit_amount": 150}},
        )["id"]
        bought = {"price": price, "quantity": 2}
        assert session(world, bought)["amount_total"] == 2_000
        made = session(world, bought, currency="jpy")
        assert (made["currency"], made["amount_total"]) == ("jpy", 300)
        error = world.refused(
            "checkout/sessions",
            mode="payment",
            success_url=URL,
            line_items=[bought],
            currency="eur",
        )
        assert "only supports `usd`" in error["message"]

    in_world(scenario)

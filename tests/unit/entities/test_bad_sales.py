"""Sales that cannot be read: each parks with a cause and a remedy, and nothing else is raised."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.documents import attributes_of
from shared.entities.charge import sale
from shared.errors import Parked
from shared.policy import Policy
from tests.unit.entities.objects import CONTEXT, Json
from tests.unit.entities.sales import (
    NUMBER,
    Shop,
    given_back,
    items,
    line_item,
    policy,
    session,
    sold_charge,
    with_refunds,
)

EXAMPLES = settings(max_examples=settings().max_examples // 2)
SPREAD = policy(orders={"partial_capture": "spread"})
RECEIPTS = Policy.model_validate({"refunds": {"of_receipts": "free_text"}})
ITEM = {"item": "A", "amount": 1_000}


def parked(shop: Shop) -> Parked:
    """What a sale parks with; cause, text and remedy are all there."""
    with pytest.raises(Parked) as caught:
        shop.book()
    assert caught.value.cause
    assert str(caught.value)
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        *("{", "null", "[]", "{}", "7", '"A"', "[1]", "[[]]", "[{}]", "NaN", "[" * 100_000),
        *('[{"item": "A"}]', '[{"item": "A", "amount": 10.5}]', '[{"item": "A", "amount": true}]'),
        *('[{"item": "A", "amount": "1000"}]', '[{"item": "A", "amount": -1}]'),
        *('[{"amount": 1e400}]', f'[{{"amount": {10**13}}}]', f'[{{"amount": {"9" * 5_000}}}]'),
        *('[{"amount": 1000, "quantity": 0}]', '[{"amount": 1000, "quantity": -2}]'),
        *('[{"amount": 1000, "quantity": 1.5}]', '[{"amount": 1000, "quantity": null}]'),
        *(f'[{{"amount": 1000, "quantity": {10**7}}}]', '[{"amount": 1000, "kind": "gift"}]'),
        *('[{"amount": 1000, "kind": []}]', '[{"amount": 1000, "kind": "rounding"}]'),
    ],
)
def test_items_in_metadata_that_are_no_list_of_lines_park(text: str) -> None:
    shop = Shop(sold_charge(1_000, "usd", metadata={"items": text}))
    assert parked(shop).cause == "metadata_items_unreadable"


def given_back_at_once(status: str) -> Shop:
    """A sale that was refunded before it had an order."""
    shop = items(ITEM)
    shop.refund([given_back(1, 1_000, status="succeeded")])
    assert shop.book() == ()
    shop.refund([given_back(1, 1_000, status=status)])
    return replace(shop, was_settled=True)


def test_a_sale_that_stands_again_after_its_refund_failed_parks_without_an_order() -> None:
    assert parked(given_back_at_once("failed")).cause == "sale_without_order"
    assert given_back_at_once("succeeded").book() == ()
    pushed = {**NUMBER, "SalesOrderStatus": "Backorder"}
    assert replace(given_back_at_once("failed"), pushed=(pushed,)).book() == ()
    named = given_back_at_once("failed")
    named.charge["metadata"] = {"dynamics_sales_order": "SO-7"}
    assert named.book() == ()
    again = given_back_at_once("failed")
    again.refund([given_back(1, 600, status="failed"), given_back(2, 600, status="succeeded")])
    assert again.book() == ()  # the second was made because the first had failed
    again.refund(
        [
            given_back(1, 200, status="failed"),
            given_back(2, 500, status="failed"),
            given_back(3, 800, status="succeeded"),
        ]
    )
    assert parked(again).cause == "sale_without_order"  # 200 and 800 were all of it
    many = [given_back(n, 80, status="failed") for n in range(1, 12)]
    again.refund([*many, given_back(12, 900, status="succeeded")])
    assert parked(again).cause == "sale_without_order"  # it may have been
    receipt = replace(items(ITEM), was_settled=True)
    receipt.refund([given_back(1, 400, status="failed")])
    assert receipt.book() == ()  # it was a receipt before, and all of it never went back


def test_nothing_is_asked_of_a_sale_that_cannot_be_read() -> None:
    shop = given_back_at_once("failed")
    shop.refund([given_back(1, 1_000, status="failed") | {"metadata": {"lines": "{"}}])
    context = replace(CONTEXT, policy=shop.policy)
    assert sale.queries(shop.snapshot(), context) == ()
    assert parked(shop).cause == "metadata_lines_unreadable"


def test_an_item_number_that_dynamics_cannot_hold_parks() -> None:
    assert parked(items({"item": "A" * 21, "amount": 1_000})).cause == "value_too_long"


def test_a_product_that_no_table_lists_is_sold_as_the_default_item() -> None:
    shop = items({"product": "prod_nobody_knows", "amount": 1_000})
    shop.book()
    assert shop.lines()[1].fields["ItemNumber"] == "STRIPE-SALE"


def test_items_that_miss_the_amount_by_more_than_rounding_park_with_the_arithmetic() -> None:
    found = parked(Shop(items(ITEM, ITEM).charge, policy=policy(orders={"rounding_minor_max": 10})))
    assert found.cause == "lines_differ_from_amount"
    assert "USD 10.00 + USD 10.00 = USD 20.00, but USD 10.00 was captured" in str(found)


def test_more_lines_than_an_order_takes_park() -> None:
    lines = [{"item": "A", "amount": 10} for _ in range(100)]
    assert parked(items(*lines)).cause == "too_many_lines"
    many = [line_item(number, amount_total=10, amount_subtotal=10) for number in range(1, 101)]
    assert parked(Shop(sold_charge(1_000, "usd"), session(many))).cause == "too_many_lines"


def test_unit_prices_that_round_by_more_than_the_policy_allows_park() -> None:
    line = {"item": "A", "amount": 1_000, "quantity": 600}
    found = parked(Shop(items(line).charge, policy=policy(orders={"rounding_minor_max": 10})))
    assert found.cause == "rounding_too_large"


def test_a_charge_captured_in_part_parks_unless_the_policy_spreads_it() -> None:
    shop = items(ITEM, amount_refunded=400)
    shop.charge["amount_captured"] = 600
    assert parked(shop).cause == "captured_in_part"
    shop.policy = SPREAD
    shop.book()
    assert shop.ordered() == Decimal("6.00")


def test_line_items_in_another_currency_park() -> None:
    for currency in ("eur", "", None, 7):
        shop = Shop(sold_charge(1_000, "usd"), session([line_item(1)]) | {"currency": currency})
        assert parked(shop).cause == "lines_in_other_currency"


@pytest.mark.parametrize(
    "change",
    [
        *({"quantity": -1}, {"quantity": 0}, {"quantity": "2"}, {"quantity": 10**9}),
        *({"amount_total": None}, {"amount_total": -1}, {"amount_total": 10**13}),
        *({"amount_tax": 1_001}, {"amount_tax": -5}, {"amount_tax": "5"}, {"amount_tax": True}),
        *({"amount_discount": -5}, {"amount_discount": {}}, {"amount_subtotal": -1}),
    ],
)
def test_a_line_item_with_an_amount_or_quantity_that_cannot_be_parks(change: Json) -> None:
    shop = Shop(sold_charge(1_000, "usd"), session([line_item(1, **change)]))
    assert parked(shop).cause == "unreadable_object"


@pytest.mark.parametrize(
    "cost", [{}, {"amount_total": -1}, {"amount_total": 10, "amount_tax": 11}, {"amount_total": ""}]
)
def test_shipping_with_an_amount_that_cannot_be_parks(cost: Json) -> None:
    shop = Shop(sold_charge(1_000, "usd"), session([line_item(1)], shipping_cost=cost))
    assert parked(shop).cause == "unreadable_object"


@pytest.mark.parametrize("listed", [[], None, "x", {"data": None}])
def test_a_session_without_line_items_parks(listed: Any) -> None:
    shop = Shop(sold_charge(5_000, "usd"), session([], line_items=listed))
    assert parked(shop).cause == "line_items_missing"


UNTOLD = {"amount_tax": None, "amount_discount": None}


def test_an_old_session_tells_shipping_and_tax_in_its_totals_alone() -> None:
    details = {"amount_tax": 190, "amount_shipping": 490, "amount_discount": 0}
    item = line_item(1, amount_total=1_190) | UNTOLD
    shop = Shop(sold_charge(1_680, "usd"), session([item], total_details=details))
    shop.book()
    kinds = [attributes_of(line.document)["kind"] for line in shop.lines().values()]
    assert kinds == ["goods", "shipping", "tax"]
    assert shop.ordered() == Decimal("16.80")


@pytest.mark.parametrize("told", [0, 160, 191])
def test_tax_that_line_items_leave_open_has_to_be_that_of_the_session(told: int) -> None:
    details = {"amount_tax": told, "amount_discount": 0}
    item = line_item(1, amount_total=1_190) | UNTOLD
    error = parked(Shop(sold_charge(1_190, "usd"), session([item], total_details=details)))
    assert error.cause == "tax_not_told"
    assert "USD 1.90" in str(error)


@pytest.mark.parametrize("listed", [["x"], [None], [7], {"data": [[]]}])
def test_line_items_that_are_no_objects_park(listed: Any) -> None:
    shop = Shop(sold_charge(5_000, "usd"), session([], line_items=listed))
    assert parked(shop).cause == "unreadable_object"


def sold_twice() -> Shop:
    """An order of two lines, of 6.00 and 4.00."""
    shop = items({"item": "A", "amount": 600}, {"item": "B", "amount": 400})
    shop.book()
    return shop


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        *(("{", "metadata_lines_unreadable"), ("[]", "metadata_lines_unreadable")),
        *(("7", "metadata_lines_unreadable"), ("[" * 100_000, "metadata_lines_unreadable")),
        *(('{"a": 500}', "metadata_lines_unreadable"), ('{"1": 5.5}', "metadata_lines_unreadable")),
        *(
            ('{"1": true}', "metadata_lines_unreadable"),
            ('{"1": null}', "metadata_lines_unreadable"),
        ),
        (f'{{"{"9" * 5_000}": 500}}', "metadata_lines_unreadable"),
        *(('{"7": 500}', "refund_does_not_fit"), ('{"1": 500, "7": 0}', "refund_does_not_fit")),
        *(('{"2": 500}', "refund_does_not_fit"), ('{"1": 400}', "refund_does_not_fit")),
        *(('{"1": 600, "2": -100}', "refund_does_not_fit"), ("{}", "refund_does_not_fit")),
        *(('{"-1": 0, "1": 500}', "refund_does_not_fit"), ('{"9999": 500}', "refund_does_not_fit")),
    ],
)
def test_refunds_that_name_lines_or_shares_that_cannot_be_park(lines: str, cause: str) -> None:
    shop = sold_twice()
    refund = given_back(1, 500)
    shop.refund([{**refund, "metadata": {"lines": lines}}])
    assert parked(shop).cause == cause


def test_refunds_of_more_than_the_charge_park() -> None:
    shop = sold_twice()
    shop.refund([given_back(1, 700), given_back(2, 700)])
    assert parked(shop).cause == "refund_does_not_fit"


@pytest.mark.parametrize(
    "change", [{"amount": None}, {"amount": "5"}, {"created": None}, {"created": -1}]
)
def test_a_refund_that_cannot_be_read_parks(change: Json) -> None:
    shop = sold_twice()
    shop.refund([{**given_back(1, 500), **change}])
    assert parked(shop).cause == "unreadable_object"


def test_a_line_that_somebody_changed_or_removed_parks() -> None:
    shop = sold_twice()
    for amount in ("5.99", "6.001", None):
        rows = [row for row in shop.rows() if row["CustomersLineNumber"] != 1]
        if amount is not None:
            line = {"CustomersLineNumber": 1, "SalesOrderLineStatus": "Backorder"}
            rows.append({**line, "LineAmount": amount})
        assert parked(Changed(shop, rows)).cause == "order_line_changed"


class Changed(Shop):
    """An order whose lines a person changed in Dynamics."""

    def __init__(self, shop: Shop, rows: list[Json]) -> None:
        super().__init__(shop.charge, shop.session, shop.policy, shop.links)
        self._rows = rows

    def rows(self) -> list[Json]:
        return self._rows


# --- anything at all --------------------------------------------------------------------------

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from((1, 1_000, "usd", "goods", "1", "prod_1")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ("item", "amount", "quantity", "kind", "1", "2", "id", "data", "text", "product")
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
ITEM_FIELDS = (
    *("amount_total", "amount_subtotal", "amount_tax", "amount_discount"),
    *("quantity", "price", "description", "id"),
)
TEXTS = ANYTHING.map(json.dumps) | st.text(max_size=30)


def book_or_park(shop: Shop) -> None:
    """Whatever is raised is `Parked`; what is booked adds up."""
    try:
        shop.book()
    except Parked:
        return
    if shop.lines():
        captured = int(shop.charge["amount_captured"])
        alive = sum(each["amount"] for each in shop.charge.get("refunds", {}).get("data", ()))
        assert shop.ordered() + shop.credited() == shop.major(captured - alive)


@EXAMPLES
@given(TEXTS, TEXTS, ANYTHING)
def test_any_metadata_books_or_parks(found: str, lines: str, other: Any) -> None:
    shop = Shop(sold_charge(1_000, "usd", metadata={"items": found, "other": other}))
    book_or_park(shop)
    shop.refund([{**given_back(1, 400), "metadata": {"lines": lines, "other": other}}])
    book_or_park(shop)
    named = {"dynamics_invoice": found, "dynamics_sales_order": lines}
    source = with_refunds(sold_charge(1_000, "usd", metadata=named), [given_back(1, 400)])
    book_or_park(Shop(source, policy=RECEIPTS))


@EXAMPLES
@given(
    st.lists(
        ANYTHING
        | st.fixed_dictionaries(
            {},
            optional=dict.fromkeys(ITEM_FIELDS, ANYTHING),
        ).map(lambda changes: line_item(1, **changes)),
        max_size=3,
    ),
    ANYTHING | st.fixed_dictionaries({"amount_total": ANYTHING, "amount_tax": ANYTHING}),
    st.fixed_dictionaries(
        {}, optional={"metadata": ANYTHING, "client_reference_id": ANYTHING, "line_items": ANYTHING}
    ),
)
def test_any_line_items_book_or_park(listed: list[Any], shipping: Any, changes: Json) -> None:
    held = session(listed, shipping_cost=shipping) | changes
    book_or_park(Shop(sold_charge(1_000, "usd"), held))


@EXAMPLES
@given(ANYTHING, ANYTHING, ANYTHING)
def test_any_charge_around_a_sale_books_or_parks(one: Any, two: Any, three: Any) -> None:
    source = sold_charge(1_000, "usd") | {
        "metadata": one,
        "customer": "cus_1",
        "payment_method_details": two,
        "description": three,
        "transfer_data": one,
        "on_behalf_of": two,
        "source": three,
    }
    book_or_park(Shop(source))
    found = sold_charge(1_000, "usd") | {"refunds": one}
    try:
        Shop(found, policy=policy(refunds={"of_receipts": "free_text"})).book()
    except Parked:
        return

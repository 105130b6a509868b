"""Stripe objects of the golden pairs with parts replaced by anything: they build or park.

The pairs know the shapes of all versions; here each place of them holds, in turn, what nobody
expects there.
"""

import copy
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.money import Money
from shared.entities.common.exchange import charged_amount
from shared.entities.common.refunding import refunds_of
from shared.errors import Parked, TieoutError
from shared.mapping.finance import render
from tests.golden.test_golden import NAMES, PARENT, TARGET, built, load
from tests.unit.entities.objects import Json, snapshot
from tests.unit.entities.sales import Shop, given_back, sold_charge, with_refunds

PAIRS = [
    name
    for name in NAMES
    if name.startswith(("charge_", "method_", "order_", "receipt_", "refund"))
]
TOO_LARGE, TOO_SMALL = 10**13, -(10**30)
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, True, False, 0, -1, 1, 7, TOO_LARGE, TOO_SMALL, 1.5, float("nan"), float("inf")),
        *("", "x", "\ud800", "usd", "eur", "7", "9" * 5_000, "a b'c", "re_1", "A" * 600),
        *([], {}, [None], ["x"], [[]], {"data": None}, {"data": ["x"]}, {"data": [{}]}, {"id": 7}),
    ]
)


class _Everybody(dict[tuple[str, str], str]):
    """Every customer has an account."""

    def __missing__(self, key: tuple[str, str]) -> str:
        return "US-001"


ANYBODY = replace(TARGET, customers=_Everybody())


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The ways to all parts of a JSON value but itself."""
    inner: list[tuple[Any, Any]] = list(value.items()) if isinstance(value, dict) else []
    for name, part in list(enumerate(value)) if isinstance(value, list) else inner:
        yield (*path, name)
        yield from places(part, (*path, name))


@st.composite
def broken(draw: st.DrawFn) -> Json:
    """A pair of which one or two parts are something else, or missing."""
    case: Json = copy.deepcopy(load(draw(st.sampled_from(PAIRS))))
    for _ in range(draw(st.sampled_from((1, 1, 2)))):
        found = [
            ("object", *path) for path in places(case["object"]) if path != ("id",)
        ]  # it is fetched by its id
        found += [
            ("related", *path) for path in places(case["related"]) if path[1:] not in ((), ("id",))
        ]
        *way, name = draw(st.sampled_from(found))
        within: Any = case
        for each in way:
            within = within[each]
        within[name] = copy.deepcopy(draw(ODD))
        if isinstance(within, dict) and draw(st.integers(0, 9)) == 0:
            del within[name]
    return case


@given(broken())
def test_a_pair_with_anything_in_it_builds_or_parks(case: Json) -> None:
    try:
        desired = built(case)
        for document in desired.documents:
            render(document, ANYBODY, PARENT)
    except TieoutError:  # parked or waiting
        return


@pytest.mark.parametrize(
    "rate", [float("inf"), float("-inf"), float("nan"), 0, -1.1, "x", [], True]
)
def test_an_exchange_rate_that_is_none_fits_no_amount(rate: Any) -> None:
    txn = {"id": "txn_1", "object": "balance_transaction", "exchange_rate": rate}
    charge = sold_charge(1_000, "eur")
    with pytest.raises(Parked, match="its exchange rate fits no amount"):
        charged_amount(snapshot(txn, related={"charge": charge}), Money(1_100, "usd"))


@pytest.mark.parametrize("currency", ["re_1", "us", "u$d", 7, ["usd"]])
def test_a_charge_in_no_currency_parks(currency: Any) -> None:
    txn = {"id": "txn_1", "object": "balance_transaction", "exchange_rate": 1.1}
    charge = sold_charge(1_000, "eur") | {"currency": currency}
    with pytest.raises(Parked, match="currency is missing or not of the documented kind"):
        charged_amount(snapshot(txn, related={"charge": charge}), Money(1_100, "usd"))


def test_a_refund_that_is_listed_twice_counts_once() -> None:
    shop = Shop(sold_charge(1_000, "usd"))
    shop.book()
    shop.refund([given_back(1, 400), given_back(1, 400)])
    shop.book()
    assert shop.ordered() == Decimal("6.00")


@pytest.mark.parametrize("listed", ["re_1", None, {}, given_back(1, 400) | {"id": None}])
def test_a_refund_without_an_id_or_not_expanded_parks_and_is_not_passed_over(listed: Any) -> None:
    with pytest.raises(Parked) as caught:
        refunds_of(with_refunds(sold_charge(1_000, "usd"), [listed]))
    assert caught.value.cause == "unreadable_object"


@pytest.mark.parametrize("created", [TOO_LARGE, TOO_SMALL, -1, "x", 1.5])
def test_a_charge_of_no_day_parks(created: Any) -> None:
    with pytest.raises(Parked) as caught:
        Shop(sold_charge(1_000, "usd", created=created)).book()
    assert caught.value.cause == "unreadable_object"

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.documents import CreateOrFind, Document, attributes_of, facts_of
from shared.domain.records import Intent, Link, Record
from shared.entities.common.items import item_of
from shared.entities.common.objects import Context, Desired, Snapshot
from shared.entities.price import documents as price
from shared.entities.price.records import PriceLine
from shared.entities.product import documents as product
from shared.entities.product.records import ProductEnd
from shared.errors import Parked, Skipped, TieoutError, Waiting
from shared.policy import Catalogue, Policy
from tests.unit.entities.objects import CONTEXT, CREATED, Json


def context(products: str = "create", prices: bool = True, **items: str) -> Context:
    chosen = Catalogue.model_validate({"products": products, "prices": prices})
    return replace(CONTEXT, policy=Policy(catalogue=chosen), items=items)


def a_product(**changes: Any) -> Json:
    return {
        "id": "prod_1",
        "object": "product",
        "active": True,
        "created": CREATED,
        "default_price": None,
        "name": "Gold plan",
        "updated": CREATED,
    } | changes


def a_price(**changes: Any) -> Json:
    return {
        "id": "price_1",
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": CREATED,
        "currency": "usd",
        "product": a_product(),
        "unit_amount": 1500,
        "unit_amount_decimal": "1500",
    } | changes


ANSWERS: dict[str, tuple[Json, ...]] = {
    f"item~{company}": ({"ItemNumber": "prod_1", "SalesUnitSymbol": "ea"},)
    for company in ("usmf", "demf")
}
BUILD = {"product": product.build, "price": price.build}


def of(object: Json, where: Context | None = None, **parts: Any) -> Desired:
    given = {"answers": ANSWERS, **parts}
    snapshot = Snapshot(object["object"], object["id"], object, **given)
    return BUILD[object["object"]](snapshot, where or context())


def roles(found: Desired) -> list[str]:
    return [document.role for document in found.documents]


def links(*documents: Document) -> dict[str, Link]:
    return {each.role: Link({"Number": "TA-1"}, Record(each, "", "", {})) for each in documents}


def intents(*documents: Document) -> dict[str, Intent]:
    return {each.role: Intent("", "", Record(each, "", "", {})) for each in documents}


# --- products -------------------------------------------------------------------------------


def test_a_product_is_released_in_every_company() -> None:
    found = of(a_product())
    assert roles(found) == ["product~usmf", "product~demf"]
    assert {document.key for document in found.documents} == {"prod_1"}
    assert all(document.action == CreateOrFind() for document in found.documents)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, "service"),
        ({"shippable": True}, "goods"),
        ({"type": "good"}, "goods"),
        ({"shippable": "yes", "type": None}, "service"),
    ],
)
def test_what_stripe_ships_is_goods(changes: Json, kind: str) -> None:
    assert attributes_of(of(a_product(**changes)).documents[0])["kind"] == kind


@pytest.mark.parametrize("name", [None, "", "  ", 7, ["a"]])
def test_a_product_without_a_name_is_called_by_its_id(name: object) -> None:
    assert attributes_of(of(a_product(name=name, tax_code=7)).documents[0])["name"] == "prod_1"


def test_an_archived_product_that_was_never_written_is_left_out() -> None:
    with pytest.raises(Skipped, match="product_archived"):
        of(a_product(active=False))


def test_the_last_day_of_a_product_stays_while_it_is_archived() -> None:
    written = of(a_product()).documents
    first = of(a_product(active=False), links=links(*written))
    assert roles(first) == ["product~usmf", "ended~usmf", "product~demf", "ended~demf"]
    ended = [document for document in first.documents if isinstance(document, ProductEnd)]
    assert {document.date for document in ended} == {date(2026, 11, 1)}
    later = a_product(active=False, updated=CREATED + 9 * 86_400)
    again = of(later, links=links(*first.documents))
    assert again.documents == first.documents
    back = of(a_product(), links=links(*first.documents))
    assert {facts_of(each).get("date") for each in back.documents} == {None, date(1900, 1, 1)}


def test_a_product_whose_release_is_announced_keeps_what_was_announced() -> None:
    written = of(a_product()).documents
    now = of(a_product(name="Other"), intents=intents(*written))
    assert now.documents == written


def test_a_product_of_the_table_has_to_be_there_and_is_not_written() -> None:
    assert of(a_product(), context("link", prod_1="GOLD")).documents == ()
    with pytest.raises(Parked) as caught:
        of(a_product(), context("create", prod_1="GOLD"), answers={"item~usmf": ()})
    assert caught.value.cause == "item_not_released"


@pytest.mark.parametrize(
    ("id", "products", "cause"),
    [
        ("prod_1", "link", "product_not_linked"),
        ("prod_1", "off", "product_not_linked"),
        ("p" * 21, "create", "product_id_too_long"),
    ],
)
def test_a_product_without_an_item_number_is_for_a_person(
    id: str, products: str, cause: str
) -> None:
    with pytest.raises(Parked) as caught:
        item_of(id, context(products))
    assert caught.value.cause == cause
    assert caught.value.remedy


def test_the_default_price_is_looked_at_when_the_product_changes() -> None:
    (price,) = of(a_product(default_price={"id": "price_7"})).enqueue
    assert (price.ref.entity, price.ref.id) == ("price", "price_7")
    assert price.even_if_settled
    assert price.reason == f"price_7-default-{CREATED}"
    assert of(a_product(default_price="price_7"), context(prices=False)).enqueue == ()


def test_nothing_is_asked_and_nothing_written_where_the_policy_says_off() -> None:
    off = context("off", prices=False, prod_1="GOLD")
    for each in (a_product(), a_price()):
        snapshot = Snapshot(each["object"], each["id"], each)
        asked = product.queries if each["object"] == "product" else price.queries
        assert asked(snapshot, off) == ()
        with pytest.raises(Skipped, match="catalogue_off"):
            of(each, off)


# --- prices ---------------------------------------------------------------------------------

OPTIONS = {
    "usd": {"unit_amount": 1500},
    "eur": {"unit_amount": 1400},
    "jpy": {"unit_amount": 2200},
    "gbp": {"unit_amount": 1300},
}


def test_each_currency_is_a_line_in_the_company_of_its_book() -> None:
    found = of(a_price(currency_options=OPTIONS))
    assert roles(found) == [
        *("journal:1:usmf", "line:1:usd", "line:1:gbp", "line:1:jpy"),
        *("journal:1:demf", "line:1:eur"),
    ]
    assert found.documents[0].key == "price_1 1"
    assert [document.key for document in found.documents[1:4]] == ["1", "2", "3"]
    assert facts_of(found.documents[1])["amount"].minor == 1500


def test_what_is_written_is_not_written_again() -> None:
    first = of(a_price(currency_options=OPTIONS)).documents
    assert of(a_price(currency_options=OPTIONS), links=links(*first)).documents == first
    assert of(a_price(currency_options=OPTIONS), intents=intents(*first)).documents == first


def test_another_amount_is_another_line_in_another_journal() -> None:
    first = of(a_price(currency_options=OPTIONS)).documents
    changed = {**OPTIONS, "jpy": {"unit_amount": 2300}}
    second = of(a_price(currency_options=changed), links=links(*first))
    new = [each for each in second.documents if each not in first]
    assert [each.role for each in new] == ["journal:2:usmf", "line:2:jpy"]
    known = links(*first, *new)
    back = of(a_price(currency_options=OPTIONS), links=known)
    assert [role for role in roles(back) if ":3" in role] == ["journal:3:usmf", "line:3:jpy"]
    assert "line:2:jpy" not in roles(back)
    dropped = of(a_price(currency_options={"eur": OPTIONS["eur"]}), links=known)
    assert "line:1:gbp" not in roles(dropped)


def test_a_journal_that_was_left_without_lines_gets_them() -> None:
    header, line = of(a_price()).documents
    assert of(a_price(), links=links(header)).documents == (header, line)
    assert of(a_price(), intents=intents(header)).documents == (header, line)


@pytest.mark.parametrize(
    ("decimal", "amount", "quantity"),
    [
        ("1500", 1500, 1),
        ("1500.00", 1500, 1),
        ("12.5", 125, 10),
        ("0.0001", 1, 10_000),
        ("0", 0, 1),
        ("1e3", 1000, 1),
    ],
)
def test_parts_of_a_minor_unit_are_the_price_of_several_units(
    decimal: str, amount: int, quantity: int
) -> None:
    line = of(a_price(unit_amount=None, unit_amount_decimal=decimal)).documents[1]
    assert isinstance(line, PriceLine)
    assert (line.amount.minor, line.quantity) == (amount, quantity)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"billing_scheme": "tiered"}, "tiers"),
        ({"tiers": [{"up_to": 5}]}, "tiers"),
        ({"currency_options": {"eur": {"tiers": [{}], "unit_amount": 5}}}, "tiers"),
        ({"custom_unit_amount": {"minimum": 5}}, "choose the amount"),
        ({"transform_quantity": {"divide_by": 5, "round": "up"}}, "packages"),
        ({"unit_amount_decimal": "0.00001"}, "places"),
    ],
)
def test_a_price_that_dynamics_cannot_say_is_for_a_person(changes: Json, what: str) -> None:
    with pytest.raises(Parked, match=what) as caught:
        of(a_price(**changes))
    assert caught.value.cause == "price_not_supported"


@pytest.mark.parametrize(
    "changes",
    [
        {"unit_amount": None, "unit_amount_decimal": None},
        {"unit_amount_decimal": "many"},
        {"unit_amount_decimal": "NaN"},
        {"unit_amount_decimal": "-Infinity"},
        {"unit_amount_decimal": "-5"},
        {"unit_amount_decimal": "1e30"},
        {"unit_amount_decimal": None, "unit_amount": True},
        {"unit_amount_decimal": None, "unit_amount": 1.5},
        {"currency": "dollars"},
        {"currency": None},
        {"currency_options": {"euros": {"unit_amount": 5}}},
        {"currency_options": {"eur": 7}},
        {"product": None},
        {"product": {"id": 7}},
    ],
)
def test_a_price_that_cannot_be_read_names_the_field(changes: Json) -> None:
    with pytest.raises(Parked) as caught:
        of(a_price(**changes))
    assert caught.value.cause == "unreadable_object"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"active": False}, "price_archived"),
        ({"product": a_product(active=False)}, "product_archived"),
        ({"product": a_product(default_price="price_2")}, "price_not_default"),
    ],
)
def test_a_price_that_is_not_in_use_is_skipped(changes: Json, reason: str) -> None:
    with pytest.raises(Skipped, match=reason):
        of(a_price(**changes))
    assert of(a_price(product=a_product(default_price="price_1"))).documents


def test_a_price_waits_for_its_product_or_names_the_row_that_is_wrong() -> None:
    with pytest.raises(Waiting) as waited:
        of(a_price(product="prod_1"), answers={"item~usmf": ()})
    assert waited.value.reason == "product_not_created"
    with pytest.raises(Parked) as caught:
        of(a_price(), context("link", prod_1="GOLD"), answers={"item~usmf": ()})
    assert caught.value.cause == "item_not_released"


def test_another_item_or_unit_is_another_line() -> None:
    first = of(a_price()).documents
    other = {"item~usmf": ({"ItemNumber": "prod_1", "SalesUnitSymbol": "hr"},)}
    assert "line:2:usd" in roles(of(a_price(), links=links(*first), answers=other))
    assert "line:2:usd" in roles(of(a_price(), context(prod_1="GOLD"), links=links(*first)))


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


@given(st.data())
def test_strange_objects_end_in_documents_or_in_a_named_error(data: st.DataObject) -> None:
    found = data.draw(st.sampled_from([a_product(), a_price()]))
    names = st.sampled_from([name for name in found if name not in ("id", "object")])
    changes = data.draw(st.dictionaries(names, JUNK, max_size=3))
    where = replace(context(), now=datetime(2026, 11, 1, tzinfo=UTC))
    with suppress(TieoutError):
        of(found | changes, where)

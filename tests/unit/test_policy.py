"""The choices: first rule that holds, defaults, and what books cannot carry."""

from datetime import date

import pytest
from pydantic import ValidationError

from shared.entities.common.sale_routing import needs_session, subject_of
from shared.policy import DEFAULT, Lines, Policy, RefundDocument, Sale, Subject, When, problems
from tests.unit.entities.objects import BOOKS, CONTEXT

SHOP = Subject(currency="usd", metadata={"channel": "shop"}, products=("prod_1", "prod_2"))


def policy(**parts: object) -> Policy:
    return Policy.model_validate(parts)


def test_without_a_policy_a_sale_is_a_receipt_in_the_owners_company() -> None:
    assert DEFAULT.sale(SHOP) is Sale.RECEIPT
    assert DEFAULT.company(SHOP, "usmf") == "usmf"
    assert DEFAULT.refunds.of_receipts is RefundDocument.NONE
    assert DEFAULT.receipts.wait_hours == 24


def test_the_first_rule_that_holds_is_taken() -> None:
    found = policy(
        sales=[
            {"when": {"currency": ["eur"]}, "book": "order"},
            {"when": {"metadata": {"channel": ["shop", "app"]}}, "book": "order"},
            {"book": "receipt"},
        ],
        routes=[{"when": {"product": ["prod_2"]}, "company": "demf"}],
    )
    assert found.sale(SHOP) is Sale.ORDER
    assert found.sale(Subject(currency="usd")) is Sale.RECEIPT
    assert found.sale(Subject(currency="eur")) is Sale.ORDER
    assert found.company(SHOP, "usmf") == "demf"
    assert found.company(Subject(currency="usd", products=("prod_3",)), "usmf") == "usmf"


def test_everything_that_a_condition_names_must_hold() -> None:
    rule = {"when": {"currency": ["usd"], "account": ["acct_1"]}, "book": "order"}
    found = policy(sales=[rule])
    assert found.sale(SHOP) is Sale.RECEIPT
    assert found.sale(Subject(currency="usd", account="acct_1")) is Sale.ORDER


def test_a_rule_may_ask_where_the_lines_are_told() -> None:
    found = policy(sales=[{"when": {"lines": ["checkout", "metadata"]}, "book": "order"}])
    assert found.sale(SHOP) is Sale.RECEIPT
    assert found.sale(Subject(currency="usd", lines=Lines.CHECKOUT)) is Sale.ORDER
    assert found.sale(Subject(currency="usd", lines=Lines.METADATA)) is Sale.ORDER


CHARGE = {"id": "ch_1", "object": "charge", "currency": "usd", "created": 1_790_000_000}
ITEMS = {"metadata": {"items": "[]"}}


@pytest.mark.parametrize(
    ("charge", "session", "told"),
    [
        (CHARGE, {}, Lines.NONE),
        (CHARGE | ITEMS, {}, Lines.METADATA),
        (CHARGE | ITEMS, {"id": "cs_1"}, Lines.CHECKOUT),
    ],
)
def test_lines_are_told_where_an_order_takes_them_from(
    charge: dict[str, object], session: dict[str, object], told: Lines
) -> None:
    assert subject_of(charge, session, CONTEXT).lines is told


def test_a_rule_on_lines_needs_the_session() -> None:
    assert not needs_session(DEFAULT)
    assert needs_session(policy(routes=[{"when": {"lines": ["none"]}, "company": "demf"}]))


def test_texts_of_a_document_become_numbers_and_switches() -> None:
    found = policy(receipts={"wait_hours": "48"}, customers={"write_back": "true"})
    assert (found.receipts.wait_hours, found.customers.write_back) == (48, True)


@pytest.mark.parametrize(
    "parts",
    [
        {"sale": []},
        {"sales": [{"book": "invoice"}]},
        {"sales": [{"when": {"country": ["us"]}, "book": "order"}]},
        {"sales": [{"when": {"lines": ["invoice"]}, "book": "order"}]},
        {"sales": [{"book": "order"}] * 101},
        {"routes": [{"company": "toolong"}]},
        {"receipts": {"wait_hours": "-1"}},
        {"refunds": {"of_receipts": "return_order"}},
        {"customers": {"find_by": ["name"]}},
        {"orders": {"rounding_minor_max": "many"}},
    ],
)
def test_what_is_no_choice_is_refused(parts: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        policy(**parts)


@pytest.mark.parametrize(
    ("when", "reason"),
    [
        ({"currency": ["EUR"]}, "three lower-case letters, such as eur"),
        ({"currency": ["eur", "euro"]}, "three lower-case letters"),
        ({"currency": [""]}, "three lower-case letters"),
        ({"currency": []}, "names no value"),
        ({"metadata": {}}, "names no value"),
        ({"metadata": {"shop": []}}, "names no value"),
        ({"metadata": {"shop": ["de", ""]}}, "names no value"),
        ({"product": []}, "names no value"),
        ({"product": ["prod 1"]}, "a Stripe id, such as prod_9sT"),
        ({"product": ["p" * 256]}, "a Stripe id"),
        ({"account": []}, "names no value"),
        ({"account": ["prod_1"]}, "a Stripe id, such as acct_1Nv"),
        ({"account": ["acct_"]}, "such as acct_1Nv"),
        ({"account": ["acct_1 "]}, "such as acct_1Nv"),
        ({"lines": []}, "names no value"),
        ({"since": "1699920000"}, 'a day in quotes, such as "2026-12-01"'),
        ({"since": 1699920000}, "a day in quotes"),
        ({"since": "2026-13-01"}, "a day in quotes"),
        ({"since": "2026-12-01T00:00:00"}, "a day in quotes"),
        ({"since": "20261201"}, "a day in quotes"),
        ({"since": "２０２６-12-01"}, "a day in quotes"),  # noqa: RUF001 - not the digits of ASCII
        ({"since": ["2026-12-01"]}, "a day in quotes"),
    ],
)
def test_a_condition_that_nothing_meets_is_refused_by_name(
    when: dict[str, object], reason: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        policy(sales=[{"when": when, "book": "order"}])
    (error,) = caught.value.errors()
    assert error["loc"][:4] == ("sales", 0, "when", *when)
    assert reason in error["msg"]


def test_a_condition_may_name_a_day_and_nothing() -> None:
    found = policy(sales=[{"when": {"since": "2026-12-01"}, "book": "order"}, {"book": "receipt"}])
    day = date(2026, 12, 1)
    assert found.sales[0].when == When(since=day)
    assert found.sales[1].when == When()
    assert found.sale(SHOP.model_copy(update={"day": day})) is Sale.ORDER
    assert found.sale(SHOP.model_copy(update={"day": date(2026, 11, 30)})) is Sale.RECEIPT
    assert found.sale(SHOP) is Sale.RECEIPT


def test_a_receipt_waits_for_a_year_at_most() -> None:
    assert policy(receipts={"wait_hours": "8760"}).receipts.wait_hours == 8_760
    with pytest.raises(ValidationError):
        policy(receipts={"wait_hours": "8761"})


def test_a_route_to_a_company_without_books_is_named() -> None:
    found = policy(routes=[{"company": "usmf"}, {"company": "frrt"}])
    assert problems(found, BOOKS) == ["routes.1.company: the books have no company 'frrt'"]

"""The choices: first rule that holds, defaults, and what books cannot carry."""

import pytest
from pydantic import ValidationError

from shared.documents.selling import needs_session, subject_of
from shared.policy import DEFAULT, Lines, Memo, Policy, Sale, Subject, problems
from tests.unit.documents.objects import BOOKS, CONTEXT

SHOP = Subject(currency="usd", metadata={"channel": "shop"}, products=("prod_1", "prod_2"))


def policy(**parts: object) -> Policy:
    return Policy.model_validate(parts)


def test_without_a_policy_a_sale_is_a_receipt_in_the_owners_company() -> None:
    assert DEFAULT.sale(SHOP) is Sale.RECEIPT
    assert DEFAULT.company(SHOP, "usmf") == "usmf"
    assert DEFAULT.refunds.of_receipts is Memo.NONE
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


def test_a_route_to_a_company_without_books_is_named() -> None:
    found = policy(routes=[{"company": "usmf"}, {"company": "frrt"}])
    assert problems(found, BOOKS) == ["routes.1.company: TIEOUT_BOOKS has no company 'frrt'"]

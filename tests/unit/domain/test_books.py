from typing import Any

import pytest
from pydantic import ValidationError

from shared.domain.books import Account, Books
from tests.unit.entities.objects import BOOKS


def faults_of(raw: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Books.model_validate(raw)
    return [error["msg"] for error in caught.value.errors(include_url=False)]


def test_books_survive_json() -> None:
    assert Books.model_validate_json(BOOKS.model_dump_json()) == BOOKS


def test_numbers_of_accounts_are_compared_without_case_but_with_type() -> None:
    bank = Account(type="Bank", id="STRIPE-USD")
    assert bank.is_same(Account(type="Bank", id="stripe-usd"))
    assert not bank.is_same(Account(type="Ledger", id="STRIPE-USD"))


def test_all_contradictions_are_told_at_once_with_their_places() -> None:
    raw = BOOKS.model_dump(mode="json")
    raw["default_company"] = "none"
    raw["currencies"]["usd"]["company"] = "gone"
    (message,) = faults_of(raw)
    assert "default_company names the company 'none'" in message
    assert "currencies.usd.company names the company 'gone'" in message


def test_a_clearing_account_that_is_also_the_bank_is_refused() -> None:
    raw = BOOKS.model_dump(mode="json")
    raw["currencies"]["usd"]["bank"] = raw["currencies"]["usd"]["clearing"]
    (message,) = faults_of(raw)
    assert message.startswith("Value error, currencies.usd.clearing must be different accounts")


@pytest.mark.parametrize("id", ["", "x" * 101])
def test_an_account_without_a_usable_number_is_refused(id: str) -> None:
    with pytest.raises(ValidationError):
        Account(type="Bank", id=id)


def with_shop(currency: str = "usd", **book: Any) -> dict[str, Any]:
    """The books, and a further Stripe account with a book of its own."""
    raw = BOOKS.model_dump(mode="json")
    account = {"type": "Bank", "id": "SHOP-CLEARING"}
    own = {**raw["currencies"]["usd"], "clearing": account, **book}
    raw["stripe_accounts"] = {"shop-eu": {"currencies": {currency: own}}}
    return raw


def test_two_stripe_accounts_may_have_the_same_currency_with_clearing_accounts_of_their_own() -> (
    None
):
    books = Books.model_validate(with_shop())
    assert books.of("shop-eu").currencies["usd"].clearing.id == "SHOP-CLEARING"
    assert books.of("default").currencies == BOOKS.currencies
    assert books.of("shop-eu").companies == books.of("default").companies == BOOKS.companies
    assert books.of("gone").currencies == {}
    assert Books.model_validate_json(books.model_dump_json()) == books


@pytest.mark.parametrize(
    ("book", "place"),
    [
        ({"clearing": {"type": "Bank", "id": "clearing-usd"}}, "clearing"),
        ({"clearing": {"type": "Bank", "id": "CLEARING-JPY"}}, "clearing"),
        ({"bank": {"type": "Bank", "id": "CLEARING-USD"}}, "bank"),
        ({"clearing": {"type": "Bank", "id": "BANK-USD"}}, "clearing"),
        ({"balances": {"issuing": {"type": "Bank", "id": "CLEARING-USD"}}}, "balances.issuing"),
        ({"clearing": {"type": "Ledger", "id": "US-fees"}}, "clearing"),
        ({"company": "gone"}, "company"),
    ],
)
def test_what_two_stripe_accounts_may_not_share_is_refused_by_place(
    book: dict[str, Any], place: str
) -> None:
    (message,) = faults_of(with_shop(**book))
    assert f"stripe_accounts.shop-eu.currencies.usd.{place} " in message


def test_a_stripe_account_has_at_least_one_currency_and_another_alias_than_the_default_one() -> (
    None
):
    raw = with_shop()
    raw["stripe_accounts"]["shop-eu"]["currencies"] = {}
    assert len(faults_of(raw)) == 1
    raw = with_shop()
    raw["stripe_accounts"] = {"default": raw["stripe_accounts"]["shop-eu"]}
    (message,) = faults_of(raw)
    assert "stripe_accounts.default is the account of STRIPE_API_KEY" in message


def test_currencies_listed_for_an_account_leave_the_default_one() -> None:
    books = BOOKS.assigned({"shop-eu": ("eur", "xxx"), "empty": ()})
    assert list(books.of("shop-eu").currencies) == ["eur"]
    assert list(books.of("default").currencies) == ["usd", "jpy", "kwd"]
    assert list(books.stripe_accounts) == ["shop-eu"]
    named = Books.model_validate(with_shop())
    assert named.assigned({"shop-eu": ("eur",)}) == named


@pytest.mark.parametrize("day", ["1793491200", "2026-13-01", "31.10.2026", "2026-10-31T00:00:00"])
def test_what_is_no_day_closes_nothing(day: str) -> None:
    raw = BOOKS.model_dump(mode="json")
    raw["companies"]["usmf"]["closed_through"] = day
    assert len(faults_of(raw)) == 1

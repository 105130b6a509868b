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

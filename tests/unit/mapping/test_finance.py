import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.books import Books
from shared.domain.documents import AccountRole, Document
from shared.domain.journal import Role
from shared.domain.money import Money, exponent
from shared.domain.values import Symbol
from shared.entities.common.journal_lines import CustomerPaymentLine, GeneralLine
from shared.entities.customer.records import CustomerRecord
from shared.errors import Parked
from shared.mapping.finance import Target, render
from shared.packaged import packaged_mapping
from shared.registry import REGISTRY
from tests.unit.entities.objects import BOOKS, customer_record, general_line

ROOT = Path(__file__).parents[3]
TEXT_CHARS_MAX = 60
NAME_CHARS_MAX = 100
TARGET = Target(BOOKS, "StripeCustomerId", 20, {("cus_1", "usmf"): "US-001"}, packaged_mapping())


CUSTOMER, FEES = AccountRole(Role.CUSTOMER, "cus_1"), AccountRole(Role.FEES)


def line(**changes: Any) -> GeneralLine:
    values: dict[str, Any] = {"role": "gross", "amount": Money(-5000, "usd"), "key": "txn_1:gross"}
    return general_line(**(values | changes))


def receipt(**changes: Any) -> CustomerPaymentLine:
    return CustomerPaymentLine.of(line(), **({"account": CUSTOMER} | changes))


def person(**changes: Any) -> CustomerRecord:
    return customer_record(**({"email": "ada@example.com"} | changes))


def parked(document: Document, target: Target = TARGET) -> Parked:
    with pytest.raises(Parked) as caught:
        render(document, target)
    return caught.value


def test_a_customer_payment_line_in_the_names_of_dynamics() -> None:
    record = render(receipt(), TARGET)
    assert (record.entity_set, record.key_field) == ("CustomerPaymentJournalLines", "PaymentId")
    assert record.fields == {
        "PaymentId": "txn_1:gross",
        "AccountType": Symbol("LedgerJournalACType", "Cust"),
        "AccountDisplayValue": "US-001",
        "OffsetAccountType": Symbol("LedgerJournalACType", "Bank"),
        "OffsetAccountDisplayValue": "CLEARING-USD",
        "CurrencyCode": "USD",
        "TransactionDate": date(2026, 11, 1),
        "TransactionText": "ch_1 charge",
        "CreditAmount": Decimal("50.00"),
        "PaymentNotes": "ch_1",
        "IsPrepayment": Symbol("NoYes", "No"),
        "PaymentMethodName": "STRIPE",
    }


def test_a_general_line_in_the_names_of_dynamics() -> None:
    record = render(line(amount=Money(175, "usd")), TARGET)
    assert (record.entity_set, record.key_field) == ("LedgerJournalLines", "PaymentId")
    assert record.fields == {
        "PaymentId": "txn_1:gross",
        "AccountType": Symbol("LedgerJournalACType", "Ledger"),
        "AccountDisplayValue": "US-fees",
        "OffsetAccountType": Symbol("LedgerJournalACType", "Bank"),
        "OffsetAccountDisplayValue": "CLEARING-USD",
        "CurrencyCode": "USD",
        "TransDate": date(2026, 11, 1),
        "Text": "ch_1 charge",
        "DebitAmount": Decimal("1.75"),
    }


def test_a_line_without_customer_goes_to_the_one_time_customer() -> None:
    document = receipt(account=AccountRole(Role.CUSTOMER))
    assert render(document, TARGET).fields["AccountDisplayValue"] == "US-ONE"


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.CUSTOMER])
def test_every_role_has_its_account(role: Role) -> None:
    offset = Role.CLEARING if role is not Role.CLEARING else Role.FEES
    record = render(line(account=AccountRole(role), offset=AccountRole(offset)), TARGET)
    expected = {Role.CLEARING: "CLEARING-USD", Role.BANK: "BANK-USD"}.get(role, f"US-{role}")
    assert record.fields["AccountDisplayValue"] == expected


@given(st.integers().filter(bool), st.sampled_from(["usd", "jpy", "kwd"]))
def test_debits_and_credits_are_positive_and_exact(minor: int, currency: str) -> None:
    fields = render(line(amount=Money(minor, currency)), TARGET).fields
    side, other = ("DebitAmount", "CreditAmount") if minor > 0 else ("CreditAmount", "DebitAmount")
    assert other not in fields
    amount = fields[side]
    assert isinstance(amount, Decimal)
    assert amount == abs(Decimal(minor) / 10 ** exponent(currency)) or abs(minor) >= 10**28
    assert amount == Money(abs(minor), currency).decimal()
    assert amount > 0


def test_a_role_without_account_parks_and_names_the_setting() -> None:
    raw = BOOKS.model_dump(mode="json")
    del raw["companies"]["usmf"]["accounts"]["reserves"]
    error = parked(
        line(account=AccountRole(Role.RESERVES)), replace(TARGET, books=Books.model_validate(raw))
    )
    assert error.cause == "account_not_configured"
    assert "accounts.reserves" in error.remedy


def test_a_key_that_does_not_fit_parks() -> None:
    error = parked(replace(line(), key="x" * 201))
    assert error.cause == "value_too_long"
    assert "PaymentId holds 200 characters" in str(error)
    assert render(replace(line(), key="x" * 200), TARGET).fields["PaymentId"] == "x" * 200


def test_a_long_text_is_cut_to_its_field() -> None:
    document = line(category="c" * 70, source="s")
    text = render(document, TARGET).fields["Text"]
    assert isinstance(text, str)
    assert len(text) == TEXT_CHARS_MAX


def test_a_line_without_source_has_no_trailing_space() -> None:
    document = line(category="fee", source="")
    assert render(document, TARGET).fields["Text"] == "fee"


def test_a_customer_in_the_names_of_dynamics() -> None:
    record = render(person(), TARGET)
    assert (record.entity_set, record.key_field) == ("CustomersV3", "StripeCustomerId")
    assert record.fields == {
        "StripeCustomerId": "cus_1",
        "OrganizationName": "Ada",
        "CustomerGroupId": "80",
        "SalesCurrencyCode": "USD",
        "PrimaryContactEmail": "ada@example.com",
    }


def test_a_customer_without_email_leaves_the_field_out() -> None:
    assert "PrimaryContactEmail" not in render(person(email=""), TARGET).fields


def test_a_long_name_is_cut_to_its_field() -> None:
    name = render(person(name="N" * 300), TARGET).fields["OrganizationName"]
    assert name == "N" * NAME_CHARS_MAX


def test_an_email_that_does_not_fit_parks() -> None:
    assert parked(person(email="e" * 256)).cause == "value_too_long"


def test_a_customer_id_that_does_not_fit_its_field_parks() -> None:
    error = parked(replace(person(), key="c" * 21))
    assert error.cause == "value_too_long"
    assert "StripeCustomerId holds 20 characters" in str(error)


def test_every_template_that_documents_name_is_spelled() -> None:
    documents = (ROOT / "shared/entities").rglob("*.py")
    code = "".join(path.read_text(encoding="utf-8") for path in documents)
    made = [
        kind.template for kind in REGISTRY.kinds if re.search(rf"\b{kind.__name__}(\.of)?\(", code)
    ]
    assert [name for name in TARGET.mapping.templates if name not in made] == []


def test_the_spelling_changes_nothing_of_the_document() -> None:
    document = line()
    assert render(document, TARGET).document is document

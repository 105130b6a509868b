"""How documents are spelled in Dynamics 365 Finance: one plain function a template.

Field names and sizes are those of the entity sets CustomersV3, CustomerPaymentJournalLines and
LedgerJournalLines. Amounts, keys, signs and accounts by role are given by the document.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from shared.domain.journal import Role
from shared.domain.money import Money
from shared.domain.records import Document, Record, Symbol, Value
from shared.errors import Parked
from shared.settings import Account, Books

PAYMENT_ID_CHARS_MAX = 200
TEXT_CHARS_MAX = 60
NAME_CHARS_MAX = 100
EMAIL_CHARS_MAX = 255
CUSTOMERS = "CustomersV3"
CUSTOMER_PAYMENT_LINES = "CustomerPaymentJournalLines"
LEDGER_LINES = "LedgerJournalLines"


@dataclass(frozen=True, slots=True)
class Target:
    """What the spelling may look up: accounts by role, customer accounts, field names.

    `customers`: (Stripe customer, company) -> customer account in Dynamics.
    """

    books: Books
    customer_id_property: str
    customer_id_chars_max: int
    customers: Mapping[tuple[str, str], str]


def _fits(value: str, chars_max: int, field: str) -> str:
    if len(value) > chars_max:
        raise Parked(
            "value_too_long",
            f"{field} holds {chars_max} characters, the value has {len(value)}",
            "Shorten the value in Stripe, or use a longer field, then retry.",
        )
    return value


def _account(part: Mapping[str, Any], document: Document, target: Target) -> tuple[str, str]:
    """Account type and number of a role in the document's company."""
    role = Role(part["role"])
    company = target.books.companies[document.company]
    if role is Role.CUSTOMER:
        customer = str(part["customer"])
        if not customer:
            return "Cust", company.one_time_customer
        return "Cust", target.customers[customer, document.company]
    book = target.books.currencies[str(document.facts["currency"])]
    by_role = {Role.CLEARING: book.clearing, Role.BANK: book.bank}
    account: Account | None = by_role.get(role) or company.accounts.get(role)
    if account is None:
        raise Parked(
            "account_not_configured",
            f"company {document.company} has no account for the role {role}",
            f"Add accounts.{role} to the company in TIEOUT_BOOKS, then retry.",
        )
    return account.type, account.id


def _sides(document: Document) -> dict[str, Value]:
    """Debit or credit of the account side; the other amount is zero and left out."""
    amount = Money(int(str(document.facts["amount_minor"])), str(document.facts["currency"]))
    if amount.minor > 0:
        return {"DebitAmount": amount.decimal()}
    return {"CreditAmount": (-amount).decimal()}


def _line(document: Document, target: Target, date_field: str, text_field: str) -> dict[str, Value]:
    facts: Mapping[str, Any] = document.facts
    kind, account = _account(facts["account"], document, target)
    offset_kind, offset = _account(facts["offset"], document, target)
    source = _fits(str(document.words["source"]), TEXT_CHARS_MAX, text_field)
    text = f"{source} {document.words['category']}".strip()
    return {
        "PaymentId": _fits(document.key, PAYMENT_ID_CHARS_MAX, "PaymentId"),
        "AccountType": Symbol("LedgerJournalACType", kind),
        "AccountDisplayValue": account,
        "OffsetAccountType": Symbol("LedgerJournalACType", offset_kind),
        "OffsetAccountDisplayValue": offset,
        "CurrencyCode": str(facts["currency"]).upper(),
        date_field: date.fromisoformat(str(facts["date"])),
        text_field: text[:TEXT_CHARS_MAX],
        **_sides(document),
    }


def _customer_payment_line(document: Document, target: Target) -> Record:
    fields = _line(document, target, "TransactionDate", "TransactionText")
    fields["PaymentNotes"] = str(document.words["source"])
    fields["IsPrepayment"] = Symbol("NoYes", "No")
    return Record(document, CUSTOMER_PAYMENT_LINES, "PaymentId", fields)


def _general_line(document: Document, target: Target) -> Record:
    fields = _line(document, target, "TransDate", "Text")
    return Record(document, LEDGER_LINES, "PaymentId", fields)


def _customer(document: Document, target: Target) -> Record:
    company = target.books.companies[document.company]
    key_field = target.customer_id_property
    fields: dict[str, Value] = {
        key_field: _fits(document.key, target.customer_id_chars_max, key_field),
        "OrganizationName": str(document.words["name"])[:NAME_CHARS_MAX],
        "CustomerGroupId": company.customer_group,
        "SalesCurrencyCode": str(document.words["currency"]).upper(),
    }
    email = str(document.words["email"])
    if email:
        fields["PrimaryContactEmail"] = _fits(email, EMAIL_CHARS_MAX, "PrimaryContactEmail")
    return Record(document, CUSTOMERS, key_field, fields)


TEMPLATES: Mapping[str, Callable[[Document, Target], Record]] = MappingProxyType(
    {
        "customer": _customer,
        "customer_payment_line": _customer_payment_line,
        "general_line": _general_line,
    }
)


def render(document: Document, target: Target) -> Record:
    """The record of a document. Raises `Parked` for a value that does not fit its field."""
    return TEMPLATES[document.template](document, target)

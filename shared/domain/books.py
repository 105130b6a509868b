"""The books: companies, their accounts by role, and where each settlement currency is booked.

This module refuses books that contradict themselves; `/api/ready` asks whether Dynamics has all
that they name.
"""

from collections.abc import Mapping
from datetime import date
from typing import Literal, Self

from pydantic import Field, model_validator

from shared.domain.journal import JournalKind, Role
from shared.domain.model import Model, ModelRefused
from shared.domain.money import exponent

REQUIRED_ROLES = (
    *(Role.FEES, Role.FEE_TAX, Role.DISPUTES, Role.PAYOUTS_IN_TRANSIT, Role.SUSPENSE),
)
APART_FROM_BANK = (Role.PAYOUTS_IN_TRANSIT, Role.SUSPENSE)
COMPANY_CHARS_MAX = 4


class Account(Model):
    """A bank or ledger account of a company."""

    type: Literal["Bank", "Ledger"]
    id: str = Field(min_length=1, max_length=100)

    def is_same(self, other: "Account") -> bool:
        """Dynamics ignores case in numbers of accounts."""
        return (self.type, self.id.casefold()) == (other.type, other.id.casefold())


class Company(Model):
    """What the integration needs to know of one legal entity (`dataAreaId`)."""

    journals: Mapping[JournalKind, str]
    customer_group: str = Field(min_length=1, max_length=10)
    one_time_customer: str = Field(min_length=1, max_length=20)
    accounts: Mapping[Role, Account]
    closed_through: date | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        missing = [str(kind) for kind in JournalKind if not self.journals.get(kind)]
        missing += [str(role) for role in REQUIRED_ROLES if role not in self.accounts]
        if missing:
            raise ValueError(f"missing: {', '.join(missing)}")
        names = [self.journals[kind] for kind in JournalKind]
        if len({name.casefold() for name in names}) < len(names):
            kinds = " and ".join(str(kind) for kind in JournalKind)
            raise ModelRefused(
                [("journals", f"must name two: {kinds} are both {names[0]!r}, of two types")]
            )
        transit, suspense = (
            self.accounts[role] for role in (Role.PAYOUTS_IN_TRANSIT, Role.SUSPENSE)
        )
        if transit.is_same(suspense):
            raise ModelRefused([("accounts", _clash("payouts_in_transit and suspense", transit))])
        return self


class Book(Model):
    """Where a settlement currency is booked: the owner company, its clearing and its bank."""

    company: str = Field(min_length=1, max_length=COMPANY_CHARS_MAX)
    clearing: Account
    bank: Account
    balance_type: str = "payments"


class Books(Model):
    """Companies by `dataAreaId`, books by lower-case currency."""

    companies: Mapping[str, Company]
    currencies: Mapping[str, Book]
    default_company: str = Field(min_length=1, max_length=COMPANY_CHARS_MAX)

    @model_validator(mode="after")
    def _known(self) -> Self:
        faults: list[tuple[str, str]] = []
        if not self.currencies:
            faults.append(("currencies", "is empty: at least one is needed"))
        rendered: dict[str, str] = {}
        for company in self.companies:
            if not 1 <= len(company) <= COMPANY_CHARS_MAX:
                faults.append(("companies", f"names {company[:20]!r}, which is not a dataAreaId"))
            other = rendered.setdefault(company.casefold(), company)
            if other != company:
                faults.append(("companies", f"names one company twice: {other!r}, {company!r}"))
        for currency, book in self.currencies.items():
            try:
                exponent(currency)
            except ValueError:
                faults.append((f"currencies.{currency}", "is not a lower-case currency code"))
            if book.company not in self.companies:
                reason = f"names the company {book.company!r}, which companies does not have"
                faults.append((f"currencies.{currency}.company", reason))
        if self.default_company not in self.companies:
            reason = f"names the company {self.default_company!r}, which companies does not have"
            faults.append(("default_company", reason))
        faults = faults or _clashes(self)
        if faults:
            raise ModelRefused(faults)
        return self


def _clash(what: str, account: Account) -> str:
    return (
        f"must be different accounts: {what} are both {account.type} {account.id!r}, "
        "so the clearing proof could not distinguish their lines"
    )


def _clashes(books: Books) -> list[tuple[str, str]]:
    """Accounts that stand for two things which the proof and the tie-out must tell apart."""
    faults: list[tuple[str, str]] = []
    owners: list[tuple[str, Book]] = []
    for currency, book in books.currencies.items():
        place = f"currencies.{currency}.clearing"
        for other, earlier in owners:
            if earlier.company == book.company and earlier.clearing.is_same(book.clearing):
                what = f"the clearing accounts of {other} and {currency}"
                faults.append((place, _clash(what, book.clearing)))
            if earlier.company == book.company and earlier.clearing.is_same(book.bank):
                what = f"the clearing account of {other} and the bank of {currency}"
                faults.append((f"currencies.{currency}.bank", _clash(what, book.bank)))
            if earlier.company == book.company and earlier.bank.is_same(book.clearing):
                what = f"the bank of {other} and the clearing account of {currency}"
                faults.append((place, _clash(what, book.clearing)))
        owners.append((currency, book))
        if book.clearing.is_same(book.bank):
            faults.append((place, _clash("clearing and bank", book.clearing)))
        for role, account in books.companies[book.company].accounts.items():
            if account.is_same(book.clearing):
                faults.append((place, _clash(f"clearing and accounts.{role}", account)))
            elif role in APART_FROM_BANK and account.is_same(book.bank):
                what = f"bank and accounts.{role}"
                faults.append((f"currencies.{currency}.bank", _clash(what, account)))
    return faults

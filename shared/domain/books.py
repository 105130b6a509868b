"""The books: companies, their accounts by role, and where each settlement currency is booked.

`currencies` are those of the default Stripe account, `stripe_accounts` has those of the others.

This module refuses books that contradict themselves; `/api/ready` asks whether Dynamics has all
that they name.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from shared.domain.closed_days import FOLLOW
from shared.domain.journal import JournalKind, Role
from shared.domain.model import Model, ModelRefused
from shared.domain.money import exponent, is_currency
from shared.domain.partition import DEFAULT_ACCOUNT

REQUIRED_ROLES = (
    *(Role.FEES, Role.FEE_TAX, Role.DISPUTES, Role.PAYOUTS_IN_TRANSIT, Role.SUSPENSE),
)
APART_FROM_BANK = (Role.PAYOUTS_IN_TRANSIT, Role.SUSPENSE)
COMPANY_CHARS_MAX = 4
PAYMENTS = "payments"  # the balance type that payouts are paid from

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _day(value: object) -> object:
    """A day, or the word for those that Dynamics closes. pydantic would take a number for seconds
    since 1970."""
    if value is None or value == FOLLOW or type(value) is date:
        return value
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass  # no day of the calendar: said below
    raise ValueError(f"must be a date like 2026-09-30, or {FOLLOW}")


class Account(Model):
    """A bank or ledger account of a company."""

    type: Literal["Bank", "Ledger"]
    id: str = Field(min_length=1, max_length=100)

    def is_same(self, other: "Account") -> bool:
        """Dynamics ignores case in numbers of accounts."""
        return (self.type, self.id.casefold()) == (other.type, other.id.casefold())


class StripeVendor(Model):
    """Stripe as a vendor: its account, the journal names of the invoices of its fees (of type
    `VendInvoiceRegister` or `PurchaseLedger`) and of their settlements (`Payment`), and the sales
    tax groups of the reverse charge; empty where there is none."""

    account: str = Field(min_length=1, max_length=20)
    invoice_journal: str = Field(min_length=1, max_length=10)
    payment_journal: str = Field(min_length=1, max_length=10)
    sales_tax_group: str = Field(default="", max_length=10)
    item_sales_tax_group: str = Field(default="", max_length=10)

    @model_validator(mode="after")
    def _both_groups(self) -> Self:
        if bool(self.sales_tax_group) != bool(self.item_sales_tax_group):
            reason = "goes with item_sales_tax_group: without both Dynamics computes no tax"
            raise ModelRefused([("sales_tax_group", reason)])
        return self


class Company(Model):
    """What the integration needs to know of one legal entity (`dataAreaId`)."""

    journals: Mapping[JournalKind, str]
    customer_group: str = Field(min_length=1, max_length=10)
    one_time_customer: str = Field(min_length=1, max_length=20)
    accounts: Mapping[Role, Account]
    closed_through: Annotated[date | Literal["follow"] | None, BeforeValidator(_day)] = None
    accounting_currency: str = ""  # that of its ledger, lower case; empty: not said
    stripe_vendor: StripeVendor | None = None

    @field_validator("accounting_currency")
    @classmethod
    def _code(cls, value: str) -> str:
        if value and not is_currency(value):
            raise ValueError("is not a lower-case currency code")
        return value

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
    """Where a settlement currency is booked: the owner company, its clearing and its bank.

    `balances`: the clearing accounts of Stripe's other balances in the currency, by `balance_type`
    (`issuing`, ...). https://docs.stripe.com/api/balance_transactions/object
    """

    company: str = Field(min_length=1, max_length=COMPANY_CHARS_MAX)
    clearing: Account
    bank: Account
    balance_type: str = PAYMENTS
    balances: Mapping[Annotated[str, Field(pattern=r"^[a-z_]{1,60}$")], Account] = Field(
        default_factory=dict
    )

    @model_validator(mode="after")
    def _one_account_each(self) -> Self:
        if self.balance_type in self.balances:
            reason = "is the balance of clearing itself: leave it out"
            raise ModelRefused([(f"balances.{self.balance_type}", reason)])
        return self

    @property
    def clearing_accounts(self) -> dict[str, Account]:
        """The clearing accounts by balance type."""
        return {self.balance_type: self.clearing, **self.balances}

    def of(self, balance_type: str) -> "Book | None":
        """The same book with the clearing account of a balance type; None where it has none."""
        clearing = self.clearing_accounts.get(balance_type)
        if clearing is None or balance_type == self.balance_type:
            return None if clearing is None else self
        changes = {"clearing": clearing, "balance_type": balance_type, "balances": {}}
        return self.model_copy(update=changes)


class AccountBooks(Model):
    """The books of one Stripe account beside the default one, by lower-case currency."""

    currencies: Mapping[str, Book] = Field(min_length=1)


class Books(Model):
    """Companies by `dataAreaId`, books by lower-case currency: those of the default Stripe account
    in `currencies`, those of the others by alias in `stripe_accounts`."""

    companies: Mapping[str, Company]
    currencies: Mapping[str, Book]
    default_company: str = Field(min_length=1, max_length=COMPANY_CHARS_MAX)
    stripe_accounts: Mapping[str, AccountBooks] = Field(default_factory=dict)

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
        for placed in self.placed:
            place, book = placed.place, placed.book
            try:
                exponent(placed.currency)
            except ValueError:
                faults.append((place, "is not a lower-case currency code"))
            if book.company not in self.companies:
                reason = f"names the company {book.company!r}, which companies does not have"
                faults.append((f"{place}.company", reason))
        if DEFAULT_ACCOUNT in self.stripe_accounts:
            reason = "is the account of STRIPE_API_KEY: its books stand in currencies"
            faults.append((f"stripe_accounts.{DEFAULT_ACCOUNT}", reason))
        if self.default_company not in self.companies:
            reason = f"names the company {self.default_company!r}, which companies does not have"
            faults.append(("default_company", reason))
        faults = faults or _clashes(self)
        if faults:
            raise ModelRefused(faults)
        return self

    @property
    def placed(self) -> list["PlacedBook"]:
        """Every book of every Stripe account, the default one's first."""
        by_alias = {alias: books.currencies for alias, books in self.stripe_accounts.items()}
        return [
            PlacedBook(alias, currency, book)
            for alias, currencies in {DEFAULT_ACCOUNT: self.currencies, **by_alias}.items()
            for currency, book in currencies.items()
        ]

    def of(self, alias: str) -> "Books":
        """The books of one Stripe account: the same companies, its currencies alone. An account
        that is not named has none, so that its money parks."""
        if alias == DEFAULT_ACCOUNT:
            return self.model_copy(update={"stripe_accounts": {}}) if self.stripe_accounts else self
        named = self.stripe_accounts.get(alias)
        currencies = {} if named is None else named.currencies
        return self.model_copy(update={"currencies": currencies, "stripe_accounts": {}})

    def assigned(self, listed: Mapping[str, Sequence[str]]) -> "Books":
        """These books with currencies of the default account given to others: those that
        `listed` has by alias. An account that the books name themselves keeps what they say."""
        given = {
            alias: AccountBooks(currencies={name: self.currencies[name] for name in own})
            for alias, names in listed.items()
            if alias not in self.stripe_accounts
            and (own := [name for name in names if name in self.currencies])
        }
        if not given:
            return self
        taken = [name for books in given.values() for name in books.currencies]
        left = {name: book for name, book in self.currencies.items() if name not in taken}
        accounts = {**self.stripe_accounts, **given}
        return self.model_copy(update={"currencies": left, "stripe_accounts": accounts})


@dataclass(frozen=True, slots=True)
class PlacedBook:
    """The book of a currency of a Stripe account, with its place in the books."""

    account: str
    currency: str
    book: Book

    @property
    def place(self) -> str:
        """Where it stands: `currencies.usd`, `stripe_accounts.shop-eu.currencies.usd`."""
        own = f"currencies.{self.currency}"
        return own if self.account == DEFAULT_ACCOUNT else f"stripe_accounts.{self.account}.{own}"

    @property
    def name(self) -> str:
        """What people call it: `usd`, `usd of shop-eu`."""
        own = self.account == DEFAULT_ACCOUNT
        return self.currency if own else f"{self.currency} of {self.account}"

    def clearings(self) -> Iterator[tuple[str, str, Account]]:
        """Place, name and account of everything that its lines are proved on."""
        yield f"{self.place}.clearing", f"clearing account of {self.name}", self.book.clearing
        for kind, account in self.book.balances.items():
            yield f"{self.place}.balances.{kind}", f"{kind} account of {self.name}", account


def _clash(what: str, account: Account) -> str:
    return (
        f"must be different accounts: {what} are both {account.type} {account.id!r}, "
        "so the clearing proof could not distinguish their lines"
    )


def _clashes(books: Books) -> list[tuple[str, str]]:
    """Accounts that stand for two things which the proof and the tie-out must tell apart."""
    faults: list[tuple[str, str]] = []
    proved: list[tuple[str, str, str, Account]] = []
    banks: list[tuple[str, str, Account]] = []
    for placed in books.placed:
        company, bank = placed.book.company, placed.book.bank
        for place, name, account in placed.clearings():
            for other_company, _, earlier, other in proved:
                if other_company == company and other.is_same(account):
                    faults.append((place, _clash(f"the {earlier} and the {name}", account)))
            for other_company, earlier, other in banks:
                if other_company == company and other.is_same(account):
                    faults.append((place, _clash(f"the {earlier} and the {name}", account)))
            proved.append((company, place, name, account))
        banks.append((company, f"bank of {placed.name}", bank))
        for other_company, place, name, other in proved:
            if other_company == company and other.is_same(bank):
                own = place.startswith(f"{placed.place}.")
                where = place if own else f"{placed.place}.bank"
                faults.append((where, _clash(f"the {name} and the bank of {placed.name}", other)))
        faults += _role_clashes(books, placed)
    return faults


def _role_clashes(books: Books, placed: PlacedBook) -> Iterator[tuple[str, str]]:
    bank = placed.book.bank
    for role, account in books.companies[placed.book.company].accounts.items():
        for place, _, clearing in placed.clearings():
            if account.is_same(clearing):
                what = f"{place.rpartition('.')[2]} and accounts.{role}"
                yield place, _clash(what, clearing)
        if role in APART_FROM_BANK and account.is_same(bank):
            yield f"{placed.place}.bank", _clash(f"bank and accounts.{role}", account)

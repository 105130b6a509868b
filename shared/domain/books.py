"""The books: companies, their accounts by role, and where each settlement currency is booked.

This module refuses books that contradict themselves; `/api/ready` asks whether Dynamics has all
that they name.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.domain.journal import JournalKind, Role
from shared.domain.model import Model, ModelRefused
from shared.domain.money import exponent

REQUIRED_ROLES = (
    *(Role.FEES, Role.FEE_TAX, Role.DISPUTES, Role.PAYOUTS_IN_TRANSIT, Role.SUSPENSE),
)
APART_FROM_BANK = (Role.PAYOUTS_IN_TRANSIT, Role.SUSPENSE)
COMPANY_CHARS_MAX = 4
PAYMENTS = "payments"  # the balance type that payouts are paid from


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
    closed_through: date | None = None
    stripe_vendor: StripeVendor | None = None

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


def _clearings(currency: str, book: Book) -> Iterator[tuple[str, str, Account]]:
    """Place, name and account of what a currency's lines are proved on."""
    yield f"currencies.{currency}.clearing", f"clearing account of {currency}", book.clearing
    for kind, account in book.balances.items():
        yield f"currencies.{currency}.balances.{kind}", f"{kind} account of {currency}", account


def _clashes(books: Books) -> list[tuple[str, str]]:
    """Accounts that stand for two things which the proof and the tie-out must tell apart."""
    faults: list[tuple[str, str]] = []
    proved: list[tuple[str, str, str, Account]] = []
    banks: list[tuple[str, str, Account]] = []
    for currency, book in books.currencies.items():
        for place, name, account in _clearings(currency, book):
            for company, _, earlier, other in proved:
                if company == book.company and other.is_same(account):
                    faults.append((place, _clash(f"the {earlier} and the {name}", account)))
            for company, earlier, other in banks:
                if company == book.company and other.is_same(account):
                    faults.append((place, _clash(f"the {earlier} and the {name}", account)))
            proved.append((book.company, place, name, account))
        banks.append((book.company, f"bank of {currency}", book.bank))
        for company, place, name, other in proved:
            if company == book.company and other.is_same(book.bank):
                own = place.startswith(f"currencies.{currency}.")
                where = place if own else f"currencies.{currency}.bank"
                what = f"the {name} and the bank of {currency}"
                faults.append((where, _clash(what, other)))
        faults += _role_clashes(books, currency, book)
    return faults


def _role_clashes(books: Books, currency: str, book: Book) -> Iterator[tuple[str, str]]:
    for role, account in books.companies[book.company].accounts.items():
        for place, _, clearing in _clearings(currency, book):
            if account.is_same(clearing):
                what = f"{place.rpartition('.')[2]} and accounts.{role}"
                yield place, _clash(what, clearing)
        if role in APART_FROM_BANK and account.is_same(book.bank):
            yield f"currencies.{currency}.bank", _clash(f"bank and accounts.{role}", account)

"""The choices that are not rendering: order or receipt, routing to companies, settlement.

A section of the mapping, versioned with it (`kind: policy`), which entities get as data. Rules
are lists: the first that holds decides. A condition names what must be equal; there is no
expression language. Without a policy all defaults below apply. A condition that nothing can meet is
refused: something that is not a currency, a list that is named and empty.
"""

import re
from collections.abc import Mapping, Sized
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from shared.domain.books import Books
from shared.domain.ids import is_id
from shared.domain.model import Model
from shared.domain.money import is_currency

RULES_MAX = 100
VALUES_MAX = 1_000

WAIT_HOURS_MAX = 8_760  # a year

METADATA_KEYS_MAX = 20

_METADATA_KEY = re.compile(r"[A-Za-z0-9_-]{1,40}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ACCOUNT_PREFIX = "acct_"


def _named[Found: Sized](found: Found) -> Found:
    if not found:
        raise ValueError("names no value, so it never holds; name one, or leave it out")
    return found


def _currency(text: str) -> str:
    if not is_currency(text):
        raise ValueError("a currency is three lower-case letters, such as eur")
    return text


def _product(text: str) -> str:
    if not is_id(text):
        raise ValueError("a product is a Stripe id, such as prod_9sT")
    return text


def _account(text: str) -> str:
    if not text.startswith(_ACCOUNT_PREFIX) or not is_id(text) or text == _ACCOUNT_PREFIX:
        raise ValueError("an account is a Stripe id, such as acct_1Nv")
    return text


def _metadata_key(text: str) -> str:
    if not _METADATA_KEY.fullmatch(text):
        raise ValueError("a key of metadata that mappings read has letters, digits, _ and - only")
    return text


def _day(value: object) -> date | None:
    """A day of a document: pydantic would take a number for seconds since 1970."""
    if value is None or type(value) is date:
        return value
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass  # a day that no month has
    raise ValueError('must be a day in quotes, such as "2026-12-01"')


type Listed[Each] = Annotated[
    tuple[Each, ...], Field(max_length=VALUES_MAX), AfterValidator(_named)
]
type Value = Annotated[str, AfterValidator(_named)]


class Sale(StrEnum):
    """What a charge without invoice becomes besides its money line."""

    RECEIPT = "receipt"  # nothing: whoever sold it books the revenue
    ORDER = "order"  # a sales order


class RefundDocument(StrEnum):
    """What a refund becomes besides its money line."""

    NONE = "none"
    FREE_TEXT = "free_text"
    RETURN_ORDER = "return_order"


class OrderTax(StrEnum):
    """Where the tax of orders is computed."""

    CODES = "codes"  # in Dynamics, from sales tax groups that tables give for each tax key
    LINES = "lines"  # in Stripe: one line of the order for each tax key


class Lines(StrEnum):
    """Where a sale tells its lines."""

    CHECKOUT = "checkout"  # the line items of its Checkout Session
    METADATA = "metadata"  # the metadata `items`
    NONE = "none"  # nowhere: an order has one line, the default item


class Subject(Model):
    """What a condition may look at: currency in lower case, metadata, products, account, the day of
    the charge in the cut-off time zone, and where its lines are told."""

    currency: str
    metadata: Mapping[str, str] = Field(default_factory=dict)
    products: tuple[str, ...] = ()
    account: str = ""
    day: date | None = None
    lines: Lines = Lines.NONE


class When(Model):
    """A condition: everything named must hold; nothing named always holds.

    `product`: any of the sale's products; `account`: the connected account; `since`: the first
    day that the rule is for; `lines`: where the sale tells its lines.
    """

    currency: Listed[Annotated[str, AfterValidator(_currency)]] = ()
    metadata: Annotated[
        Mapping[str, Listed[Value]], Field(max_length=RULES_MAX), AfterValidator(_named)
    ] = Field(default_factory=dict)
    product: Listed[Annotated[str, AfterValidator(_product)]] = ()
    account: Listed[Annotated[str, AfterValidator(_account)]] = ()
    since: Annotated[date | None, BeforeValidator(_day)] = None
    lines: Listed[Lines] = ()

    def holds(self, subject: Subject) -> bool:
        """Whether the subject meets everything that is named."""
        return (
            (not self.currency or subject.currency in self.currency)
            and (not self.account or subject.account in self.account)
            and (not self.lines or subject.lines in self.lines)
            and (self.since is None or (subject.day is not None and subject.day >= self.since))
            and (not self.product or any(each in self.product for each in subject.products))
            and all(subject.metadata.get(name) in values for name, values in self.metadata.items())
        )


class SaleRule(Model):
    """How the sales that meet `when` are booked."""

    when: When = When()
    book: Sale


class RouteRule(Model):
    """The company that sells what meets `when`; clearing and bank stay with the owner."""

    when: When = When()
    company: str = Field(min_length=1, max_length=4)


class Orders(Model):
    """Sales orders. `partial_capture`: a charge that was captured in part parks, or its lines are
    reduced in proportion. `rounding_minor_max`: the largest rounding line, in minor units.
    `tax_difference_minor_max`: by how much the tax of a code may differ from Stripe's."""

    partial_capture: Literal["park", "spread"] = "park"
    rounding_minor_max: int = Field(default=100, ge=0, le=1_000)
    tax_difference_minor_max: int = Field(default=2, ge=0, le=100)


class Receipts(Model):
    """Settlement of receipts. `marked`: the draft is marked with the posted invoice, for which the
    receipt waits `wait_hours`; then it goes over `unapplied_receipts`. `automatic`: it stays on the
    customer, for Dynamics' automatic settlement."""

    settle: Literal["marked", "automatic"] = "marked"
    wait_hours: int = Field(default=24, ge=0, le=WAIT_HOURS_MAX)


class Refunds(Model):
    """Credit memos of sales that are orders of ours, and of sales booked elsewhere that name their
    invoice or order in metadata."""

    of_orders: RefundDocument = RefundDocument.FREE_TEXT
    of_receipts: Literal[RefundDocument.NONE, RefundDocument.FREE_TEXT] = RefundDocument.NONE


class Loss(StrEnum):
    """Where the amount of a lost dispute goes."""

    LOSSES = "losses"  # the role `dispute_losses`
    RECEIVABLE = "receivable"  # back to the customer, who owes it again
    CREDIT_NOTE = "credit_note"  # to the customer, with a credit memo of the sale


class LossRule(Model):
    """Where lost disputes of payments by one of the methods go; `method` left out: of any."""

    method: Listed[Value] = ()
    book: Loss


class Disputes(Model):
    """Disputes. `lost`: the first rule that holds decides; `losses` where none does."""

    lost: Annotated[tuple[LossRule, ...], Field(max_length=RULES_MAX)] = ()

    def of(self, method: str) -> Loss:
        """Where a lost dispute goes, by the type of the payment method (`card`, ...)."""
        rules = (rule.book for rule in self.lost if not rule.method or method in rule.method)
        return next(rules, Loss.LOSSES)


class Fees(StrEnum):
    """How Stripe's fees are booked."""

    JOURNAL = "journal"  # each to the account of its kind
    VENDOR_INVOICE = "vendor_invoice"  # all to `fees_accrued`, until Stripe's tax document comes


class Customers(Model):
    """Customers. `find_by`: what an existing account is looked for by, besides the Stripe id, in
    this order. `write_back`: the account's number goes into Stripe's metadata."""

    find_by: tuple[Literal["tax_id", "email"], ...] = ("tax_id", "email")
    write_back: bool = False


class Catalogue(Model):
    """Products and prices. `off`: none of them is booked. `link`: products must stand in the table
    `items`. `create`: products without a row there become released products."""

    products: Literal["off", "link", "create"] = "off"
    prices: bool = False


class Policy(Model):
    """All choices of a version. `tax` must be chosen once there are orders: the readiness check
    says so. Without it, orders are made as `lines` says. `metadata`: the keys of a sale's metadata
    that mappings may read; documents remember no others."""

    sales: Annotated[tuple[SaleRule, ...], Field(max_length=RULES_MAX)] = ()
    routes: Annotated[tuple[RouteRule, ...], Field(max_length=RULES_MAX)] = ()
    orders: Orders = Orders()
    receipts: Receipts = Receipts()
    refunds: Refunds = Refunds()
    disputes: Disputes = Disputes()
    fees: Fees = Fees.JOURNAL
    customers: Customers = Customers()
    catalogue: Catalogue = Catalogue()
    tax: OrderTax | None = None
    metadata: Annotated[
        tuple[Annotated[str, AfterValidator(_metadata_key)], ...],
        Field(max_length=METADATA_KEYS_MAX),
    ] = ()

    @model_validator(mode="after")
    def _credits_carry_codes(self) -> Self:
        if self.tax is OrderTax.CODES and self.refunds.of_orders is RefundDocument.RETURN_ORDER:
            raise ValueError(
                "refunds.of_orders: return_order does not go with tax: codes, as the lines of "
                "return orders carry no sales tax group; choose free_text"
            )
        return self

    @property
    def has_orders(self) -> bool:
        """Whether any sale may become an order."""
        return any(rule.book is Sale.ORDER for rule in self.sales)

    @property
    def has_documents(self) -> bool:
        """Whether any sale may have documents besides its money lines."""
        return self.has_orders or self.refunds.of_receipts is not RefundDocument.NONE

    def sale(self, subject: Subject) -> Sale:
        """How a charge without invoice is booked; a receipt where no rule says otherwise."""
        return next((rule.book for rule in self.sales if rule.when.holds(subject)), Sale.RECEIPT)

    def company(self, subject: Subject, owner: str) -> str:
        """The company that sells; the owner of the Stripe account where no rule says otherwise."""
        return next((rule.company for rule in self.routes if rule.when.holds(subject)), owner)


DEFAULT = Policy()


def problems(policy: Policy, books: Books) -> list[str]:
    """What of a policy these books cannot carry: companies they do not know."""
    return [
        f"routes.{index}.company: TIEOUT_BOOKS has no company {rule.company!r}"
        for index, rule in enumerate(policy.routes)
        if rule.company not in books.companies
    ]

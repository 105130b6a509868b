"""What the documents of all entities share: their input, their result, small readers.

Readers take Stripe objects of any API version since 2017: a field may be missing, null, an id or
an expanded object. What cannot be read parks with the name of the field.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from shared.domain.books import PAYMENTS, Book, Books, Company
from shared.domain.corrections import Correction
from shared.domain.documents import Document
from shared.domain.money import Money
from shared.domain.records import Choice, Intent, Link, Record, Ref
from shared.entities.common.reference import id_of as id_of
from shared.errors import Parked, TieoutError, Waiting
from shared.policy import DEFAULT, Policy

type Json = dict[str, Any]

MOMENT_MAX = 253_402_214_400  # 9999-12-31, a day early: a zone may be ahead of UTC


@dataclass(frozen=True, slots=True)
class Query:
    """What documents need to know of Dynamics: the records whose `field` is `value`.

    The answer appears in `Snapshot.answers` under `name`, with the properties of `select`.
    """

    name: str
    entity_set: str
    company: str
    field: str
    value: str
    select: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The current state of a Stripe object, with what else its documents need.

    `related`: further objects by name (`charge`: the charge that a refund belongs to).
    `companies`: for master data, the companies that need it. `links`: what was written for the
    object before, by role; `intents`: what may have been. `answers`: records of Dynamics by the
    name of the query. `choices`: what people decided about the customer, by company.
    `was_settled`: all that was wanted then was written before. `of_charge`: what was written or
    announced under other objects for the charge behind this one (`entities/common/origin.py`).
    `is_erased`: the customer was erased, and `object` says nothing personal.
    Of disputes: `of_transactions`, the gross lines of its balance transactions that are written, by
    their id (None where there is none); `by_hand`, those that a person booked; `closed_seen_at`,
    when it was first seen closed. `corrections`: what people ordered about its lines.
    """

    entity: str
    id: str
    object: Json
    related: Mapping[str, Json] = field(default_factory=dict)
    companies: tuple[str, ...] = ()
    links: Mapping[str, Link] = field(default_factory=dict)
    intents: Mapping[str, Intent] = field(default_factory=dict)
    answers: Mapping[str, tuple[Json, ...]] = field(default_factory=dict)
    choices: Mapping[str, Choice] = field(default_factory=dict)
    was_settled: bool = False
    of_charge: Mapping[str, Record] = field(default_factory=dict)
    is_erased: bool = False
    of_transactions: Mapping[str, Record | None] = field(default_factory=dict)
    by_hand: tuple[str, ...] = ()
    closed_seen_at: datetime | None = None
    corrections: tuple[Correction, ...] = ()

    def record(self, role: str) -> Record | None:
        """The record of a role as it was written or announced."""
        kept = self.links.get(role) or self.intents.get(role)
        return None if kept is None else kept.record

    def written(self, role: str) -> Document | None:
        """The document of a role as it was written or announced."""
        record = self.record(role)
        return None if record is None else record.document


@dataclass(frozen=True, slots=True)
class FlowStart:
    """A durable flow that has to run for the object."""

    name: str
    instance: str
    input: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Enqueue:
    """Another object that has to be converged: unless it is settled, or `even_if_settled`.

    `reason` is the id of the message, so that one reason leads to one message.
    """

    ref: Ref
    reason: str
    even_if_settled: bool = False


@dataclass(frozen=True, slots=True)
class Decided:
    """A document for a charge of which nothing was written yet: today's rule decided its company
    and customer, and what follows goes there too, once it is written."""

    charge: str
    document: Document


@dataclass(frozen=True, slots=True)
class Listed:
    """A receipt that a person may want to know of: on account, unapplied, applied later."""

    kind: str
    company: str
    invoice: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Desired:
    """What must exist for one object.

    `documents` to hold in Dynamics, parents before what belongs to them; `masters` first, inline;
    `enqueue`: other objects that have to be converged by their own queues; `flows` to start;
    `parked`, `waiting`: written all the same, then put before a person or on the list.
    `unfinished`: documents are missing, for this reason; what is there goes on without them.
    `listed`: for the list of receipts. `decided`: to be on record before anything is written.
    """

    documents: tuple[Document, ...] = ()
    masters: tuple[Ref, ...] = ()
    enqueue: tuple[Enqueue, ...] = ()
    flows: tuple[FlowStart, ...] = ()
    parked: Parked | None = None
    waiting: Waiting | None = None
    unfinished: TieoutError | None = None
    listed: Listed | None = None
    decided: Decided | None = None

    @property
    def final(self) -> tuple[Document, ...]:
        """The documents without those as which a record only begins."""
        return tuple({document.role: document for document in self.documents}.values())


@dataclass(frozen=True, slots=True)
class TaxTables:
    """The tables of the mapping by tax key. `groups`, `item_groups`: the sales tax groups that
    Dynamics computes the tax from; `items`, `accounts`: the item of a line of tax, and the main
    account of its credit, where they are not those of all tax."""

    groups: Mapping[str, str] = field(default_factory=dict)
    item_groups: Mapping[str, str] = field(default_factory=dict)
    items: Mapping[str, str] = field(default_factory=dict)
    accounts: Mapping[str, str] = field(default_factory=dict)


TAX_TABLES = ("sales_tax_groups", "item_sales_tax_groups", "tax_items", "tax_accounts")
"""Their names in the mapping, in the order of the fields."""


@dataclass(frozen=True, slots=True)
class Context:
    """What documents may depend on besides their snapshot: settings, policy, the moment.

    `customer_id_property`: the field of customers that holds the Stripe id. `items`: item numbers
    by Stripe's products, the table of the mapping; `tax`: its tables by tax key.
    """

    books: Books
    time_zone: str = "UTC"
    policy: Policy = DEFAULT
    now: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    customer_id_property: str = ""
    items: Mapping[str, str] = field(default_factory=dict)
    tax: TaxTables = TaxTables()

    def book(self, currency: str, balance_type: str = PAYMENTS) -> Book:
        """The book of a settlement currency, with the clearing account of a balance type. Raises
        `Parked` when there is none."""
        book = self.books.currencies.get(currency)
        if book is None:
            raise Parked(
                "currency_not_configured",
                f"no book is set up for {currency.upper()}",
                "Add the currency to TIEOUT_BOOKS with company, clearing and bank (with several "
                "Stripe accounts, let this one settle in it: TIEOUT_STRIPE_ACCOUNTS), then retry.",
            )
        found = book.of(balance_type)
        if found is None:
            raise Parked(
                "balance_not_configured",
                f"no clearing account is set up for the balance {balance_type} in "
                f"{currency.upper()}",
                f"Add balances.{balance_type}, an account of its own, to currencies.{currency} in "
                "TIEOUT_BOOKS, then retry.",
            )
        return found

    def company(self, name: str) -> Company:
        """The settings of a company. Raises `Parked` for one that was written to and is not in the
        books any more; books and policy name only companies that exist."""
        if name not in self.books.companies:
            raise Parked(
                "company_not_configured",
                f"the sale was booked in company {name}, which TIEOUT_BOOKS no longer has",
                "Put the company back into TIEOUT_BOOKS (companies), then retry.",
            )
        return self.books.companies[name]

    def is_within(self, hours: int, seconds: int) -> bool:
        """Whether no more than so many hours have passed since a moment (seconds since 1970)."""
        return self.now.timestamp() - seconds <= timedelta(hours=hours).total_seconds()

    def local_date(self, seconds: int) -> date:
        """The day of a moment in the cut-off time zone."""
        return day(seconds, ZoneInfo(self.time_zone))


def day(seconds: int, zone: tzinfo = UTC) -> date:
    """The day of a Stripe time stamp (seconds since 1970) in a zone."""
    return datetime.fromtimestamp(seconds, zone).date()


def check_open(company: Company, name: str, when: date) -> None:
    """Raises `Parked` when the books of the company are closed for this day."""
    if company.closed_through is not None and when <= company.closed_through:
        raise Parked(
            "period_closed",
            f"{name} is closed through {company.closed_through}, the line is of {when}",
            "Open the period in Dynamics and in TIEOUT_BOOKS (closed_through), then retry.",
        )


def unreadable(entity: str, id: str, name: str) -> Parked:
    """The error for a field that is missing or of another kind than Stripe documents."""
    return Parked(
        "unreadable_object",
        f"{entity} {id}: {name} is missing or not of the documented kind",
        "Compare the object in Stripe with the API reference and report the difference.",
    )


def integer(source: Mapping[str, Any], name: str, entity: str) -> int:
    """A required integer field. Raises `Parked`."""
    value = source.get(name)
    if type(value) is not int:
        raise unreadable(entity, id_of(source), name)
    return value


def moment(source: Mapping[str, Any], name: str, entity: str) -> int:
    """A required time stamp (seconds since 1970) of a day the calendar has. Raises `Parked`."""
    value = integer(source, name, entity)
    if not 0 <= value <= MOMENT_MAX:
        raise unreadable(entity, id_of(source), name)
    return value


def text(source: Mapping[str, Any], *names: str) -> str:
    """The first of the fields that holds text; empty when none does.

    JSON may hold halves of surrogate pairs, which no encoding can carry on: each becomes `?`.
    """
    for name in names:
        value = source.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip().encode(errors="replace").decode()
    return ""


def currency_of(source: Mapping[str, Any], entity: str) -> str:
    """The lower-case currency. Raises `Parked` for what is no currency code."""
    value = text(source, "currency").lower()
    try:
        return Money(0, value).currency
    except ValueError:
        raise unreadable(entity, id_of(source), "currency") from None


def elements(values: object) -> tuple[object, ...]:
    """What a list field holds: a plain list, or Stripe's list object with `data`."""
    if isinstance(values, Mapping):
        values = values.get("data")
    if not isinstance(values, Sequence) or isinstance(values, str):
        return ()
    return tuple(values)


def money_refs(*values: object) -> tuple[Ref, ...]:
    """References to balance transactions, without gaps and doubles, in order."""
    ids = dict.fromkeys(found for found in (id_of(value) for value in values) if found)
    return tuple(Ref("balance_transaction", found) for found in ids)


def unless_settled(*refs: Ref) -> tuple[Enqueue, ...]:
    """Each of the objects once: that it is not settled is the only reason."""
    return tuple(Enqueue(ref, ref.id) for ref in refs)


def captured_minor(charge: Json) -> int:
    """What was taken from the customer. Versions before 2020 do not tell: then all of it was."""
    if type(charge.get("amount_captured")) is int:
        return integer(charge, "amount_captured", "charge")
    return integer(charge, "amount", "charge") if charge.get("captured") is True else 0

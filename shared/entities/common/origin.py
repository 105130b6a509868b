"""Where a sale went: company, customer and currency as they were written for its charge.

What follows a sale goes where the sale went, whatever policy, metadata and books say by now: its
refunds and failures, its disputes, its credit memos, its receipt after its order and its order
after its receipt.
In this order of authority: the gross line of the charge's own transaction, its sales order, else
the first record that was written for it. Where nothing was written, today's rule decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.documents import AccountRole, Document, Party
from shared.domain.journal import Role
from shared.domain.records import Record
from shared.entities.common.journal_lines import JournalLine
from shared.entities.common.objects import Decided, Json, Snapshot, id_of
from shared.entities.common.order_state import ORDER
from shared.entities.common.sales_documents import MemoHeader, SalesOrder

GROSS, APPLY = "gross", "apply"
FIRST = "first"  # the record that the row `origin` of the charge names
# Protected fields, which no mapping can change: of journal lines; of orders, credit memos, returns.
ACCOUNT_FIELD = "AccountDisplayValue"
PARTY_FIELDS = ("OrderingCustomerAccountNumber", "CustomerAccount", "CustomerAccountNumber")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a sale was written. `currency` of the sale, empty where only a dispute was written,
    which is in the currency of the settlement. `party` None: what was written names no customer."""

    company: str
    currency: str
    party: Party | None


def charge_of(snapshot: Snapshot) -> Json:
    """The charge of the object; empty where it has none."""
    if snapshot.entity == "charge":
        return snapshot.object
    return snapshot.related.get("charge") or {}


def origin_of(snapshot: Snapshot) -> Origin | None:
    """Where the sale of an object went; None where nothing was written for it."""
    own = ORDER if snapshot.entity == "charge" else GROSS
    found = [snapshot.record(own)]
    found += [snapshot.of_charge.get(place) for place in (GROSS, ORDER, FIRST)]
    records = [record for record in found if record is not None]
    if not records:
        return None
    first = records[0].document
    return Origin(first.company, _currency(records), _party(records, first.company))


def _currency(records: Sequence[Record]) -> str:
    for record in records:
        line = record.document
        if not isinstance(line, JournalLine) or line.account.role is not Role.DISPUTES:
            return currency_in(line)
    return ""


def _party(records: Sequence[Record], company: str) -> Party | None:
    """The customer that the records name, and its account in the company."""
    parties = [(record.document.company, party_in(record)) for record in records]
    known = [(where, party) for where, party in parties if party is not None]
    if not known:
        return None
    customer = known[0][1].customer
    for where, party in known:
        if where == company and party.customer == customer and party.account:
            return party
    return Party(customer)


def party_in(record: Record) -> Party | None:
    """The customer that a record was written with; None where it does not say."""
    document = record.document
    customer = customer_in(document)
    if customer is None:
        return None
    on_customer = isinstance(document, JournalLine) and document.account.role is Role.CUSTOMER
    fields = (ACCOUNT_FIELD,) if on_customer else PARTY_FIELDS
    numbers = (str(record.fields[name]) for name in fields if name in record.fields)
    return Party(customer, next(numbers, ""))


def customer_in(document: Document) -> str | None:
    """The Stripe customer that a document names; empty for a guest, None where it does not say."""
    match document:
        case JournalLine(account=AccountRole(role=Role.CUSTOMER)):
            return document.account.customer
        case JournalLine():
            return document.customer
        case SalesOrder() | MemoHeader():
            return document.customer.customer
    return None


def currency_in(document: Document) -> str:
    """The currency of a document that follows a sale."""
    match document:
        case JournalLine():
            return document.amount.currency
        case SalesOrder() | MemoHeader():
            return document.currency
    raise TypeError(f"a {document.template} has no currency")


def decided(snapshot: Snapshot, document: Document) -> Decided | None:
    """What must be on record before a document is written whose company today's rule decided.

    None for what others find by themselves: the charge's own transaction, and its order.
    """
    charge = id_of(charge_of(snapshot))
    own = snapshot.id == id_of(charge_of(snapshot).get("balance_transaction"))
    if not charge or own or document.role == ORDER or origin_of(snapshot) is not None:
        return None
    return Decided(charge, document)

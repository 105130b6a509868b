"""Where a sale went: company, customer and currency as they were written for its charge.

What follows a sale goes where the sale went, whatever policy, metadata and books say by now: its
refunds and failures, its credit notes, its receipt after its order and its order after its receipt.
In this order of authority: the gross line of the charge's own transaction, its sales order, else
the first record that was written for it. Where nothing was written, today's rule decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.documents.common import Decided, Json, Snapshot, id_of
from shared.documents.order_state import ORDER
from shared.domain.journal import Role
from shared.domain.records import Document, Fact, Record

GROSS = "gross"
FIRST = "first"  # the record that the row `origin` of the charge names
# Protected fields, which no mapping can change: of journal lines; of orders, credit notes, returns.
ACCOUNT_FIELD = "AccountDisplayValue"
PARTY_FIELDS = ("OrderingCustomerAccountNumber", "CustomerAccount", "CustomerAccountNumber")


@dataclass(frozen=True, slots=True)
class Party:
    """A Stripe customer (empty: a guest), and its account in Dynamics where one was written."""

    customer: str
    account: str = ""

    @property
    def facts(self) -> dict[str, Fact]:
        """As orders and credit notes name it."""
        account: dict[str, Fact] = {"party_account": self.account} if self.account else {}
        return {"party": self.customer, **account}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a sale was written. `party` None: what was written names no customer."""

    company: str
    currency: str
    party: Party | None


def charge_of(snapshot: Snapshot) -> Json:
    """The charge of the object; empty where it has none."""
    if snapshot.entity == "charge":
        return snapshot.object
    return snapshot.related.get("charge") or {}


def is_own_transaction(snapshot: Snapshot) -> bool:
    """Whether the object is the transaction by which its charge came onto the balance."""
    return snapshot.id == id_of(charge_of(snapshot).get("balance_transaction"))


def origin_of(snapshot: Snapshot) -> Origin | None:
    """Where the sale of an object went; None where nothing was written for it."""
    own = ORDER if snapshot.entity == "charge" else GROSS
    found = [snapshot.record(own)]
    found += [snapshot.of_charge.get(place) for place in (GROSS, ORDER, FIRST)]
    records = [record for record in found if record is not None]
    if not records:
        return None
    first = records[0].document
    return Origin(first.company, str(first.facts["currency"]), _party(records, first.company))


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
    """The customer that a record was written with; None where it does not tell."""
    facts = record.document.facts
    customer = customer_in(facts)
    if customer is None:
        return None
    fields = (ACCOUNT_FIELD,) if _is_on_customer(facts) else PARTY_FIELDS
    numbers = (str(record.fields[name]) for name in fields if name in record.fields)
    return Party(customer, next(numbers, ""))


def customer_in(facts: Mapping[str, Fact]) -> str | None:
    """The Stripe customer that facts name; empty for a guest, None where they do not tell."""
    account = facts.get("account")
    if _is_on_customer(facts) and isinstance(account, Mapping):
        return str(account["customer"])
    named = facts.get("party", facts.get("customer"))  # the latter over unapplied receipts
    return None if named is None else str(named)


def _is_on_customer(facts: Mapping[str, Fact]) -> bool:
    account = facts.get("account")
    return isinstance(account, Mapping) and account.get("role") == Role.CUSTOMER.value


def decided(snapshot: Snapshot, document: Document) -> Decided | None:
    """What must be on record before a document is written whose company today's rule decided.

    None for what others find by themselves: the charge's own transaction, and its order.
    """
    charge = id_of(charge_of(snapshot))
    own = snapshot.id == id_of(charge_of(snapshot).get("balance_transaction"))
    if not charge or own or document.role == ORDER or origin_of(snapshot) is not None:
        return None
    return Decided(charge, document)

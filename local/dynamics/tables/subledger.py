"""The customer transactions: what a posting made a customer owe, or be owed, and what is open.

Those of vendors are kept the same way, in a ledger of their own.
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

from local.dynamics.odata import COMPANY, NO_DATE, Fields, RecordStore, StoredRow, fold
from shared.ports import Clock

type TransactionKind = Literal["payment", "invoice", "credit_note"]


@dataclass(frozen=True, slots=True)
class CustomerTransaction:
    """One side of a voucher on a customer account.

    Amounts are in `currency`: positive where the customer owes (invoice, refund paid out),
    negative where it is owed (receipt, credit note). `open_amount` is what is not settled.
    `document` is the invoice number, or of a payment its voucher; `payment_id` and `reference` are
    those of the journal line, and empty for invoices of sales. Lines of general journals on a
    customer count as payments, debits with an invoice number as invoices.
    """

    company: str
    customer: str
    kind: TransactionKind
    document: str
    payment_id: str
    reference: str
    currency: str
    amount: Decimal
    open_amount: Decimal
    date: date
    voucher: str


@dataclass(frozen=True, slots=True)
class CustomerSets:
    """The sets that show customer transactions.

    `CustTransactions` has each for good; `CustTransOpens` has what is open, and names no document.
    """

    store: RecordStore
    clock: Clock

    def show(self, transaction: CustomerTransaction) -> StoredRow:
        """Add the row of a transaction, and that of what is open of it."""
        day = transaction.date
        shared: Fields = {
            COMPANY: transaction.company,
            "AccountNum": transaction.customer,
            "AmountCur": transaction.amount,
            "TransDate": NO_DATE.replace(year=day.year, month=day.month, day=day.day),
        }
        is_payment = transaction.kind == "payment"
        fields: Fields = {
            "SysRecId": self.store.next_record_id(),
            "OrderAccount": transaction.customer,
            "CurrencyCode": transaction.currency,
            "Invoice": "" if is_payment else transaction.document,
            "PaymId": transaction.payment_id,
            "PaymReference": transaction.reference,
            "Voucher": transaction.voucher,
            "TransType": "Payment" if is_payment else "Sales",
            "Approved": "Yes",
        }
        schema = self.store.schema.set_of("CustTransactions")
        row = self.store.insert(schema, {**schema.blank, **shared, **fields})
        opens = self.store.schema.set_of("CustTransOpens")
        own = {"SysRecId": self.store.next_record_id(), "RefRecId": fields["SysRecId"]}
        self.store.insert(opens, {**opens.blank, **shared, **own})
        return row

    def renamed(self, shown: StoredRow, customer: str) -> None:
        """Show a transaction on another account."""
        self.store.update(shown, {"AccountNum": customer, "OrderAccount": customer})
        for row in self._open(shown):
            self.store.update(row, {"AccountNum": customer})

    def _open(self, shown: StoredRow) -> list[StoredRow]:
        found = self.store.group("CustTransOpens", shown.fields["SysRecId"])
        return list(found.values())

    def settled(self, shown: StoredRow, left: Decimal) -> None:
        """Show what a settlement left open; the row of what is open goes with the last of it."""
        now = self.clock.now().replace(hour=12, minute=0, second=0, microsecond=0)
        amount = shown.fields["AmountCur"] - left
        closed = NO_DATE if left else now
        changes = {"SettleAmountCur": amount, "Closed": closed, "LastSettleDate": now}
        self.store.update(shown, changes)
        for row in self._open(shown):
            if left:
                self.store.update(row, {"AmountCur": left})
            else:
                self.store.delete(self.store.schema.set_of("CustTransOpens"), row)


@dataclass(slots=True)
class Subledger:
    """All transactions of customers, or of vendors, in the order they were posted. `sets` show
    those of customers."""

    clock: Clock
    sets: CustomerSets | None = None
    queued: list[tuple[datetime, int, str]] = field(default_factory=list)
    _rows: list[CustomerTransaction] = field(default_factory=list)
    _shown: list[StoredRow | None] = field(default_factory=list)
    _documents: dict[tuple[str, object], int] = field(default_factory=dict)
    _customers: dict[tuple[str, object], list[int]] = field(default_factory=dict)

    def all(self) -> tuple[CustomerTransaction, ...]:
        """The transactions as they stand now."""
        return tuple(self._rows)

    def add(self, transaction: CustomerTransaction) -> int:
        """Take in a transaction. Returns its place, for `settle`."""
        place = len(self._rows)
        self._rows.append(transaction)
        self._shown.append(None if self.sets is None else self.sets.show(transaction))
        company, customer = transaction.company, fold(transaction.customer)
        self._customers.setdefault((company, customer), []).append(place)
        if transaction.kind != "payment":
            self._documents[(company, fold(transaction.document))] = place
        return place

    def has(self, company: str, customer: str) -> bool:
        """Whether a customer has transactions."""
        return (company, fold(customer)) in self._customers

    def document(self, company: str, customer: str, number: str) -> CustomerTransaction | None:
        """The posted invoice or credit note of that number, where it is that customer's."""
        place = self._documents.get((company, fold(number)))
        if place is None or fold(self._rows[place].customer) != fold(customer):
            return None
        return self._rows[place]

    def queue(self, place: int, number: str, delay: timedelta) -> None:
        """Settle a transaction later, in the background."""
        self.queued.append((self.clock.now() + delay, place, number))

    def settle_queued(self) -> None:
        """The background job: settle what is due."""
        now = self.clock.now()
        due = [each for each in self.queued if each[0] <= now]
        self.queued = [each for each in self.queued if each[0] > now]
        for _, place, number in due:
            self.settle(place, number)

    def settle(self, place: int, number: str) -> None:
        """Settle a transaction against a document of its company, as far as both are open.

        Nothing happens where they do not offset each other: the document is settled already, or
        has the same sign.
        """
        payment = self._rows[place]
        other = self._documents.get((payment.company, fold(number)))
        if other is None or fold(self._rows[other].customer) != fold(payment.customer):
            return
        document = self._rows[other]
        if payment.open_amount * document.open_amount >= 0:
            return
        amount = min(abs(payment.open_amount), abs(document.open_amount))
        for at, row in ((place, payment), (other, document)):
            left = row.open_amount - amount.copy_sign(row.open_amount)
            self._rows[at] = replace(row, open_amount=left)
            if self.sets is not None and (shown := self._shown[at]) is not None:
                self.sets.settled(shown, left)

    def rename_customer(self, company: str, old: str, new: str) -> None:
        """Let the transactions of a customer belong to another one."""
        places = self._customers.pop((company, fold(old)), [])
        for place in places:
            self._rows[place] = replace(self._rows[place], customer=new)
            if self.sets is not None and (shown := self._shown[place]) is not None:
                self.sets.renamed(shown, new)
        if places:
            own = self._customers.setdefault((company, fold(new)), [])
            own[:] = sorted([*own, *places])

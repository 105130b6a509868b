"""The customer transactions: what a posting made a customer owe, or be owed, and what is open.

Those of vendors are kept the same way, in a ledger of their own.
"""

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Literal

from local.dynamics.odata import fold

type TransactionKind = Literal["payment", "invoice", "credit_note"]


@dataclass(frozen=True, slots=True)
class CustomerTransaction:
    """One side of a voucher on a customer account.

    Amounts are in `currency`: positive where the customer owes (invoice, refund paid out),
    negative where it is owed (receipt, credit note). `open_amount` is what is not settled.
    `document` is the invoice number, or of a payment its voucher; `reference`, the payment
    reference of a payment, is empty for invoices. Lines of general journals on a customer count as
    payments.
    """

    company: str
    customer: str
    kind: TransactionKind
    document: str
    reference: str
    currency: str
    amount: Decimal
    open_amount: Decimal
    date: date
    voucher: str


@dataclass(slots=True)
class Subledger:
    """All customer transactions in the order they were posted."""

    _rows: list[CustomerTransaction] = field(default_factory=list)
    _documents: dict[tuple[str, object], int] = field(default_factory=dict)
    _customers: dict[tuple[str, object], list[int]] = field(default_factory=dict)

    def all(self) -> tuple[CustomerTransaction, ...]:
        """The transactions as they stand now."""
        return tuple(self._rows)

    def add(self, transaction: CustomerTransaction) -> int:
        """Take in a transaction. Returns its place, for `settle`."""
        place = len(self._rows)
        self._rows.append(transaction)
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

    def rename_customer(self, company: str, old: str, new: str) -> None:
        """Let the transactions of a customer belong to another one."""
        places = self._customers.pop((company, fold(old)), [])
        for place in places:
            self._rows[place] = replace(self._rows[place], customer=new)
        if places:
            own = self._customers.setdefault((company, fold(new)), [])
            own[:] = sorted([*own, *places])

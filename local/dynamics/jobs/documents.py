"""Posting an invoice or credit note: general ledger, customer transaction, numbers.

The customer's side stands against an account for each line. A negative total is a credit note.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from local.dynamics.jobs.ledger import GeneralLedger, LedgerLine
from local.dynamics.odata import Infolog, numbered
from local.dynamics.tables import (
    FREE_TEXT_HEADERS,
    CustomerTransaction,
    JournalAccount,
    Subledger,
    TenantBooks,
)

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One line of a document: `amount` is positive where it is revenue."""

    account: JournalAccount
    amount: Decimal
    text: str


@dataclass(frozen=True, slots=True)
class Numbering:
    """Prefixes of the number sequences of invoices, credit notes and their vouchers."""

    invoice: str
    credit_note: str
    voucher: str


@dataclass(frozen=True, slots=True)
class InvoiceDocument:
    """What is to be posted, in `currency`, to the customer who is invoiced."""

    company: str
    entity_set: str
    customer: JournalAccount
    currency: str
    date: datetime
    parts: tuple[InvoiceLine, ...]
    numbering: Numbering

    @property
    def total(self) -> Decimal:
        """What the customer owes by it; negative for a credit note."""
        return sum((part.amount for part in self.parts), NOTHING)


@dataclass(frozen=True, slots=True)
class Posted:
    """The numbers a document got."""

    number: str
    voucher: str


@dataclass(frozen=True, slots=True)
class Poster:
    """Posts documents. Refuses with `Infolog`, and then nothing has happened."""

    books: TenantBooks
    general: GeneralLedger
    subledger: Subledger

    def post(self, document: InvoiceDocument) -> Posted:
        """Post one document, as a whole or not at all."""
        self._check(document)
        amounts = self._accounting_amounts(document)
        credit = document.total < 0
        numbering = document.numbering
        posted = Posted(
            self._next(document.company, numbering.credit_note if credit else numbering.invoice),
            self._next(document.company, numbering.voucher),
        )
        lines = self._sides(document, posted, amounts)
        self.general.post((line for line in lines if line.amount), self.general.next_journal())
        self.subledger.add(
            CustomerTransaction(
                company=document.company,
                customer=document.customer.id,
                kind="credit_note" if credit else "invoice",
                document=posted.number,
                payment_id="",
                reference="",
                currency=document.currency,
                amount=document.total,
                open_amount=document.total,
                date=document.date.date(),
                voucher=posted.voucher,
            )
        )
        return posted

    def _next(self, company: str, prefix: str) -> str:
        return numbered(prefix, self.books.store.next_number(f"{prefix} {company}"))

    def _check(self, document: InvoiceDocument) -> None:
        if not document.parts:
            raise Infolog("There are no lines to post.")
        self.books.need_currency(document.currency)
        self.books.check_invoiceable(document.customer)
        for account in (document.customer, *(part.account for part in document.parts)):
            self.books.check_usable(account)
            if document.entity_set == FREE_TEXT_HEADERS and account.type == "Ledger":
                self.books.check_dimensions(account, "")
        self.books.check_period(document.company, document.date, "Cust")

    def _accounting_amounts(self, document: InvoiceDocument) -> list[Decimal]:
        """Of the lines; the customer's is what they leave, so that the voucher balances."""
        rate = self.books.rate(document.company, document.currency, document.date)
        return [
            self.books.accounting_amount(document.company, part.amount, rate)
            for part in document.parts
        ]

    def _sides(
        self, document: InvoiceDocument, posted: Posted, amounts: list[Decimal]
    ) -> Iterator[LedgerLine]:
        customer = InvoiceLine(document.customer, -document.total, posted.number)
        owed = [-sum(amounts, NOTHING), *amounts]
        for number, part in enumerate((customer, *document.parts)):
            yield LedgerLine(
                company=document.company,
                account_type=part.account.type,
                account=part.account.id,
                main_account=part.account.main_account,
                currency=document.currency,
                amount=-part.amount,
                accounting_amount=-owed[number],
                date=document.date.date(),
                text=part.text,
                reference="",
                voucher=posted.voucher,
                journal="",
                entity_set=document.entity_set,
                line=Decimal(number),
                document=posted.number,
            )

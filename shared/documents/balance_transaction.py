"""Balance transactions: the only source of money lines.

https://docs.stripe.com/api/balance_transactions. Facts of a line: `amount_minor` (debit to the
account, credit to the offset), `currency`, `date`, and account and offset by role. Clearing and
bank belong to the owner's company; the customer may belong to another one, over intercompany
accounts. A charge in another currency than its settlement goes over `fx_transit`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from shared.documents import receipts
from shared.documents.common import (
    Context,
    Desired,
    Listed,
    Question,
    Snapshot,
    check_open,
    id_of,
    moment,
    text,
)
from shared.documents.exchange import charged_amount
from shared.documents.method import method_of
from shared.documents.origin import GROSS, Origin, decided, origin_of
from shared.documents.payments import charge_of_refund
from shared.documents.payout import payout_refs, returned_payout
from shared.documents.selling import Selling, selling, session_of
from shared.documents.transaction import (
    ENTITY,
    category_of,
    journal_of,
    suspended,
    transaction_of,
)
from shared.domain.ids import line_key
from shared.domain.journal import JournalKind, Line, Role
from shared.domain.money import Money
from shared.domain.records import Document, Fact, Ref
from shared.settings import Book

FX, APPLY = "fx", "apply"


def questions(snapshot: Snapshot, context: Context) -> tuple[Question, ...]:
    """The posted invoice that a receipt settles."""
    is_receipt = category_of(snapshot.object) == "charge"
    return receipts.questions(snapshot, context) if is_receipt else ()


@dataclass(frozen=True, slots=True)
class _Booking:
    """What the lines of one transaction share. `origin`: where its sale went."""

    snapshot: Snapshot
    context: Context
    book: Book
    day: date
    origin: Origin | None

    def line(self, line: Line) -> Document:
        """A line of the owner's company."""
        general = line.kind is JournalKind.GENERAL
        template = "general_line" if general else "customer_payment_line"
        return self._document(
            line.component,
            template,
            line.kind,
            {
                "amount_minor": line.amount.minor,
                "currency": line.amount.currency,
                "account": self._account(line.account),
                "offset": self._account(line.offset),
            },
        )

    def _account(self, role: Role) -> dict[str, Fact]:
        if role is not Role.CUSTOMER:
            return {"role": role.value}
        party = receipts.customer_of(self.snapshot, self.origin)
        written: dict[str, Fact] = {"account": party.account} if party.account else {}
        return {"role": role.value, "customer": party.customer, **written}

    def _document(
        self, role: str, template: str, journal: JournalKind, facts: dict[str, Fact]
    ) -> Document:
        day = self.day.isoformat()
        return Document(
            role=role,
            template=template,
            company=self.book.company,
            key=line_key(self.snapshot.id, role),
            facts={**facts, "date": day},
            words={
                "category": category_of(self.snapshot.object),
                "source": id_of(self.snapshot.object.get("source")),
                "payment_method": method_of(self.snapshot.related.get("charge") or {}),
            },
            journal=journal,
            period=day[:7],
        )

    def in_company(self, document: Document, company: str) -> Document:
        """A customer's line in the company that sold; the offset stays with the owner."""
        if company == document.company:
            return document
        offset = document.facts["offset"]
        moved = {**offset, "company": document.company} if isinstance(offset, dict) else offset
        return replace(document, company=company, facts={**document.facts, "offset": moved})

    def exchanged(self, document: Document, charged: Money) -> tuple[Document, ...]:
        """A customer's line in the currency of the charge, and the line that brings it to the
        currency of the settlement: both over `fx_transit`."""
        settled = Money(int(str(document.facts["amount_minor"])), self.book_currency)
        if charged.currency == settled.currency:
            return (document,)
        transit: dict[str, Fact] = {"role": Role.FX_TRANSIT.value}
        facts = {**document.facts, "amount_minor": charged.minor, "currency": charged.currency}
        customer = replace(document, facts={**facts, "offset": transit})
        clearing = self._document(
            FX,
            "general_line",
            JournalKind.GENERAL,
            {
                "amount_minor": settled.minor,
                "currency": settled.currency,
                "account": transit,
                "offset": {"role": Role.CLEARING.value},
            },
        )
        return customer, clearing

    @property
    def book_currency(self) -> str:
        return text(self.snapshot.object, "currency").lower()

    def unapplied(self, document: Document) -> Document:
        """A receipt whose invoice did not come in time: a general journal line. Its facts say
        whose it is."""
        return replace(
            document,
            template="general_line",
            journal=JournalKind.GENERAL,
            facts={
                **document.facts,
                "account": {"role": Role.UNAPPLIED_RECEIPTS.value},
                "customer": receipts.customer_of(self.snapshot, self.origin).customer,
            },
        )

    def marked(self, document: Document, invoice: str) -> Document:
        """A receipt that settles a posted invoice."""
        return replace(document, facts={**document.facts, "marked": invoice})

    def applied(self, gross: Document, invoice: str) -> Document:
        """The line that brings an unapplied receipt to its customer, marked where there is an
        invoice."""
        day = self.context.local_date(int(self.context.now.timestamp())).isoformat()
        return replace(
            gross,
            role=APPLY,
            template="customer_payment_line",
            key=":".join((line_key(self.snapshot.id, APPLY), *([invoice] if invoice else []))),
            journal=JournalKind.CUSTOMER_PAYMENT,
            facts={
                **gross.facts,
                "account": self._account(Role.CUSTOMER),
                "offset": {"role": Role.UNAPPLIED_RECEIPTS.value},
                "date": day,
                **({"marked": invoice} if invoice else {}),
            },
            period=day[:7],
        )


def build(snapshot: Snapshot, context: Context) -> Desired:
    """The lines of one balance transaction: gross and each fee component.

    Raises `Parked` for an unknown currency, contradicting amounts, a closed period.
    """
    txn = snapshot.object
    transaction = transaction_of(txn)
    journal = journal_of(transaction)
    book = context.book(transaction.amount.currency, text(txn, "balance_type") or "payments")
    day = context.local_date(moment(txn, "created", ENTITY))
    booking = _Booking(snapshot, context, book, day, origin_of(snapshot))
    desired = Desired(parked=suspended(transaction))
    documents: list[Document] = []
    for line in journal.lines:
        if line.account is Role.CUSTOMER:
            desired = _customer_side(booking, line, desired)
        else:
            documents.append(booking.line(line))
    documents = [*desired.documents, *documents]
    _check_open(documents, snapshot, context)
    if desired.unfinished is not None:
        documents = []
    return replace(
        desired,
        documents=tuple(documents),
        masters=tuple(_masters(documents)),
        money=(*_charge(snapshot, context), *payout_refs(txn)),
        again=(
            *charge_of_refund(snapshot.related.get("refund") or {}, context),
            *returned_payout(txn),
        ),
    )


def _check_open(documents: list[Document], snapshot: Snapshot, context: Context) -> None:
    for document in documents:
        if document.role not in snapshot.links:
            when = date.fromisoformat(str(document.facts["date"]))
            check_open(context.company(document.company), document.company, when)


def _masters(documents: list[Document]) -> Iterator[Ref]:
    for document in documents:
        account = document.facts["account"]
        customer = account.get("customer") if isinstance(account, dict) else None
        if customer:
            yield Ref("customer", str(customer), document.company)


def _charge(snapshot: Snapshot, context: Context) -> tuple[Ref, ...]:
    """The charge may have commercial documents: whoever finds its money makes it looked at."""
    charge = snapshot.related.get("charge")
    wanted = charge is not None and context.policy.has_documents
    return (Ref("charge", str(charge["id"])),) if charge is not None and wanted else ()


def _customer_side(booking: _Booking, line: Line, desired: Desired) -> Desired:
    """The customer's line: in the company that sold, in the currency of the charge, settled."""
    snapshot, context = booking.snapshot, booking.context
    charge, origin = snapshot.related.get("charge"), booking.origin
    company = origin.company if origin else ""
    if origin is None and charge:
        company = selling(charge, session_of(snapshot), context).company
    charged = charged_amount(snapshot, line.amount, origin)
    gross, *rest = booking.exchanged(booking.line(line), charged)
    gross = booking.in_company(gross, company or booking.book.company)
    desired = replace(desired, decided=decided(snapshot, gross))
    is_receipt = line.component == GROSS and category_of(snapshot.object) == "charge"
    sale = receipts.sold(snapshot, context) if is_receipt else None
    kept = snapshot.written(GROSS)
    if kept is not None and receipts.is_unapplied(kept):
        return _applied(booking, gross, tuple(rest), sale, desired)
    if sale is None or kept is not None:
        return replace(desired, documents=(gross, *rest))
    return _settled(booking, gross, tuple(rest), sale, desired)


def _listed(kind: str, gross: Document, minor: int, invoice: str = "") -> Listed:
    return Listed(kind, gross.company, invoice, minor, str(gross.facts["currency"]))


def _settled(
    booking: _Booking, gross: Document, rest: tuple[Document, ...], sale: Selling, desired: Desired
) -> Desired:
    """A new receipt: marked with its invoice, waiting for it, or over unapplied receipts."""
    snapshot, context = booking.snapshot, booking.context
    amount = -int(str(gross.facts["amount_minor"]))
    invoice = receipts.invoice_for(snapshot, str(gross.facts["currency"]))
    if invoice is None:
        if not receipts.is_expected(snapshot):
            return replace(desired, documents=(gross, *rest))
        wait = receipts.not_posted(snapshot, sale)
        if receipts.may_wait(snapshot, context):
            return replace(desired, unfinished=wait)
        documents = (booking.unapplied(gross), *rest)
        note = _listed(receipts.UNAPPLIED, gross, amount)
        return replace(desired, documents=documents, waiting=wait, listed=note)
    excess = invoice.excess(amount)
    if excess >= amount:
        note = _listed(receipts.SECOND_PAYMENT, gross, amount, invoice.number)
        return replace(desired, documents=(gross, *rest), listed=note)
    note_of_rest = _listed(receipts.OVER_PAYMENT, gross, excess, invoice.number)
    documents = (booking.marked(gross, invoice.number), *rest)
    return replace(desired, documents=documents, listed=note_of_rest if excess else None)


def _applied(
    booking: _Booking,
    gross: Document,
    rest: tuple[Document, ...],
    sale: Selling | None,
    desired: Desired,
) -> Desired:
    """A receipt that went over unapplied receipts: applied once its invoice is posted, or is
    expected no more. `sale` None: the policy settles it no more; what was written stays."""
    snapshot = booking.snapshot
    amount = -int(str(gross.facts["amount_minor"]))
    documents = (booking.unapplied(gross), *rest)
    applied = snapshot.written(APPLY)
    if applied is not None:
        return replace(desired, documents=(*documents, applied))
    if sale is None:
        return replace(desired, documents=documents)
    invoice = receipts.invoice_for(snapshot, str(gross.facts["currency"]))
    if invoice is None and receipts.is_expected(snapshot):
        wait = receipts.not_posted(snapshot, sale)
        note = _listed(receipts.UNAPPLIED, gross, amount)
        return replace(desired, documents=documents, waiting=wait, listed=note)
    number = invoice.number if invoice else ""
    note = _listed(receipts.APPLIED, gross, amount, number)
    line = booking.applied(gross, number)
    return replace(desired, documents=(*documents, line), listed=note)

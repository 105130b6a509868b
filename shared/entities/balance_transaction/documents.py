"""Balance transactions: the only source of money lines.

https://docs.stripe.com/api/balance_transactions. Facts of a line: `amount_minor` (debit to the
account, credit to the offset), `currency`, `date`, and account and offset by role. Clearing and
bank belong to the owner's company; the customer, and what is disputed, may belong to another one,
over intercompany accounts. A charge in another currency than its settlement goes over `fx_transit`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from shared.domain.books import PAYMENTS, Book
from shared.domain.documents import AccountRole
from shared.domain.ids import line_key
from shared.domain.journal import JournalKind, Line, Role
from shared.domain.money import Money
from shared.domain.posting import INVOICED, is_disputed, rule_of
from shared.domain.records import Ref
from shared.entities.balance_transaction import corrections
from shared.entities.charge.making import receipts
from shared.entities.common import debits
from shared.entities.common.exchange import booked_rate, charged_amount
from shared.entities.common.journal_lines import (
    CustomerPaymentLine,
    GeneralLine,
    JournalLine,
    line_kind,
)
from shared.entities.common.line_details import described
from shared.entities.common.method import method_of
from shared.entities.common.objects import (
    Context,
    Desired,
    Enqueue,
    Json,
    Listed,
    Query,
    Snapshot,
    id_of,
    moment,
    text,
    unless_settled,
)
from shared.entities.common.open_periods import check_lines
from shared.entities.common.origin import APPLY, GROSS, Origin, decided, origin_of
from shared.entities.common.refunding import charge_of_refund
from shared.entities.common.sale_routing import sale_routing, session_of
from shared.entities.common.settling import Settlement, may_wait
from shared.entities.common.transaction import (
    DISPUTE_PREFIXES,
    ENTITY,
    category_of,
    journal_of,
    suspended,
    transaction_of,
)
from shared.entities.payout.making import payout_refs, returned_payout
from shared.entities.refund.making import marking
from shared.policy import Fees

FX = "fx"


def queries(snapshot: Snapshot, context: Context) -> tuple[Query, ...]:
    """The posted invoice that a receipt settles; the numbers that customer debits took."""
    category = category_of(snapshot.object)
    if category == "charge":
        return receipts.queries(snapshot, context)
    if category == "refund":
        return () if _is_over(snapshot) else marking.queries(snapshot, context)
    rule = rule_of(category)
    is_debit = rule.account is Role.CUSTOMER and rule.kind is JournalKind.GENERAL
    return debits.queries(snapshot) if is_debit and snapshot.written(GROSS) is None else ()


@dataclass(frozen=True, slots=True)
class _Booking:
    """What the lines of one transaction share. `settled`: its currency; `book`: with the clearing
    account of its balance; `origin`: where its sale went."""

    snapshot: Snapshot
    context: Context
    settled: str
    book: Book
    day: date
    origin: Origin | None

    def line(self, line: Line) -> JournalLine:
        """A line of the owner's company."""
        return self._line(
            line_kind(line.kind),
            line.component,
            line.amount,
            self._account(line.account),
            self._account(line.offset),
        )

    def _account(self, role: Role) -> AccountRole:
        if role is Role.CLEARING:
            own = self.context.books.currencies[self.settled].balance_type
            kind = self.book.balance_type
            return AccountRole(role, balance="" if kind == own else kind)
        if role in INVOICED and self.context.policy.fees is Fees.VENDOR_INVOICE:
            return AccountRole(Role.FEES_ACCRUED)
        if role is not Role.CUSTOMER:
            return AccountRole(role)
        party = receipts.customer_of(self.snapshot, self.origin)
        return AccountRole(role, party.customer, account=party.account)

    def _line(
        self,
        kind: type[CustomerPaymentLine] | type[GeneralLine],
        role: str,
        amount: Money,
        account: AccountRole,
        offset: AccountRole,
    ) -> JournalLine:
        return kind(
            role=role,
            company=self.book.company,
            key=line_key(self.snapshot.id, role),
            amount=amount,
            date=self.day,
            account=account,
            offset=offset,
            category=category_of(self.snapshot.object),
            source=id_of(self.snapshot.object.get("source")),
            payment_method=method_of(self.snapshot.related.get("charge") or {}),
        )

    def in_company(self, line: JournalLine, company: str) -> JournalLine:
        """A line of a sale in the company that sold; the offset stays with the owner."""
        if company == line.company:
            return line
        return replace(line, company=company, offset=replace(line.offset, company=line.company))

    def exchanged(self, line: JournalLine, charged: Money) -> tuple[JournalLine, ...]:
        """A customer's line in the currency of the charge, and the line that brings it to the
        currency of the settlement: both over `fx_transit`."""
        settled = line.amount
        if charged.currency == settled.currency:
            return (line,)
        transit = AccountRole(Role.FX_TRANSIT)
        customer = replace(line, amount=charged, offset=transit)
        clearing = self._line(GeneralLine, FX, settled, transit, self._account(Role.CLEARING))
        return customer, clearing

    def rated(self, gross: JournalLine, settled: Money) -> tuple[JournalLine, Listed | None]:
        """The customer's line at the rate that clears `fx_transit`, where the settlement is in the
        accounting currency of its company; a line that is written keeps what it has."""
        kept = self.snapshot.written(gross.role)
        if isinstance(kept, JournalLine):
            return replace(gross, exchange_rate=kept.exchange_rate), None
        own = self.context.books.companies[self.book.company].accounting_currency
        is_due = gross.amount.currency != settled.currency == own
        if not is_due or gross.company != self.book.company:
            return gross, None
        rate = booked_rate(gross.amount, settled)
        if rate is None:
            return gross, _listed(receipts.NO_EXACT_RATE, gross, -gross.amount.minor)
        return replace(gross, exchange_rate=rate), None

    def company_of_sale(self) -> str:
        """Where the sale was written, else where it goes by now: the owner's without a charge."""
        if self.origin is not None:
            return self.origin.company
        charge = self.snapshot.related.get("charge")
        if not charge:
            return self.book.company
        sold = sale_routing(charge, session_of(self.snapshot), self.context)
        return sold.company or self.book.company

    def unapplied(self, line: JournalLine) -> JournalLine:
        """A receipt whose invoice did not come in time: a general journal line that says whose it
        is."""
        customer = receipts.customer_of(self.snapshot, self.origin).customer
        account = AccountRole(Role.UNAPPLIED_RECEIPTS)
        return GeneralLine.of(line, account=account, customer=customer)

    def marked(self, line: JournalLine, invoice: str) -> JournalLine:
        """A receipt that settles a posted invoice."""
        return replace(line, marked_invoice=invoice)

    def applied(self, gross: JournalLine, invoice: str) -> JournalLine:
        """The line that brings an unapplied receipt to its customer, marked where there is an
        invoice. Only once the receipt is written: one that Dynamics refused is decided anew."""
        return CustomerPaymentLine.of(
            gross,
            role=APPLY,
            key=":".join((line_key(self.snapshot.id, APPLY), *([invoice] if invoice else []))),
            date=self.context.local_date(int(self.context.now.timestamp())),
            account=self._account(Role.CUSTOMER),
            offset=AccountRole(Role.UNAPPLIED_RECEIPTS),
            marked_invoice=invoice,
            after=(gross.role,),
        )


def build(snapshot: Snapshot, context: Context) -> Desired:
    """The lines of one balance transaction: gross and each fee component.

    Raises `Parked` for an unknown currency, contradicting amounts, a closed period.
    """
    txn = snapshot.object
    transaction = transaction_of(txn)
    journal = journal_of(transaction)
    settled = transaction.amount.currency
    book = context.book(settled, text(txn, "balance_type") or PAYMENTS)
    day = context.local_date(moment(txn, "created", ENTITY))
    booking = _Booking(snapshot, context, settled, book, day, origin_of(snapshot))
    is_cleared = corrections.is_cleared(snapshot)
    desired = Desired(parked=None if is_cleared else suspended(transaction))
    others: list[JournalLine] = []
    for line in journal.lines:
        if line.account is Role.CUSTOMER:
            desired = _customer_side(booking, line, desired)
        elif line.account is Role.DISPUTES:
            desired = _dispute_side(booking, line, desired)
        elif line.account is Role.UNAPPLIED_RECEIPTS:
            desired = _unreconciled(booking, line, desired)
        else:
            others.append(booking.line(line))
    ours = [each for each in desired.documents if isinstance(each, JournalLine)]
    documents = [*ours, *others]
    documents += corrections.ordered(snapshot, documents)
    documents = list(described(documents, snapshot, context))
    check_lines([each for each in documents if each.role not in snapshot.links], context)
    if desired.unfinished is not None:
        documents = []
    return replace(
        desired,
        documents=tuple(documents),
        masters=tuple(_masters(documents)),
        enqueue=(
            *unless_settled(*_charge(snapshot, context), *payout_refs(txn)),
            *charge_of_refund(snapshot.related.get("refund") or {}, context),
            *returned_payout(txn),
            *_dispute(txn),
        ),
    )


def _masters(documents: Sequence[JournalLine]) -> Iterator[Ref]:
    for document in documents:
        if document.account.customer:
            yield Ref("customer", document.account.customer, document.company)


def _charge(snapshot: Snapshot, context: Context) -> tuple[Ref, ...]:
    """The charge may have commercial documents: re-enqueue it when its transaction is processed."""
    charge = snapshot.related.get("charge")
    wanted = charge is not None and context.policy.has_documents
    return (Ref("charge", str(charge["id"])),) if charge is not None and wanted else ()


def _dispute(txn: Json) -> tuple[Enqueue, ...]:
    """The dispute whose money moved: it may be over already, and what stands is to be cleared."""
    found = id_of(txn.get("source"))
    if not is_disputed(category_of(txn)) or not found.startswith(DISPUTE_PREFIXES):
        return ()
    reason = f"{found}-{id_of(txn)}"
    return (Enqueue(Ref("dispute", found), reason, even_if_settled=True),)


def _customer_side(booking: _Booking, line: Line, desired: Desired) -> Desired:
    """The customer's line: in the company that sold, in the currency of the charge, settled."""
    snapshot, context = booking.snapshot, booking.context
    charged = charged_amount(snapshot, line.amount, booking.origin)
    gross, *rest = booking.exchanged(booking.line(line), charged)
    gross = booking.in_company(gross, booking.company_of_sale())
    gross, unrated = booking.rated(gross, line.amount)
    gross = debits.numbered(snapshot, gross)
    desired = replace(desired, decided=decided(snapshot, gross), listed=unrated)
    kept = snapshot.written(GROSS)
    is_unapplied = kept is not None and receipts.is_unapplied(kept)
    if kept is not None and not is_unapplied:
        return replace(desired, documents=(gross, *rest))
    found = None if snapshot.written(APPLY) else _settlement(snapshot, context, gross)
    if is_unapplied:
        return _applied(booking, gross, tuple(rest), found, desired)
    if found is None:
        return replace(desired, documents=(gross, *rest))
    return _settled(booking, gross, tuple(rest), found, desired)


def _is_over(snapshot: Snapshot) -> bool:
    """Whether nothing is left to decide of a line that a document settles."""
    gross = snapshot.written(GROSS)
    if gross is None:
        return False
    return not receipts.is_unapplied(gross) or snapshot.written(APPLY) is not None


def _settlement(snapshot: Snapshot, context: Context, gross: JournalLine) -> Settlement | None:
    """How the line of a customer is settled; None where no document settles it."""
    category, currency = category_of(snapshot.object), gross.amount.currency
    if gross.role != GROSS:
        return None
    if category == "refund":
        return marking.settlement(snapshot, context, currency)
    sale = receipts.sold(snapshot, context) if category == "charge" else None
    return receipts.settlement(snapshot, sale, currency) if sale is not None else None


def _dispute_side(booking: _Booking, line: Line, desired: Desired) -> Desired:
    """The line of a dispute: in the company that sold, in the currency of the settlement. It says
    whose sale it was."""
    snapshot = booking.snapshot
    gross = booking.in_company(booking.line(line), booking.company_of_sale())
    kept = snapshot.written(GROSS)
    says_whose = not isinstance(kept, JournalLine) or kept.customer is not None
    if snapshot.related.get("charge") and says_whose:
        customer = receipts.customer_of(snapshot, booking.origin).customer
        gross = replace(gross, customer=customer)
    return replace(desired, documents=(gross,), decided=decided(snapshot, gross))


def _unreconciled(booking: _Booking, line: Line, desired: Desired) -> Desired:
    """Money of a customer that no payment of theirs took: an unapplied receipt, on the list."""
    source = booking.snapshot.object.get("source")
    customer = id_of(source.get("customer")) if isinstance(source, Mapping) else ""
    gross = replace(booking.line(line), customer=customer or None)
    note = _listed(receipts.UNAPPLIED, gross, -gross.amount.minor)
    return replace(desired, documents=(gross,), listed=note)


def _listed(kind: str, gross: JournalLine, minor: int, invoice: str = "") -> Listed:
    return Listed(kind, gross.company, invoice, minor, gross.amount.currency)


def _settled(
    booking: _Booking,
    gross: JournalLine,
    rest: tuple[JournalLine, ...],
    found: Settlement,
    desired: Desired,
) -> Desired:
    """A new line: marked with its document, waiting for it, or over unapplied receipts."""
    amount = -gross.amount.minor
    invoice, wait = found.invoice, found.wait
    if invoice is None:
        if wait is None:
            return replace(desired, documents=(gross, *rest))
        if may_wait(booking.snapshot, booking.context, gross):
            return replace(desired, unfinished=wait)
        documents = (booking.unapplied(gross), *rest)
        note = _listed(receipts.UNAPPLIED, gross, amount)
        return replace(desired, documents=documents, waiting=wait, listed=note)
    if invoice.is_closed_to(amount):
        note = _listed(receipts.SECOND_PAYMENT, gross, amount, invoice.number)
        return replace(desired, documents=(gross, *rest), listed=note)
    excess = invoice.excess(amount)
    note_of_rest = _listed(receipts.OVER_PAYMENT, gross, excess, invoice.number)
    documents = (booking.marked(gross, invoice.number), *rest)
    return replace(desired, documents=documents, listed=note_of_rest if excess else desired.listed)


def _applied(
    booking: _Booking,
    gross: JournalLine,
    rest: tuple[JournalLine, ...],
    found: Settlement | None,
    desired: Desired,
) -> Desired:
    """A line that went over unapplied receipts: applied once its document is posted, or is
    expected no more; without a mark where nothing of that is open. `found` None: the policy
    settles it no more; what was written stays."""
    snapshot = booking.snapshot
    amount = -gross.amount.minor
    documents = (booking.unapplied(gross), *rest)
    applied = snapshot.written(APPLY)
    if applied is not None:
        return replace(desired, documents=(*documents, applied))
    if found is None:
        return replace(desired, documents=documents)
    if found.wait is not None:
        note = _listed(receipts.UNAPPLIED, gross, amount)
        return replace(desired, documents=documents, waiting=found.wait, listed=note)
    invoice = found.invoice
    number = "" if invoice is None or invoice.is_closed_to(amount) else invoice.number
    note = _listed(receipts.APPLIED, gross, amount, number)
    line = booking.applied(gross, number)
    return replace(desired, documents=(*documents, line), listed=note)

"""The credit note that the money line of a refund is marked with.

It is the credit memo that the charge wrote for it (`CDSFreeTextInvoiceHeaders`, once posted), or
the one that metadata `dynamics_credit_note` names. A refund that only reduced an order has none: it
meets its receipt on the customer's account. Credit notes of return orders are not marked. One that
is settled takes no mark; one that another draft marks, a refund waits for.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.entities.common import settling
from shared.entities.common.objects import Context, Json, Query, Snapshot, integer, text
from shared.entities.common.order_state import LINE_PREFIX, ORDER
from shared.entities.common.origin import origin_of
from shared.entities.common.refunding import CREDIT_NOTE_KEY, DEAD_STATUSES
from shared.entities.common.sale_routing import metadata, sale_routing, session_of
from shared.entities.common.sales_documents import MemoHeader, SalesOrder, SalesOrderLine
from shared.entities.common.settling import FREE_TEXT, INVOICES, Invoice, Settlement
from shared.entities.refund.credit_memos import CREDIT, RETURN, amount_in
from shared.errors import Waiting
from shared.policy import RefundDocument
from shared.targets.finance import IS_POSTED, is_posted

PLACES = (f"{CREDIT}:", f"{RETURN}:", LINE_PREFIX)
"""Begin the roles of what the charge wrote that says what became of a refund."""
NAMED, NAMED_INVOICE = "credit_note", "credit_note_invoice"


@dataclass(frozen=True, slots=True)
class _CreditNote:
    """A posted credit note. `amount_minor` is negative, 0 where only the number is known."""

    company: str
    number: str
    currency: str
    amount_minor: int


def queries(snapshot: Snapshot, context: Context) -> tuple[Query, ...]:
    """Whether the credit notes of a refund are posted, and what is open of those that are."""
    if not _is_marked(snapshot, context):
        return ()
    select, found = ("InvoiceId", IS_POSTED, "CurrencyCode"), []
    for memo in _memos(snapshot):
        field = "ExternalInvoiceId"
        found.append(Query(_name(memo), FREE_TEXT, memo.company, field, memo.key, select))
    number = _named(snapshot)
    if number:
        company = _company(snapshot, context)
        found.append(Query(NAMED, FREE_TEXT, company, "InvoiceId", number, select))
        of_invoice = ("InvoiceNumber", "CurrencyCode")
        found.append(Query(NAMED_INVOICE, INVOICES, company, of_invoice[0], number, of_invoice))
    for note in _posted(snapshot, context):
        found += settling.queries_of_open(snapshot, note.company, note.number)
    return tuple(dict.fromkeys(found))


def settlement(snapshot: Snapshot, context: Context, currency: str) -> Settlement:
    """The posted credit note of a refund in a currency, or what it waits for."""
    if not _is_marked(snapshot, context):
        return Settlement()
    notes = [note for note in _posted(snapshot, context) if note.currency == currency]
    if notes:
        return _marked(snapshot, sorted(notes, key=lambda note: note.amount_minor))
    what = _named(snapshot) or " or ".join(memo.key for memo in _memos(snapshot))
    if not what and not _is_announced(snapshot, context):
        return Settlement()
    what = what or f"of refund {_id(snapshot)}"
    text = f"{snapshot.id}: credit note {what} is not posted yet"
    return Settlement(wait=Waiting("credit_memo_not_posted", text))


def _marked(snapshot: Snapshot, notes: list[_CreditNote]) -> Settlement:
    """The first of the credit notes that is not settled, once no draft of others marks it."""
    for note in notes:
        shown = settling.open_of(snapshot, note.number, note.currency)
        if shown is not None and shown >= 0:
            continue
        blocked = settling.blocked(snapshot, note.number)
        if blocked is not None:
            return Settlement(wait=blocked)
        total = settling.total_of(snapshot, note.number, note.currency)
        taken = settling.received(snapshot, note.number, note.currency)
        if total is None or total < taken:  # a posted mark may be settled later
            return Settlement(Invoice(note.number, None))
    return Settlement(Invoice(notes[0].number, 0))


def _is_marked(snapshot: Snapshot, context: Context) -> bool:
    refund = _refund(snapshot)
    is_alive = bool(refund) and text(refund, "status") not in DEAD_STATUSES
    return context.policy.receipts.settle == "marked" and is_alive


def _refund(snapshot: Snapshot) -> Json:
    return snapshot.related.get("refund") or {}


def _id(snapshot: Snapshot) -> str:
    return text(_refund(snapshot), "id")


def _named(snapshot: Snapshot) -> str:
    return metadata(_refund(snapshot)).get(CREDIT_NOTE_KEY, "").strip()


def _name(memo: MemoHeader) -> str:
    return f"memo {memo.key}"


def _company(snapshot: Snapshot, context: Context) -> str:
    charge = snapshot.related.get("charge") or {}
    return sale_routing(charge, session_of(snapshot), context, origin_of(snapshot)).company


def _memos(snapshot: Snapshot, kind: str = CREDIT) -> list[MemoHeader]:
    """The memos of a kind that the charge wrote for the refund."""
    places = snapshot.of_charge.items()
    mine = f"{kind}:{_id(snapshot)}:"
    found = [record.document for place, record in places if place.startswith(mine)]
    return [document for document in found if isinstance(document, MemoHeader)]


def _posted(snapshot: Snapshot, context: Context) -> Iterator[_CreditNote]:
    """The posted credit notes."""
    for memo in _memos(snapshot):
        for row in snapshot.answers.get(_name(memo), ()):
            if is_posted(row):
                number = str(row["InvoiceId"])
                yield _CreditNote(memo.company, number, memo.currency, amount_in(memo))
    rows = [row for row in snapshot.answers.get(NAMED, ()) if is_posted(row)]
    named = [("InvoiceId", row) for row in rows]
    named += [("InvoiceNumber", row) for row in snapshot.answers.get(NAMED_INVOICE, ())]
    for field, row in named:
        currency = str(row["CurrencyCode"]).lower()
        yield _CreditNote(_company(snapshot, context), str(row[field]), currency, 0)


def _is_announced(snapshot: Snapshot, context: Context) -> bool:
    """Whether the charge will still write a credit memo for the refund. Where the policy makes no
    documents (any more), what the charge wrote is not looked at, and nothing is waited for."""
    rules = context.policy.refunds
    if not context.policy.has_documents:
        return False
    order = snapshot.of_charge.get(ORDER)
    if order is not None and isinstance(order.document, SalesOrder):
        wanted = rules.of_orders is RefundDocument.FREE_TEXT and not _memos(snapshot, RETURN)
        return wanted and _reduced(snapshot, order.document) < _amount(snapshot)
    charge = snapshot.related.get("charge") or {}
    found = sale_routing(charge, session_of(snapshot), context, origin_of(snapshot))
    return bool(found.order or found.invoice) and rules.of_receipts is RefundDocument.FREE_TEXT


def _amount(snapshot: Snapshot) -> int:
    return integer(_refund(snapshot), "amount", "refund")


def _reduced(snapshot: Snapshot, order: SalesOrder) -> int:
    """What the refund took of lines that were not invoiced."""
    refund = _id(snapshot)
    lines = [record.document for record in snapshot.of_charge.values()]
    taken = [line.reductions for line in lines if isinstance(line, SalesOrderLine)]
    taken += [line.reductions for line in order.omitted]
    return sum(each.get(refund, 0) for each in taken)

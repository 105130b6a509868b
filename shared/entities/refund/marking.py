"""The credit note that the money line of a refund is marked with.

It is the credit memo that the charge wrote for it (`CDSFreeTextInvoiceHeaders`, once posted), or
the one that metadata `dynamics_credit_note` names. A refund that only reduced an order has none: it
meets its receipt on the customer's account. Credit notes of return orders are not marked.
"""

from collections.abc import Iterator

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


def queries(snapshot: Snapshot, context: Context) -> tuple[Query, ...]:
    """Whether the credit notes of a refund are posted."""
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
    return tuple(found)


def settlement(snapshot: Snapshot, context: Context, currency: str) -> Settlement:
    """The posted credit note of a refund in a currency, or what it waits for."""
    if not _is_marked(snapshot, context):
        return Settlement()
    posted = sorted(_posted(snapshot, currency), key=lambda pair: pair[1])
    if posted:
        return Settlement(Invoice(posted[0][0], None))
    what = _named(snapshot) or " or ".join(memo.key for memo in _memos(snapshot))
    if not what and not _is_announced(snapshot, context):
        return Settlement()
    what = what or f"of refund {_id(snapshot)}"
    text = f"{snapshot.id}: credit note {what} is not posted yet"
    return Settlement(wait=Waiting("credit_memo_not_posted", text))


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


def _posted(snapshot: Snapshot, currency: str) -> Iterator[tuple[str, int]]:
    """Number and amount of each posted credit note; the largest amount is the most negative."""
    for memo in _memos(snapshot):
        for row in snapshot.answers.get(_name(memo), ()):
            if is_posted(row) and memo.currency == currency:
                yield str(row["InvoiceId"]), amount_in(memo)
    for row in snapshot.answers.get(NAMED, ()):
        if is_posted(row) and str(row["CurrencyCode"]).lower() == currency:
            yield str(row["InvoiceId"]), 0
    for row in snapshot.answers.get(NAMED_INVOICE, ()):
        if str(row["CurrencyCode"]).lower() == currency:
            yield str(row["InvoiceNumber"]), 0


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

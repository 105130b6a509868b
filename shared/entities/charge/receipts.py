"""Receipts of charges: whose invoice they settle, and where they wait for it.

Two posted transactions cannot be settled over OData: a receipt is marked on its draft. One whose
invoice is not posted yet waits; after `receipts.wait_hours` it goes over the role
`unapplied_receipts`, and a line `<txn>:apply:<invoice>` brings it to the customer, marked, once the
invoice is there. `SalesInvoiceHeadersV2` shows posted invoices of orders,
`CDSFreeTextInvoiceHeaders` free text invoices. What Tieout cancelled of its order for a refund that
failed afterwards is invoiced by a reversal, a free text invoice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from shared.domain.documents import Document, Party
from shared.domain.ids import object_of
from shared.domain.journal import Role
from shared.domain.money import exponent
from shared.entities.charge import order
from shared.entities.common.journal_lines import JournalLine
from shared.entities.common.objects import (
    Context,
    Json,
    Query,
    Snapshot,
    captured_minor,
    moment,
    text,
)
from shared.entities.common.order_state import CANCELED, ORDER
from shared.entities.common.origin import Origin, origin_of
from shared.entities.common.sale_routing import (
    SaleRouting,
    announces_invoice,
    is_invoiced,
    sale_routing,
    session_of,
)
from shared.entities.common.sales_documents import MemoHeader
from shared.entities.refund.making import REVERSAL, amount_in
from shared.errors import Waiting
from shared.policy import Sale
from shared.targets.finance import IS_POSTED, is_posted

INVOICES, FREE_TEXT = "SalesInvoiceHeadersV2", "CDSFreeTextInvoiceHeaders"
RECEIPTS = "CustomerPaymentJournalLines"
OVER_PAYMENT, SECOND_PAYMENT = "over_payment", "second_payment"
UNAPPLIED, APPLIED = "unapplied", "applied"


@dataclass(frozen=True, slots=True)
class Invoice:
    """A posted invoice that a receipt is for. `open_minor`: what is open of it; None where Dynamics
    does not tell its total (free text invoices)."""

    number: str
    open_minor: int | None

    def excess(self, amount_minor: int) -> int:
        """What of a receipt the invoice does not take."""
        if self.open_minor is None:
            return 0
        return max(amount_minor - max(self.open_minor, 0), 0)


def sold(snapshot: Snapshot, context: Context) -> SaleRouting | None:
    """How the charge behind a receipt is sold; None where no document is to be settled.

    An order of ours that was written is one, whatever the policy says by now.
    """
    charge = snapshot.related.get("charge") or {}
    if context.policy.receipts.settle != "marked" or not charge:
        return None
    found = sale_routing(charge, session_of(snapshot), context, origin_of(snapshot))
    if found.order or found.invoice:
        return found
    if ORDER in snapshot.of_charge:
        return replace(found, sale=Sale.ORDER)
    invoiced = is_invoiced(snapshot, charge) or announces_invoice(session_of(snapshot))
    return found if found.sale is Sale.ORDER and not invoiced else None


def queries(snapshot: Snapshot, context: Context) -> tuple[Query, ...]:
    """The invoices of the sale, and the receipts that settle them already."""
    found = sold(snapshot, context)
    if found is None or _is_over(snapshot):
        return ()
    charge = str(snapshot.related["charge"]["id"])
    company, select = found.company, ("InvoiceNumber", "TotalInvoiceAmount", "CurrencyCode")
    asked = []
    if found.invoice:
        asked.append(Query("invoices", INVOICES, company, "InvoiceNumber", found.invoice, select))
        asked.append(
            Query(
                "free_text",
                FREE_TEXT,
                company,
                "InvoiceId",
                found.invoice,
                ("InvoiceId", IS_POSTED, "CurrencyCode"),
            )
        )
    elif found.order:
        asked.append(Query("invoices", INVOICES, company, "SalesOrderNumber", found.order, select))
    else:
        field = "CustomersOrderReference"
        asked.append(Query("invoices", INVOICES, company, field, charge, select))
        asked += _queries_of_reversals(snapshot, charge)
    for number in _numbers(snapshot):
        asked.append(
            Query(
                f"receipts {number}",
                RECEIPTS,
                company,
                "MarkedInvoice",
                number,
                ("PaymentId", "CreditAmount", "DebitAmount", "CurrencyCode"),
            )
        )
    return tuple(asked)


def _queries_of_reversals(snapshot: Snapshot, charge: str) -> list[Query]:
    """Which reversals are posted, and whether the order can still be invoiced."""
    found = _reversals(snapshot)
    if not found:
        return []
    company, field = found[0].company, "CustomersOrderReference"
    select = ("SalesOrderNumber", "SalesOrderStatus")
    asked = [Query(ORDER, order.HEADERS, company, field, charge, select)]
    for reversal in found:
        select = ("InvoiceId", IS_POSTED)
        name, field = _answer_of(reversal), "ExternalInvoiceId"
        asked.append(Query(name, FREE_TEXT, reversal.company, field, reversal.key, select))
    return asked


def _reversals(snapshot: Snapshot) -> list[MemoHeader]:
    """The reversals that were written for the charge of a receipt."""
    places = snapshot.of_charge.items()
    found = [record.document for place, record in places if place.startswith(f"{REVERSAL}:")]
    return [document for document in found if isinstance(document, MemoHeader)]


def _answer_of(reversal: MemoHeader) -> str:
    return f"reversal {reversal.key}"


def _posted_reversals(snapshot: Snapshot) -> Iterator[tuple[str, MemoHeader]]:
    """The reversals that are posted, by number. None as long as the order can be invoiced: its
    invoice takes more of the receipt, and a receipt is marked with one."""
    orders, invoices = snapshot.answers.get(ORDER, ()), snapshot.answers.get("invoices", ())
    if not invoices and any(row["SalesOrderStatus"] != CANCELED for row in orders):
        return
    for reversal in _reversals(snapshot):
        for row in snapshot.answers.get(_answer_of(reversal), ()):
            if is_posted(row):
                yield str(row["InvoiceId"]), reversal


def _is_over(snapshot: Snapshot) -> bool:
    """Whether nothing is left to decide: the receipt is written and not waiting for an invoice."""
    gross = snapshot.written("gross")
    if gross is None:
        return False
    return not is_unapplied(gross) or snapshot.written("apply") is not None


def is_unapplied(gross: Document) -> bool:
    """Whether a receipt was written over unapplied receipts."""
    return isinstance(gross, JournalLine) and gross.account.role is Role.UNAPPLIED_RECEIPTS


def _numbers(snapshot: Snapshot) -> list[str]:
    posted = [str(row["InvoiceNumber"]) for row in snapshot.answers.get("invoices", ())]
    posted += [
        str(row["InvoiceId"]) for row in snapshot.answers.get("free_text", ()) if is_posted(row)
    ]
    posted += [number for number, _ in _posted_reversals(snapshot)]
    return list(dict.fromkeys(posted))


def invoice_for(snapshot: Snapshot, currency: str) -> Invoice | None:
    """The posted invoice of the sale with most open, of equal ones that of an order; None while
    none is posted."""
    found: list[Invoice] = []
    for row in snapshot.answers.get("invoices", ()):
        if str(row["CurrencyCode"]).lower() == currency:
            number = str(row["InvoiceNumber"])
            total = Decimal(str(row["TotalInvoiceAmount"]))
            left = total - _received(snapshot, number, currency)
            open_minor = _whole_minor(left, currency, is_new=left == total)
            found.append(Invoice(number, open_minor))
    found.sort(key=lambda each: each.number, reverse=True)
    for number, reversal in _posted_reversals(snapshot):
        if reversal.currency == currency:
            taken = _received(snapshot, number, currency).scaleb(exponent(currency))
            found.append(Invoice(number, amount_in(reversal) - int(taken)))
    if found:
        return max(found, key=lambda each: each.open_minor or 0)  # the first of equal ones
    for row in snapshot.answers.get("free_text", ()):
        if is_posted(row) and str(row["CurrencyCode"]).lower() == currency:
            return Invoice(str(row["InvoiceId"]), None)
    return None


def _whole_minor(amount: Decimal, currency: str, *, is_new: bool) -> int:
    """An amount of Dynamics in Stripe's minor units. Dynamics may round finer: no receipt is too
    large for a new invoice by a part of a unit, and none is for a part that another one left."""
    rounding = ROUND_CEILING if is_new else ROUND_FLOOR
    return int(amount.scaleb(exponent(currency)).to_integral_value(rounding))


def _received(snapshot: Snapshot, number: str, currency: str) -> Decimal:
    """What other receipts settle of an invoice, drafts too."""
    rows: Sequence[Json] = snapshot.answers.get(f"receipts {number}", ())
    amounts = [
        Decimal(str(row["CreditAmount"])) - Decimal(str(row["DebitAmount"]))
        for row in rows
        if str(row["CurrencyCode"]).lower() == currency
        and object_of(str(row["PaymentId"])) != snapshot.id
    ]
    return sum(amounts, Decimal())


def is_expected(snapshot: Snapshot) -> bool:
    """Whether an invoice may still come: when all the money went back before one was posted, the
    order is closed. Then receipt and refund meet on the customer's account."""
    charge = snapshot.related["charge"]
    refunded = charge.get("amount_refunded")
    return not (type(refunded) is int and refunded >= captured_minor(charge))


def may_wait(snapshot: Snapshot, context: Context) -> bool:
    """Whether the receipt is young enough to wait for its invoice."""
    made = moment(snapshot.object, "created", "balance_transaction")
    return context.is_within(context.policy.receipts.wait_hours, made)


def not_posted(snapshot: Snapshot, found: SaleRouting) -> Waiting:
    """The word for a receipt without a posted invoice."""
    reversals = " or ".join(each.key for each in _reversals(snapshot))
    of_charge = f"of charge {snapshot.related['charge']['id']}"
    what = found.invoice or found.order or " or ".join(filter(None, (of_charge, reversals)))
    return Waiting("invoice_not_posted", f"{snapshot.id}: invoice {what} is not posted yet")


def customer_of(snapshot: Snapshot, origin: Origin | None) -> Party:
    """The customer of the sale as it was written, else that of the charge; empty for a guest."""
    if origin is not None and origin.party is not None:
        return origin.party
    charge = snapshot.related.get("charge") or {}
    customer = charge.get("customer")
    return Party(text(customer, "id") if isinstance(customer, dict) else text(charge, "customer"))

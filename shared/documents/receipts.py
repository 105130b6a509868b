"""Receipts of charges: whose invoice they settle, and where they wait for it.

Two posted transactions cannot be settled over OData: a receipt is marked on its draft. One whose
invoice is not posted yet waits; after `receipts.wait_hours` it goes over the role
`unapplied_receipts`, and a line `<txn>:apply:<invoice>` brings it to the customer, marked, once the
invoice is there. `SalesInvoiceHeadersV2` shows posted invoices of orders,
`CDSFreeTextInvoiceHeaders` free text invoices.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from shared.documents.common import Context, Json, Question, Snapshot, moment, text
from shared.documents.order_state import ORDER
from shared.documents.origin import Origin, Party, origin_of
from shared.documents.sale_lines import captured_minor
from shared.documents.selling import (
    Selling,
    announces_invoice,
    is_invoiced,
    selling,
    session_of,
)
from shared.domain.journal import Role
from shared.domain.money import exponent
from shared.domain.records import Document
from shared.errors import Waiting
from shared.policy import Sale

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


def sold(snapshot: Snapshot, context: Context) -> Selling | None:
    """How the charge behind a receipt is sold; None where no document is to be settled.

    An order of ours that was written is one, whatever the policy says by now.
    """
    charge = snapshot.related.get("charge") or {}
    if context.policy.receipts.settle != "marked" or not charge:
        return None
    found = selling(charge, session_of(snapshot), context, origin_of(snapshot))
    if found.order or found.invoice:
        return found
    if ORDER in snapshot.of_charge:
        return replace(found, sale=Sale.ORDER)
    invoiced = is_invoiced(snapshot, charge) or announces_invoice(session_of(snapshot))
    return found if found.sale is Sale.ORDER and not invoiced else None


def questions(snapshot: Snapshot, context: Context) -> tuple[Question, ...]:
    """The invoices of the sale, and the receipts that settle them already."""
    found = sold(snapshot, context)
    if found is None or _is_over(snapshot):
        return ()
    charge = str(snapshot.related["charge"]["id"])
    company, select = found.company, ("InvoiceNumber", "TotalInvoiceAmount", "CurrencyCode")
    asked = []
    if found.invoice:
        asked.append(
            Question("invoices", INVOICES, company, "InvoiceNumber", found.invoice, select)
        )
        asked.append(
            Question(
                "free_text",
                FREE_TEXT,
                company,
                "InvoiceId",
                found.invoice,
                ("InvoiceId", "IsPosted", "CurrencyCode"),
            )
        )
    elif found.order:
        asked.append(
            Question("invoices", INVOICES, company, "SalesOrderNumber", found.order, select)
        )
    else:
        field = "CustomersOrderReference"
        asked.append(Question("invoices", INVOICES, company, field, charge, select))
    for number in _numbers(snapshot):
        asked.append(
            Question(
                f"receipts {number}",
                RECEIPTS,
                company,
                "MarkedInvoice",
                number,
                ("PaymentId", "CreditAmount", "DebitAmount", "CurrencyCode"),
            )
        )
    return tuple(asked)


def _is_over(snapshot: Snapshot) -> bool:
    """Whether nothing is left to decide: the receipt is written and not waiting for an invoice."""
    gross = snapshot.written("gross")
    if gross is None:
        return False
    return not is_unapplied(gross) or snapshot.written("apply") is not None


def is_unapplied(gross: Document) -> bool:
    """Whether a receipt was written over unapplied receipts."""
    account = gross.facts["account"]
    return isinstance(account, Mapping) and account["role"] == Role.UNAPPLIED_RECEIPTS.value


def _numbers(snapshot: Snapshot) -> list[str]:
    posted = [str(row["InvoiceNumber"]) for row in snapshot.answers.get("invoices", ())]
    posted += [
        str(row["InvoiceId"])
        for row in snapshot.answers.get("free_text", ())
        if row["IsPosted"] == "Yes"
    ]
    return list(dict.fromkeys(posted))


def invoice_for(snapshot: Snapshot, currency: str) -> Invoice | None:
    """The posted invoice of the sale with most open; None while none is posted."""
    found: list[Invoice] = []
    for row in snapshot.answers.get("invoices", ()):
        if str(row["CurrencyCode"]).lower() == currency:
            number = str(row["InvoiceNumber"])
            total = Decimal(str(row["TotalInvoiceAmount"]))
            left = total - _received(snapshot, number, currency)
            open_minor = _whole_minor(left, currency, is_new=left == total)
            found.append(Invoice(number, open_minor))
    if found:
        return max(found, key=lambda each: (each.open_minor or 0, each.number))
    for row in snapshot.answers.get("free_text", ()):
        if row["IsPosted"] == "Yes" and str(row["CurrencyCode"]).lower() == currency:
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
        and str(row["PaymentId"]).partition(":")[0] != snapshot.id
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


def not_posted(snapshot: Snapshot, found: Selling) -> Waiting:
    """The word for a receipt without a posted invoice."""
    what = found.invoice or found.order or f"of charge {snapshot.related['charge']['id']}"
    return Waiting("invoice_not_posted", f"{snapshot.id}: invoice {what} is not posted yet")


def customer_of(snapshot: Snapshot, origin: Origin | None) -> Party:
    """The customer of the sale as it was written, else that of the charge; empty for a guest."""
    if origin is not None and origin.party is not None:
        return origin.party
    charge = snapshot.related.get("charge") or {}
    customer = charge.get("customer")
    return Party(text(customer, "id") if isinstance(customer, dict) else text(charge, "customer"))

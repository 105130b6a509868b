"""What a money line settles: the posted document that its draft is marked with, and its waiting.

Two posted transactions cannot be settled over OData. A line whose document is not posted yet waits
for it, at most `receipts.wait_hours` and never over the month's cut-off. What is open is read
(`CustTransactions`), never concluded from "posted": Finance 10.0.49 may settle later. An open
transaction takes one mark: what another draft marks, a line waits for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from shared.domain.ids import object_of
from shared.entities.common.journal_lines import JournalLine
from shared.entities.common.objects import Context, Json, Query, Snapshot, moment
from shared.entities.common.open_periods import companies_of, module_of
from shared.errors import Waiting

INVOICES, FREE_TEXT = "SalesInvoiceHeadersV2", "CDSFreeTextInvoiceHeaders"
TRANSACTIONS, JOURNALS = "CustTransactions", "CustomerPaymentJournalHeaders"
LINES = "CustomerPaymentJournalLines"


@dataclass(frozen=True, slots=True)
class Invoice:
    """A posted invoice or credit note that a line is for. `open_minor`: what is open of it,
    negative of a credit note; None where that is not told: it takes the whole line."""

    number: str
    open_minor: int | None

    def excess(self, amount_minor: int) -> int:
        """What of a receipt the invoice does not take; of a refund (negative) the credit note."""
        if self.open_minor is None:
            return 0
        if amount_minor < 0:
            return min(amount_minor - min(self.open_minor, 0), 0)
        return max(amount_minor - max(self.open_minor, 0), 0)

    def is_closed_to(self, amount_minor: int) -> bool:
        """Whether it takes nothing of a line."""
        return amount_minor != 0 and self.excess(amount_minor) == amount_minor


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a line is settled. `invoice`: the posted document, None while there is none; `wait`: the
    word for that, None where no document is expected (any more)."""

    invoice: Invoice | None = None
    wait: Waiting | None = None


def may_wait(snapshot: Snapshot, context: Context, line: JournalLine) -> bool:
    """Whether the line of a transaction is young enough to wait for a document: its month and its
    fiscal period are not over, nor is the period closed in a company of it."""
    made = moment(snapshot.object, "created", "balance_transaction")
    today = context.local_date(int(context.now.timestamp()))
    for company in companies_of(line):
        last = context.closed_days(company).cut_off(line.date, module_of(line))
        if last is None or today > last:
            return False
    return context.is_within(context.policy.receipts.wait_hours, made)


def queries_of_open(snapshot: Snapshot, company: str, number: str) -> Iterator[Query]:
    """The lines that mark a document, what is open of it, and whether the journals of the lines of
    others are posted."""
    select: tuple[str, ...] = ("PaymentId", "CreditAmount", "DebitAmount", "CurrencyCode")
    select = (*select, "JournalBatchNumber")
    yield Query(f"receipts {number}", LINES, company, "MarkedInvoice", number, select)
    select = ("AmountCur", "SettleAmountCur", "CurrencyCode")
    yield Query(f"open {number}", TRANSACTIONS, company, "Invoice", number, select)
    for row in _others(snapshot, number):
        batch = str(row["JournalBatchNumber"])
        select = ("JournalBatchNumber", "IsPosted", "Description")
        yield Query(f"journal {batch}", JOURNALS, company, "JournalBatchNumber", batch, select)


def total_of(snapshot: Snapshot, number: str, currency: str) -> Decimal | None:
    """The amount of a document in a currency; None where it is not shown, or shown twice."""
    row = _shown(snapshot, number, currency)
    return None if row is None else Decimal(str(row["AmountCur"]))


def open_of(snapshot: Snapshot, number: str, currency: str) -> Decimal | None:
    """What is open of a document, in major units; None where it is not shown, or shown twice."""
    row = _shown(snapshot, number, currency)
    if row is None:
        return None
    return Decimal(str(row["AmountCur"])) - Decimal(str(row["SettleAmountCur"]))


def received(snapshot: Snapshot, number: str, currency: str) -> Decimal:
    """What lines of others settle of a document, drafts too; negative of a credit note."""
    amounts = [
        Decimal(str(row["CreditAmount"])) - Decimal(str(row["DebitAmount"]))
        for row in snapshot.answers.get(f"receipts {number}", ())
        if str(row["CurrencyCode"]).lower() == currency
        and object_of(str(row["PaymentId"])) != snapshot.id
    ]
    return sum(amounts, Decimal())


def blocked(snapshot: Snapshot, number: str) -> Waiting | None:
    """The word for a document that a draft of another transaction marks."""
    for row in _others(snapshot, number):
        batch = str(row["JournalBatchNumber"])
        headers = snapshot.answers.get(f"journal {batch}", ())
        if any(header["IsPosted"] != "Yes" for header in headers):
            by = f"{row['PaymentId']}, a draft in journal {batch}"
            text = f"{snapshot.id}: invoice {number} is marked by {by}"
            return Waiting("invoice_marked", text)
    return None


def _shown(snapshot: Snapshot, number: str, currency: str) -> Json | None:
    rows = [
        row
        for row in snapshot.answers.get(f"open {number}", ())
        if str(row["CurrencyCode"]).lower() == currency
    ]
    return rows[0] if len(rows) == 1 else None


def _others(snapshot: Snapshot, number: str) -> list[Json]:
    """The lines of other transactions that mark a document, where their journals are known."""
    return [
        row
        for row in snapshot.answers.get(f"receipts {number}", ())
        if object_of(str(row["PaymentId"])) != snapshot.id and row.get("JournalBatchNumber")
    ]

"""The documents of a tax document of Stripe that a person confirmed.

The fees of its month stand on `fees_accrued`, one line each. The document becomes one vendor
invoice (debit `fees`, credit the vendor) and, once that is posted, one payment line that is marked
with it (debit the vendor, credit `fees_accrued`). Fees that have another account than `fees`, and
tax that Stripe charged, are moved there by a line of the general journal. A document without tax
takes the sales tax groups of the books, for the reverse charge that Dynamics computes.

The settlement has the invoice's accounting date. If that day is closed once the invoice is posted,
it has the day on which the invoice is seen posted.

What was accrued and is not on the document stays on `fees_accrued`, listed.
"""

from collections.abc import Iterable
from datetime import date
from types import MappingProxyType

from shared.domain.books import StripeVendor
from shared.domain.closed_days import Module
from shared.domain.documents import AccountRole, Document
from shared.domain.ids import line_key
from shared.domain.journal import Role
from shared.domain.money import Money
from shared.entities.common.journal_lines import GeneralLine
from shared.entities.common.objects import Context, Desired, Query, Snapshot
from shared.entities.common.open_periods import check_open
from shared.entities.fee_invoice.records import (
    VendorInvoice,
    VendorInvoiceJournal,
    VendorPayment,
    VendorPaymentJournal,
)
from shared.errors import Parked, Waiting
from shared.targets.finance import BATCH_NUMBER, IS_POSTED, is_posted

ENTITY = "fee_invoice"
ID_PREFIX = "feedoc_"
HEADERS = "VendInvoiceJournalHeaders"
INVOICE_JOURNAL, INVOICE = "invoice_journal", "invoice"
PAYMENT_JOURNAL, PAYMENT = "payment_journal", "payment"
POSTED = "posted"  # the query
MODULES = Module.VENDORS, Module.LEDGER
ROLE_OF_KIND = MappingProxyType(
    {
        "dispute_fee": Role.DISPUTE_FEES,
        "passthrough_fee": Role.NETWORK_COSTS,
        "network_cost": Role.NETWORK_COSTS,
    }
)
"""The accounts of fees that are not `fees`, by kind."""


def id_of_document(month: str, company: str, currency: str, number: str) -> str:
    """The id of a fee invoice: `feedoc_2026-10_usmf_usd_ABC-1`."""
    return f"{ID_PREFIX}{month}_{company}_{currency}_{number}"


def queries(snapshot: Snapshot, context: Context) -> tuple[Query, ...]:
    """Whether the invoice is posted, as long as its settlement is not written."""
    del context
    link = snapshot.links.get(INVOICE)
    if link is None or snapshot.record(PAYMENT) is not None:
        return ()
    batch = str(link.keys[BATCH_NUMBER])
    return (Query(POSTED, HEADERS, link.company, BATCH_NUMBER, batch, (IS_POSTED,)),)


def build(snapshot: Snapshot, context: Context) -> Desired:
    """The invoice, the lines that split it by kind, and its settlement once it is posted."""
    invoice = _Invoice(snapshot, context)
    documents = [*invoice.invoice(), *invoice.parts()]
    unfinished = invoice.awaited()
    invoice.check_open(documents, invoice.date)
    if unfinished is None:
        day = invoice.settled_on()
        settlement = invoice.settlement(day)
        invoice.check_open(settlement, day)
        documents += settlement
    return Desired(tuple(documents), unfinished=unfinished)


class _Invoice:
    """One confirmed document."""

    def __init__(self, snapshot: Snapshot, context: Context) -> None:
        found = snapshot.object
        self.snapshot, self.month = snapshot, str(found["month"])
        self.company, self.number = str(found["company"]), str(found["number"])
        self.vendor = _vendor(context, self.company)
        self.closed = context.closed_days(self.company)
        self.today = context.local_date(int(context.now.timestamp()))
        self.currency, self.kinds = str(found["currency"]), dict(found["kinds"])
        self.tax = Money(int(found["tax"]), self.currency)
        self.total = Money(int(found["amount"]), self.currency)
        self.date = date.fromisoformat(str(found["post_on"]))
        self.document_date = date.fromisoformat(str(found["date"]))

    def key(self, role: str) -> str:
        return line_key(self.snapshot.id, role)

    def named(self, what: str) -> str:
        """What people search a journal by; 60 characters hold it."""
        return f"Stripe {what} {self.month} {self.currency} {self.number}"

    def invoice(self) -> list[Document]:
        groups = "", ""
        if not self.tax:
            groups = self.vendor.sales_tax_group, self.vendor.item_sales_tax_group
        journal = VendorInvoiceJournal(
            role=INVOICE_JOURNAL,
            company=self.company,
            key=self.named("fees"),
            journal_name=self.vendor.invoice_journal,
        )
        invoice = VendorInvoice(
            role=INVOICE,
            company=self.company,
            key=self.key(INVOICE),
            parent=INVOICE_JOURNAL,
            amount=self.total,
            vendor=self.vendor.account,
            offset=AccountRole(Role.FEES),
            number=self.number,
            document_date=self.document_date,
            date=self.date,
            tax_group=groups[0],
            item_tax_group=groups[1],
            month=self.month,
        )
        return [journal, invoice]

    def parts(self) -> list[Document]:
        """Lines that move parts of the invoice from `fees` to the accounts of their kinds."""
        amounts = {
            kind: (role, Money(int(self.kinds[kind]), self.currency))
            for kind, role in ROLE_OF_KIND.items()
            if kind in self.kinds
        }
        amounts["tax"] = Role.FEE_TAX, self.tax
        return [
            GeneralLine(
                role=kind,
                company=self.company,
                key=self.key(kind),
                amount=amount,
                date=self.date,
                account=AccountRole(role),
                offset=AccountRole(Role.FEES),
                category=f"{kind} {self.month}",
                source=self.number,
            )
            for kind, (role, amount) in amounts.items()
            if amount
        ]

    def awaited(self) -> Parked | Waiting | None:
        """Why the settlement cannot be written; None where it can, or is."""
        if self.snapshot.record(PAYMENT) is not None:
            return None
        journals = self.snapshot.answers.get(POSTED, ())
        if any(is_posted(journal) for journal in journals):
            return None
        if self.snapshot.links.get(INVOICE) is not None and not journals:
            return Parked(
                "vanished",
                f"the journal of invoice {self.number} of {self.company} is gone",
                "Find out who removed it; enter the invoice and its settlement against the account "
                "of accrued fees by hand, then resolve the item.",
            )
        return Waiting(
            "fee_invoice_not_posted",
            f"{self.snapshot.id}: vendor invoice {self.number} is not posted in {self.company} yet",
        )

    def check_open(self, documents: Iterable[Document], day: date) -> None:
        """Raises `Parked` when one of the documents is still to be written for a closed day."""
        if any(document.role not in self.snapshot.links for document in documents):
            check_open(self.closed, self.company, day, *MODULES)

    def settled_on(self) -> date:
        """The accounting date of the settlement; one that is written keeps its own."""
        kept = self.snapshot.written(PAYMENT)
        if isinstance(kept, VendorPayment):
            return kept.date
        is_open = all(self.closed.cut_off(self.date, module) for module in MODULES)
        return self.date if is_open else self.today

    def settlement(self, day: date) -> list[Document]:
        journal = VendorPaymentJournal(
            role=PAYMENT_JOURNAL,
            company=self.company,
            key=self.named("settles"),
            journal_name=self.vendor.payment_journal,
        )
        payment = VendorPayment(
            role=PAYMENT,
            company=self.company,
            key=self.key(PAYMENT),
            parent=PAYMENT_JOURNAL,
            amount=self.total,
            vendor=self.vendor.account,
            offset=AccountRole(Role.FEES_ACCRUED),
            marked_invoice=self.number,
            date=day,
            month=self.month,
        )
        return [journal, payment]


def _vendor(context: Context, company: str) -> StripeVendor:
    """Stripe as a vendor of a company. Raises `Parked`."""
    vendor = context.company(company).stripe_vendor
    if vendor is None:
        raise Parked(
            "vendor_not_configured",
            f"company {company} has no stripe_vendor any more",
            "Put stripe_vendor back into the company in the books, then retry.",
        )
    return vendor

"""The records of a fee invoice: two journals of their own, with a line each."""

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, ClassVar

from shared.domain.documents import AccountRole, Document, Fact
from shared.domain.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorInvoiceJournal(Document):
    """The invoice journal of one document."""

    template: ClassVar[str] = "vendor_invoice_journal"

    journal_name: Annotated[str, Fact("the journal name in the books")]


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorInvoice(Document):
    """The invoice: credit the vendor by `amount`, debit `offset`."""

    template: ClassVar[str] = "vendor_invoice"
    belongs_to: ClassVar[str] = "the invoice journal"

    amount: Annotated[Money, Fact("the total of Stripe's tax document")]
    vendor: Annotated[str, Fact("the vendor account of Stripe")]
    offset: Annotated[AccountRole, Fact("the expense account")]
    number: Annotated[str, Fact("the number of Stripe's tax document")]
    document_date: Annotated[dt.date, Fact("the date of Stripe's tax document")]
    date: Annotated[dt.date, Fact("the accounting date")]
    tax_group: Annotated[str, Fact("the sales tax group of a reverse charge; may be empty")] = ""
    item_tax_group: Annotated[str, Fact("its item sales tax group; may be empty")] = ""
    month: Annotated[str, Fact("the month of the fees, as 2026-10")]


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorPaymentJournal(Document):
    """The vendor payment journal that settles one invoice."""

    template: ClassVar[str] = "vendor_payment_journal"

    journal_name: Annotated[str, Fact("the journal name in the books")]


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorPayment(Document):
    """The settlement: debit the vendor by `amount`, marked with the invoice, credit `offset`."""

    template: ClassVar[str] = "vendor_payment"
    belongs_to: ClassVar[str] = "the vendor payment journal"

    amount: Annotated[Money, Fact("the total of Stripe's tax document")]
    vendor: Annotated[str, Fact("the vendor account of Stripe")]
    offset: Annotated[AccountRole, Fact("the account of accrued fees")]
    marked_invoice: Annotated[str, Fact("the posted invoice that the line settles")]
    date: Annotated[dt.date, Fact("the accounting date")]
    month: Annotated[str, Fact("the month of the fees, as 2026-10")]

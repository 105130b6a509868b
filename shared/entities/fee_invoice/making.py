"""How the documents of fee invoices are made."""

from shared.entities.common.journal_lines import GeneralLine
from shared.entities.fee_invoice import documents
from shared.entities.fee_invoice.documents import ENTITY, id_of_document
from shared.entities.fee_invoice.records import (
    VendorInvoice,
    VendorInvoiceJournal,
    VendorPayment,
    VendorPaymentJournal,
)
from shared.entities.making import Making

MAKING = Making(
    build=documents.build,
    queries_of=documents.queries,
    documents=(
        VendorInvoiceJournal,
        VendorInvoice,
        GeneralLine,
        VendorPaymentJournal,
        VendorPayment,
    ),
    is_dated=True,
)

__all__ = ("ENTITY", "MAKING", "id_of_document")

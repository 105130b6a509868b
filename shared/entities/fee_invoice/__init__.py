"""Fee invoices: Stripe's monthly tax documents, as a person confirmed them.

No object of the API stands for them: what converge reads is the confirmation itself.
"""

from shared.domain.partition import LEDGER_QUEUE
from shared.entities.common.journal_lines import GeneralLine
from shared.entities.entity import Entity
from shared.entities.fee_invoice import documents
from shared.entities.fee_invoice.documents import ENTITY, id_of_document
from shared.entities.fee_invoice.records import (
    VendorInvoice,
    VendorInvoiceJournal,
    VendorPayment,
    VendorPaymentJournal,
)

FEE_INVOICE = Entity(
    name=ENTITY,
    queue=LEDGER_QUEUE,
    object=ENTITY,
    event_types=(),
    is_confirmed=True,
    build=documents.build,
    queries_of=documents.queries,
    documents=(
        VendorInvoiceJournal,
        VendorInvoice,
        GeneralLine,
        VendorPaymentJournal,
        VendorPayment,
    ),
)

__all__ = ("ENTITY", "FEE_INVOICE", "id_of_document")

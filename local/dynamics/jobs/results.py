"""What the batch jobs on documents report."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class DocumentResult:
    """What a job did with one document.

    `document` is what the document was written as: an order number, an `ExternalInvoiceId`, a
    return order number, a trade agreement journal. `number` is the invoice or credit note it
    became, empty where none did.
    """

    company: str
    document: str
    entity_set: str
    posted: bool
    number: str
    reasons: tuple[str, ...]
    at: datetime

"""The batch jobs of the tenant: they post journals, invoice orders and post prices."""

from local.dynamics.jobs.invoicing import InvoiceSelection
from local.dynamics.jobs.jobs import Jobs, batch_jobs
from local.dynamics.jobs.ledger import Ledger, LedgerLine, Side
from local.dynamics.jobs.posting import JournalResult
from local.dynamics.jobs.results import DocumentResult

__all__ = [
    "DocumentResult",
    "InvoiceSelection",
    "Jobs",
    "JournalResult",
    "Ledger",
    "LedgerLine",
    "Side",
    "batch_jobs",
]

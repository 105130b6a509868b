"""All that happens in the tenant without a request: batch jobs, in the order of a night."""

from dataclasses import dataclass

from local.dynamics.jobs.documents import Poster
from local.dynamics.jobs.invoicing import Invoicing
from local.dynamics.jobs.ledger import GeneralLedger
from local.dynamics.jobs.merging import CustomerOffice
from local.dynamics.jobs.posting import JournalResult, PostingJob
from local.dynamics.jobs.prices import PriceJob
from local.dynamics.jobs.results import DocumentResult
from local.dynamics.tables import Subledger, TenantBooks
from shared.ports import Clock


@dataclass(frozen=True, slots=True)
class Jobs:
    """The jobs of one tenant. See `DynamicsPeer`, which offers them."""

    books: TenantBooks
    subledger: Subledger
    journals: PostingJob
    invoicing: Invoicing
    prices: PriceJob
    office: CustomerOffice

    def run_all(self) -> tuple[list[DocumentResult], list[JournalResult]]:
        """Totals, prices, orders, free text invoices, returns, then the journals that pay."""
        self.invoicing.totals()
        documents = [
            *self.prices.run(),
            *self.invoicing.orders(),
            *self.invoicing.free_text(),
            *self.invoicing.returns(),
        ]
        return documents, self.journals.run()


def batch_jobs(books: TenantBooks, subledger: Subledger, clock: Clock) -> Jobs:
    """The jobs of a tenant over one general ledger."""
    general = GeneralLedger(books)
    return Jobs(
        books=books,
        subledger=subledger,
        journals=PostingJob(books, clock, general, subledger),
        invoicing=Invoicing(books, Poster(books, general, subledger), clock),
        prices=PriceJob(books, clock),
        office=CustomerOffice(books, general, subledger),
    )

"""All that happens in the tenant without a request: batch jobs, in the order of a night."""

from collections.abc import Collection
from dataclasses import dataclass

from local.dynamics.jobs.documents import Poster
from local.dynamics.jobs.invoicing import InvoiceSelection, Invoicing
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

    def invoice_orders(
        self,
        numbers: Collection[str] | None = None,
        lines: Collection[str] | None = None,
        company: str | None = None,
    ) -> list[DocumentResult]:
        """See `DynamicsPeer.invoice_orders`."""
        return self.invoicing.orders(InvoiceSelection(company, numbers, lines))

    def post_free_text_invoices(
        self, ids: Collection[str] | None = None, company: str | None = None
    ) -> list[DocumentResult]:
        """See `DynamicsPeer.post_free_text_invoices`."""
        return self.invoicing.free_text(InvoiceSelection(company, ids))

    def invoice_returns(
        self, numbers: Collection[str] | None = None, company: str | None = None
    ) -> list[DocumentResult]:
        """See `DynamicsPeer.invoice_returns`."""
        return self.invoicing.returns(InvoiceSelection(company, numbers))

    def run_all(self) -> tuple[list[DocumentResult], list[JournalResult]]:
        """Prices, orders, free text invoices, returns, and then the journals that pay them."""
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

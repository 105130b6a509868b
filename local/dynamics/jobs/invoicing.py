"""The batch jobs that invoice: sales orders, return orders, free text invoices.

What a job refuses stays as it was; the result names the reasons.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

from local.dynamics.jobs.documents import InvoiceDocument, InvoiceLine, Numbering, Posted, Poster
from local.dynamics.jobs.results import DocumentResult
from local.dynamics.odata import COMPANY, Fields, Infolog, StoredRow, fold
from local.dynamics.tables import (
    FREE_TEXT_AMOUNT,
    FREE_TEXT_HEADERS,
    FREE_TEXT_ID,
    INVOICE_CUSTOMER,
    INVOICED,
    OPEN,
    ORDERS,
    RETURNS,
    OrderKind,
    SalesTax,
    TaxableLine,
    TenantBooks,
    lines_of_invoice,
    lines_of_order,
    show_free_text_invoice,
    tax_of,
    tax_on,
    total_up,
)
from shared.ports import Clock

INVOICES = "SalesInvoiceHeadersV2"
SALES_NUMBERS = Numbering("INV", "CRN", "SIV")
FREE_TEXT_NUMBERS = Numbering("FTI", "FTC", "FTV")
ADDRESS = ("City", "CountryRegionISOCode", "CountryRegionId", "State", "Street", "ZipCode")


@dataclass(frozen=True, slots=True)
class InvoiceSelection:
    """Which documents a job takes: of one company or all; those of certain numbers or all; of
    orders, only certain lines or all."""

    company: str | None = None
    numbers: Collection[str] | None = None
    lines: Collection[str] | None = None

    def takes(self, company: str, number: str) -> bool:
        """Whether a document is among the chosen."""
        if self.company is not None and company != self.company:
            return False
        return self.numbers is None or any(fold(each) == fold(number) for each in self.numbers)


EVERYTHING = InvoiceSelection()


@dataclass(slots=True)
class Invoicing:
    """The jobs, and the latest result of each document they have seen."""

    books: TenantBooks
    poster: Poster
    clock: Clock
    infolog: dict[tuple[str, str, str], DocumentResult] = field(default_factory=dict)

    def totals(self) -> None:
        """Compute the totals of all orders anew."""
        for trade in (ORDERS, RETURNS):
            for header in list(self.books.store.table(trade.headers).values()):
                total_up(self.books, trade, header, by_job=True)

    def orders(self, choice: InvoiceSelection = EVERYTHING) -> list[DocumentResult]:
        """Invoice sales orders that are not stopped and have lines to invoice."""
        return self._trade(ORDERS, choice)

    def returns(self, choice: InvoiceSelection = EVERYTHING) -> list[DocumentResult]:
        """Credit the lines of return orders whose disposition is "Credit only"."""
        return self._trade(RETURNS, choice)

    def free_text(self, choice: InvoiceSelection = EVERYTHING) -> list[DocumentResult]:
        """Post free text invoices; their numbers are their `ExternalInvoiceId`s."""
        return [
            self._try(header, FREE_TEXT_ID, partial(self._free_text, header))
            for header in self._chosen(FREE_TEXT_HEADERS, FREE_TEXT_ID, choice)
            if header.fields["IsPosted"] == "No"
        ]

    def _trade(self, trade: OrderKind, choice: InvoiceSelection) -> list[DocumentResult]:
        results = []
        for header in self._chosen(trade.headers, trade.number, choice):
            due = self._due(trade, header, choice)
            if due:
                post = partial(self._order, trade, header, due)
                results.append(self._try(header, trade.number, post))
        return results

    def _chosen(self, entity_set: str, name: str, choice: InvoiceSelection) -> Iterator[StoredRow]:
        """Headers in the order they were created."""
        for row in list(self.books.store.table(entity_set).values()):
            if choice.takes(row.fields[COMPANY], row.fields[name]):
                yield row

    def _due(
        self, trade: OrderKind, header: StoredRow, choice: InvoiceSelection
    ) -> list[StoredRow]:
        if header.fields[trade.status] != OPEN or header.fields[trade.stopped] == "Yes":
            return []
        ready = trade.open_lines[-1]
        return [
            row
            for row in lines_of_order(self.books, trade, header)
            if row.fields[trade.line_status] == ready
            and row.fields.get("IsLineStopped", "No") == "No"
            and (choice.lines is None or row.fields[trade.lot] in choice.lines)
        ]

    def _order(self, trade: OrderKind, header: StoredRow, due: list[StoredRow]) -> Posted:
        company, store = header.fields[COMPANY], self.books.store
        tax = tax_of(self.books, trade, header.fields, [row.fields for row in due])
        parts = self._taxed(company, [self._part(trade, row.fields) for row in due], tax)
        document = InvoiceDocument(
            company=company,
            entity_set=INVOICES,
            customer=self.books.customer(company, header.fields[INVOICE_CUSTOMER]),
            currency=header.fields["CurrencyCode"],
            date=self.clock.now().replace(hour=12, minute=0, second=0, microsecond=0),
            parts=tuple(parts),
            numbering=SALES_NUMBERS,
        )
        posted = self.poster.post(document)
        for row in due:
            store.update(row, {trade.line_status: INVOICED})
        total_up(self.books, trade, header)
        self._show(trade, header.fields, document, posted, tax)
        return posted

    def _taxed(self, company: str, lines: list[InvoiceLine], tax: SalesTax) -> list[InvoiceLine]:
        """The lines without their sales tax, and the tax as a line of its own."""
        if tax.within:
            lines = [
                replace(line, amount=line.amount - amount)
                for line, amount in zip(lines, tax.of_lines, strict=True)
            ]
        if not tax.total:
            return lines
        account = self.books.account(company, "Ledger", self.books.tax_account)
        return [*lines, InvoiceLine(account, tax.total, "Sales tax")]

    def _part(self, trade: OrderKind, line: Fields) -> InvoiceLine:
        display = line["MainAccountIdDisplayValue"] or self._sales_account(trade, line)
        account = self.books.account(line[COMPANY], "Ledger", display)
        return InvoiceLine(account, line["LineAmount"], line["LineDescription"])

    def _sales_account(self, trade: OrderKind, line: Fields) -> str:
        """Of the item's group: of revenue, or of what comes back."""
        item = self.books.store.find("ReleasedProductsV2", line[COMPANY], line["ItemNumber"])
        if item is None:
            raise Infolog(f"Item {line['ItemNumber']} is not released in {line[COMPANY]}.")
        sales, returns = self.books.sales_accounts[item.fields["ProductGroupId"]]
        return returns if trade is RETURNS else sales

    def _show(
        self,
        trade: OrderKind,
        header: Fields,
        document: InvoiceDocument,
        posted: Posted,
        tax: SalesTax,
    ) -> None:
        """What `SalesInvoiceHeadersV2` shows, where a return order is a sales order too."""
        entity_set = self.books.store.schema.set_of(INVOICES)
        customer = document.customer.fields
        address = {f"InvoiceAddress{name}": customer[f"Address{name}"] for name in ADDRESS}
        fields = {
            COMPANY: document.company,
            "InvoiceNumber": posted.number,
            "InvoiceDate": document.date,
            "LedgerVoucher": posted.voucher,
            "SalesOrderNumber": header[trade.number],
            "CustomersOrderReference": header["CustomersOrderReference"],
            INVOICE_CUSTOMER: document.customer.id,
            "CurrencyCode": document.currency,
            "TotalInvoiceAmount": document.total,
            "TotalTaxAmount": tax.total,
            "PaymentTermsName": header.get("PaymentTermsName", customer["PaymentTerms"]),
            "SalesOrderOriginCode": header.get("SalesOrderOriginCode", ""),
        }
        self.books.store.insert(entity_set, {**entity_set.blank, **address, **fields})

    def _free_text(self, header: StoredRow) -> Posted:
        company = header.fields[COMPANY]
        lines = [row.fields for row in lines_of_invoice(self.books, header)]
        parts = [
            InvoiceLine(
                self.books.account(company, "Ledger", line["MainAccountDisplayValue"]),
                line[FREE_TEXT_AMOUNT],
                line["InvoiceText"] or line["Description"],
            )
            for line in lines
        ]
        taxable = [
            TaxableLine(
                line[FREE_TEXT_AMOUNT], line["SalesTaxGroupId"], line["SalesTaxItemGroupId"]
            )
            for line in lines
        ]
        currency, within = header.fields["CurrencyCode"], header.fields["InclTax"] == "Yes"
        tax = tax_on(self.books, company, currency, taxable, within=within)
        document = InvoiceDocument(
            company=company,
            entity_set=FREE_TEXT_HEADERS,
            customer=self.books.customer(company, header.fields["InvoiceAccount"]),
            currency=header.fields["CurrencyCode"],
            date=header.fields["InvoiceDate"],
            parts=tuple(self._taxed(company, parts, tax)),
            numbering=FREE_TEXT_NUMBERS,
        )
        posted = self.poster.post(document)
        changes = {"IsPosted": "Yes", "InvoiceId": posted.number, "FreeTextNumber": posted.number}
        self.books.store.update(header, changes)
        show_free_text_invoice(self.books, header)
        return posted

    def _try(self, header: StoredRow, name: str, post: Callable[[], Posted]) -> DocumentResult:
        company, document = header.fields[COMPANY], header.fields[name]
        try:
            posted = post()
        except Infolog as refusal:
            number, reasons = "", refusal.reasons
        else:
            number, reasons = posted.number, ()
        entity_set, now = header.entity_set.name, self.clock.now()
        result = DocumentResult(company, document, entity_set, bool(number), number, reasons, now)
        self.infolog[(company, entity_set, document)] = result
        return result

"""Sales orders and return orders before they are invoiced: what both demand, and their totals.

Every write to a line writes the row of its header too, which carries totals and status.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, override

from local.dynamics.odata import COMPANY, Fields, Infolog, StoredRow, numbered, unsupported
from local.dynamics.tables.books import JournalAccount, TenantBooks
from local.dynamics.tables.rules import Hooks
from local.dynamics.tables.sales_tax import SalesTax, TaxableLine, tax_on

NOTHING = Decimal(0)
OPEN, INVOICED, CANCELED = "Backorder", "Invoiced", "Canceled"
INVOICE_CUSTOMER = "InvoiceCustomerAccountNumber"
TOTAL, TOTAL_TAX = "OrderTotalAmount", "OrderTotalTaxAmount"
ARE_TOTALS_CALCULATED = "AreTotalsCalculated"
SEQUENCE = "LineCreationSequenceNumber"


@dataclass(frozen=True, slots=True)
class OrderKind:
    """One kind of order: its sets and how they spell things.

    `open_lines`: the statuses in which a line may be changed and invoiced, the first of them that
    of a new line. `noun` and `prefix`: for texts and numbers. `unpriced`: properties of headers
    and lines that would change amounts in a way this peer does not compute. `summary`: what the
    header of this kind shows besides, from its status and its lines that are not canceled.
    """

    headers: str
    lines: str
    number: str
    lot: str
    customer: str
    quantity: str
    status: str
    line_status: str
    open_lines: tuple[str, ...]
    stopped: str
    site: tuple[str, str]
    warehouse: tuple[str, str]
    noun: str
    prefix: str
    unpriced: tuple[str, ...]
    summary: Callable[[TenantBooks, str, tuple[Fields, ...]], Fields]


def refuse_unpriced(trade: OrderKind, given: Mapping[str, Any]) -> None:
    """Refuse loudly what this peer would have to leave out of an amount."""
    for name in trade.unpriced:
        if given.get(name):
            raise unsupported(f"{name} on {trade.noun.lower()}s")
    if given.get("CalculateLineAmount") == "No":
        raise unsupported(f"An amount of its own on {trade.noun.lower()} lines")


class TradeHeaderHooks(Hooks):
    """Hooks of a set of order headers."""

    def __init__(self, trade: OrderKind, books: TenantBooks) -> None:
        self._trade = trade
        self._books = books

    @override
    def on_create(self, fields: Fields, given: Mapping[str, Any]) -> None:
        refuse_unpriced(self._trade, given)
        company, store = fields[COMPANY], self._books.store
        customer = self._books.customer(company, fields[self._trade.customer])
        payer = fields[INVOICE_CUSTOMER] or customer.fields["InvoiceAccount"] or customer.id
        fields[INVOICE_CUSTOMER] = payer
        for account in (customer, self._books.customer(company, payer)):
            self._check_hold(account)
        if not fields[self._trade.number]:
            following = store.next_number(f"{self._trade.headers} {company}")
            fields[self._trade.number] = numbered(self._trade.prefix, following)
        elif not self._books.settings.manual_numbers:
            raise Infolog(
                f"The number sequence of {self._trade.noun.lower()}s does not allow manual numbers."
            )
        fields["LanguageId"] = fields["LanguageId"] or customer.fields["LanguageId"]
        fields[self._trade.status] = OPEN
        self.complete(fields, customer.fields)

    def complete(self, fields: Fields, customer: Fields) -> None:
        """Fill what this kind of order takes from its customer."""

    def _check_hold(self, account: JournalAccount) -> None:
        if self._books.settings.invoice_hold_refuses_orders or (
            account.fields["OnHoldStatus"] == "All"
        ):
            self._books.check_invoiceable(account)

    @override
    def on_change(self, row: StoredRow, changes: Fields) -> None:
        refuse_closed(self._trade, row)
        refuse_unpriced(self._trade, changes)
        if changes.get(INVOICE_CUSTOMER):
            payer = self._books.customer(row.fields[COMPANY], changes[INVOICE_CUSTOMER])
            self._check_hold(payer)

    @override
    def on_remove(self, row: StoredRow) -> None:
        number = row.fields[self._trade.number]
        if self._books.store.group(self._trade.lines, row.fields[COMPANY], number):
            raise Infolog(
                f"{self._trade.noun} {number} cannot be deleted because lines exist in the order."
            )


class TradeLineHooks(Hooks):
    """Hooks of a set of order lines."""

    def __init__(self, trade: OrderKind, books: TenantBooks) -> None:
        self._trade = trade
        self._books = books

    @override
    def on_create(self, fields: Fields, given: Mapping[str, Any]) -> None:
        refuse_unpriced(self._trade, given)
        trade, company = self._trade, fields[COMPANY]
        header = self._header(fields)
        refuse_closed(trade, header)
        if header.fields[trade.status] == CANCELED:
            raise Infolog(f"{trade.noun} {header.fields[trade.number]} is canceled.")
        fields[trade.number] = header.fields[trade.number]
        fields[trade.lot] = numbered("LOT", self._books.store.next_number(f"lot {company}"))
        item = self._item(fields)
        fields[SEQUENCE] = self._next(header)
        if not fields["SalesUnitSymbol"]:
            fields["SalesUnitSymbol"] = item["SalesUnitSymbol"]
        if not fields["LineDescription"]:
            product = self._books.store.find("ProductsV2", item["ProductNumber"])
            fields["LineDescription"] = product.fields["ProductName"] if product else ""
        self._place(fields, header.fields, item)
        fields[trade.line_status] = trade.open_lines[0]
        self.complete(fields, given, header.fields, item)
        if not fields[trade.quantity]:
            raise Infolog("Field 'Quantity' must be filled in.")
        fields["LineAmount"] = self.amount(fields, header.fields["CurrencyCode"])

    def complete(
        self, fields: Fields, given: Mapping[str, Any], header: Fields, item: Fields
    ) -> None:
        """Fill and check what this kind of line has of its own."""

    def amount(self, fields: Fields, currency: str) -> Decimal:
        """The amount of a line in the currency of its order."""
        return self._books.rounded(fields[self._trade.quantity] * fields["SalesPrice"], currency)

    @override
    def created(self, row: StoredRow) -> None:
        self._total(row)

    @override
    def on_change(self, row: StoredRow, changes: Fields) -> None:
        refuse_unpriced(self._trade, changes)
        header = self._header(row.fields)
        refuse_closed(self._trade, header)
        self._refuse_done(row)
        merged = {**row.fields, **changes}
        self.recheck(merged)
        changes["LineAmount"] = self.amount(merged, header.fields["CurrencyCode"])
        status = self._trade.line_status
        changes[status] = merged[status] if merged[self._trade.quantity] else CANCELED

    def recheck(self, merged: Fields) -> None:
        """Check what a change leaves."""

    @override
    def changed(self, row: StoredRow, before: Fields) -> None:
        self._total(row)

    @override
    def on_remove(self, row: StoredRow) -> None:
        if row.fields[self._trade.line_status] != CANCELED:
            self._refuse_done(row)

    @override
    def removed(self, row: StoredRow) -> None:
        self._total(row)

    def _refuse_done(self, row: StoredRow) -> None:
        status = row.fields[self._trade.line_status]
        if status not in self._trade.open_lines:
            raise Infolog(
                f"Line {row.fields[self._trade.lot]} of {self._trade.noun.lower()} "
                f"{row.fields[self._trade.number]} cannot be changed because its status is "
                f"{status}."
            )

    def _header(self, fields: Fields) -> StoredRow:
        trade = self._trade
        header = self._books.store.find(trade.headers, fields[COMPANY], fields[trade.number])
        if header is None:
            raise Infolog(
                f"The value '{fields[trade.number]}' in field '{trade.noun}' is not found in the "
                f"related table '{trade.noun}s'.",
                f"validateField failed on field '{trade.number}'.",
            )
        return header

    def _item(self, fields: Fields) -> Fields:
        item = self._books.store.find("ReleasedProductsV2", fields[COMPANY], fields["ItemNumber"])
        if item is None:
            raise Infolog(f"Item {fields['ItemNumber']} is not released in {fields[COMPANY]}.")
        return item.fields

    def _next(self, header: StoredRow) -> int:
        lines = lines_of_order(self._books, self._trade, header)
        return max((int(row.fields[SEQUENCE]) for row in lines), default=0) + 1

    def _place(self, fields: Fields, header: Fields, item: Fields) -> None:
        """Stocked items have a site: of the line, its warehouse, the order, or the item's own."""
        site, default_site = self._trade.site
        warehouse, default_warehouse = self._trade.warehouse
        fields[warehouse] = fields[warehouse] or header[default_warehouse]
        found = self._books.store.find("Warehouses", fields[COMPANY], fields[warehouse])
        if not fields[site]:
            own = found.fields["OperationalSiteId"] if found else ""
            fields[site] = own or header[default_site]
        if item["ProductType"] != "Item":
            return
        fields[site] = fields[site] or self._books.settings.default_site
        if not fields[site]:
            raise Infolog(
                "Inventory dimension Site is mandatory and must consequently be specified."
            )

    def _total(self, line: StoredRow) -> None:
        total_up(self._books, self._trade, self._header(line.fields))


def refuse_closed(trade: OrderKind, header: StoredRow) -> None:
    """An invoiced order does not change any more."""
    if header.fields[trade.status] == INVOICED:
        raise Infolog(
            f"{trade.noun} {header.fields[trade.number]} cannot be changed because it is invoiced."
        )


def lines_of_order(books: TenantBooks, trade: OrderKind, header: StoredRow) -> list[StoredRow]:
    """The lines of an order, in the order they were created."""
    company, number = header.fields[COMPANY], header.fields[trade.number]
    return list(books.store.group(trade.lines, company, number).values())


def tax_of(
    books: TenantBooks, trade: OrderKind, header: Fields, lines: Sequence[Fields]
) -> SalesTax:
    """The sales tax of some lines of an order. Sets without groups of their own take those of the
    customer and of the item."""
    company = header[COMPANY]
    customer = books.customer(company, header[trade.customer]).fields
    taxable = []
    for line in lines:
        item = books.store.find("ReleasedProductsV2", company, line["ItemNumber"])
        own = item.fields["SalesSalesTaxItemGroupCode"] if item else ""
        group = str(line.get("SalesTaxGroupCode", customer["SalesTaxGroup"]))
        item_group = str(line.get("SalesTaxItemGroupCode", own))
        taxable.append(TaxableLine(line["LineAmount"], group, item_group))
    within = header.get("ArePricesIncludingSalesTax") == "Yes"
    return tax_on(books, company, header["CurrencyCode"], taxable, within=within)


def total_up(
    books: TenantBooks, trade: OrderKind, header: StoredRow, *, by_job: bool = False
) -> None:
    """Write total and status of an order anew, from its lines. `by_job`: the job that computes
    totals does it, which a tenant may leave them to."""
    lines = [row.fields for row in lines_of_order(books, trade, header)]
    alive = tuple([line for line in lines if line[trade.line_status] != CANCELED])
    if not lines or any(line[trade.line_status] in trade.open_lines for line in alive):
        status = OPEN
    else:
        status = INVOICED if alive else CANCELED
    tax = tax_of(books, trade, header.fields, alive)
    total = sum((line["LineAmount"] for line in alive), NOTHING) + tax.on_top
    own = {TOTAL: total, TOTAL_TAX: tax.total, **trade.summary(books, status, alive)}
    if ARE_TOTALS_CALCULATED in header.fields:
        shown = by_job or not books.settings.totals_by_job
        own[ARE_TOTALS_CALCULATED] = "Yes" if shown else "No"
        if not shown:
            own |= {TOTAL: NOTHING, TOTAL_TAX: NOTHING}
    books.store.update(header, {trade.status: status, **own})

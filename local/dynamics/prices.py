"""Sales prices: trade agreement journals, open until posted, and the agreements they become.

A journal that is posted leaves the open sets; its prices show in `SalesPriceAgreements`. This
peer prices no order by them: order lines bring their prices.

https://learn.microsoft.com/dynamics365/supply-chain/sales-marketing/trade-agreements
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, override

from local.dynamics.books import Books
from local.dynamics.errors import Infolog, unsupported
from local.dynamics.results import DocumentResult
from local.dynamics.rules import Hooks
from local.dynamics.schema import COMPANY, NO_DATE
from local.dynamics.store import Fields, Row, numbered
from shared.ports import Clock

HEADERS, LINES = "OpenTradeAgreementJournalHeadersV2", "OpenSalesPriceJournalLinesV2"
AGREEMENTS, NAMES = "SalesPriceAgreements", "TradeAgreementJournalNames"
JOURNAL = "TradeAgreementJournalNumber"
SALES_PRICE = "PriceSales"
ONE = Decimal(1)
RENAMED = {
    "QuantityUnitSymbol": "QuantityUnitySymbol",
    "ProductConfigurationId": "ProductconfigurationId",
}
"""What the agreements spell differently, as F&O does."""
UNKNOWN_GROUPS = ("PriceCustomerGroupCode", "AttributeBasedPricingId")
SCOPE = (
    "ItemNumber",
    "CustomerAccountNumber",
    "PriceCurrencyCode",
    "QuantityUnitySymbol",
    "FromQuantity",
    "PriceApplicableFromDate",
)
"""Two agreements that share these are one price: the later replaces the earlier."""


class JournalHooks(Hooks):
    """Hooks of the headers."""

    def __init__(self, books: Books) -> None:
        self._books = books

    @override
    def on_create(self, fields: Fields, given: Mapping[str, Any]) -> None:
        company, store = fields[COMPANY], self._books.store
        name = store.find(NAMES, company, fields["TradeAgreementJournalNameId"])
        if name is not None:
            shown = name.fields["DefaultJournalDescription"]
            fields["JournalDescription"] = fields["JournalDescription"] or shown
        if "DefaultTradeAgreementType" not in given:
            fields["DefaultTradeAgreementType"] = SALES_PRICE
        if fields["DefaultTradeAgreementType"] != SALES_PRICE:
            raise unsupported(f"Trade agreement type {fields['DefaultTradeAgreementType']}")
        if not fields["JournalNumber"]:
            fields["JournalNumber"] = numbered("TA", store.next_number(f"trade {company}"))
        elif not self._books.settings.manual_numbers:
            raise Infolog("The number sequence of journals does not allow manual numbers.")

    @override
    def on_remove(self, row: Row) -> None:
        if self._books.store.group(LINES, row.fields[COMPANY], row.fields["JournalNumber"]):
            raise Infolog(
                f"Journal {row.fields['JournalNumber']} cannot be deleted because lines exist."
            )


class PriceLineHooks(Hooks):
    """Hooks of the lines."""

    def __init__(self, books: Books) -> None:
        self._books = books

    @override
    def on_create(self, fields: Fields, given: Mapping[str, Any]) -> None:
        header = self._header(fields)
        fields[JOURNAL] = header.fields["JournalNumber"]
        if not given.get("LineNumber"):
            rows = self._books.store.group(LINES, fields[COMPANY], fields[JOURNAL]).values()
            last = max((row.fields["LineNumber"] for row in rows), default=Decimal(0))
            fields["LineNumber"] = Decimal(int(last) + 1)
        fields["SalesPriceQuantity"] = fields["SalesPriceQuantity"] or ONE
        self._check(fields)

    @override
    def created(self, row: Row) -> None:
        self._books.store.update(self._header(row.fields), {})

    @override
    def on_change(self, row: Row, changes: Fields) -> None:
        self._check({**row.fields, **changes})

    @override
    def changed(self, row: Row, before: Fields) -> None:
        self._books.store.update(self._header(row.fields), {})

    @override
    def removed(self, row: Row) -> None:
        self._books.store.update(self._header(row.fields), {})

    def _header(self, fields: Fields) -> Row:
        header = self._books.store.find(HEADERS, fields[COMPANY], fields[JOURNAL])
        if header is None:
            raise Infolog(
                f"The value '{fields[JOURNAL]}' in field 'Journal number' is not found in the "
                "related table 'Price/discount journal'.",
                f"validateField failed on field '{JOURNAL}'.",
            )
        return header

    def _check(self, fields: Fields) -> None:
        for name in UNKNOWN_GROUPS:
            if fields[name]:
                raise unsupported(f"{name} on sales prices")
        if fields["Price"] < 0:
            raise Infolog("Negative prices are not allowed.")
        if fields["SalesPriceQuantity"] <= 0:
            raise Infolog("Price quantity must be greater than zero.")
        if fields["ToQuantity"] and fields["ToQuantity"] <= fields["FromQuantity"]:
            raise Infolog("The 'to' quantity must be greater than the 'from' quantity.")
        start, end = fields["PriceApplicableFromDate"], fields["PriceApplicableToDate"]
        if end not in (NO_DATE, start) and end < start:
            raise Infolog("The 'to' date must not be before the 'from' date.")


@dataclass(frozen=True, slots=True)
class PriceJob:
    """The batch job that posts trade agreement journals."""

    books: Books
    clock: Clock

    def run(self, company: str | None = None) -> list[DocumentResult]:
        """Post every open journal that has lines, oldest first."""
        results = []
        for header in list(self.books.store.table(HEADERS).values()):
            own = company is None or header.fields[COMPANY] == company
            number = header.fields["JournalNumber"]
            rows = list(self.books.store.group(LINES, header.fields[COMPANY], number).values())
            if own and rows:
                results.append(self._post(header, rows))
        return results

    def _post(self, header: Row, rows: list[Row]) -> DocumentResult:
        store, company = self.books.store, header.fields[COMPANY]
        number = header.fields["JournalNumber"]
        gone = [row for row in rows if not self._released(row)]
        reasons = tuple(
            [f"Item {row.fields['ItemNumber']} is not released in {company}." for row in gone]
        )
        if not gone:
            for row in rows:
                self._agree(row.fields)
                store.delete(row.entity_set, row)
            store.delete(header.entity_set, header)
        return DocumentResult(company, number, HEADERS, not gone, "", reasons, self.clock.now())

    def _released(self, row: Row) -> bool:
        item = row.fields["ItemNumber"]
        return self.books.store.find("ReleasedProductsV2", row.fields[COMPANY], item) is not None

    def _agree(self, line: Fields) -> None:
        store = self.books.store
        agreements = store.schema.set_of(AGREEMENTS)
        rendered = {RENAMED.get(name, name): value for name, value in line.items()}
        fields = {
            **agreements.blank,
            **{name: value for name, value in rendered.items() if name in agreements.properties},
        }
        product = store.find("ReleasedProductsV2", line[COMPANY], line["ItemNumber"])
        fields["ProductNumber"] = product.fields["ProductNumber"] if product else ""
        fields["RecordId"] = store.next_record_id()
        among = {"ItemNumber": (fields["ItemNumber"],)}
        for row in list(store.candidates(agreements, among)):
            same = all(row.fields[name] == fields[name] for name in (COMPANY, *SCOPE))
            if same:
                store.delete(agreements, row)
        store.insert(agreements, fields)

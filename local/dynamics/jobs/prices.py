"""The batch job that posts trade agreement journals: their lines become sales price agreements.

A journal that is posted leaves the open sets; its prices show in `SalesPriceAgreements`. This
peer prices no order by them: order lines bring their prices.

https://learn.microsoft.com/dynamics365/supply-chain/sales-marketing/trade-agreements
"""

from dataclasses import dataclass

from local.dynamics.jobs.results import DocumentResult
from local.dynamics.odata import COMPANY, Fields, StoredRow
from local.dynamics.tables import PRICE_HEADERS, PRICE_LINES, TenantBooks
from shared.ports import Clock

AGREEMENTS = "SalesPriceAgreements"
RENAMED = {
    "QuantityUnitSymbol": "QuantityUnitySymbol",
    "ProductConfigurationId": "ProductconfigurationId",
}
"""What the agreements spell differently, as F&O does."""
SCOPE = (
    "ItemNumber",
    "CustomerAccountNumber",
    "PriceCurrencyCode",
    "QuantityUnitySymbol",
    "FromQuantity",
    "PriceApplicableFromDate",
)
"""Two agreements that share these are one price: the later replaces the earlier."""


@dataclass(frozen=True, slots=True)
class PriceJob:
    """The batch job that posts trade agreement journals."""

    books: TenantBooks
    clock: Clock

    def run(self, company: str | None = None) -> list[DocumentResult]:
        """Post every open journal that has lines, oldest first."""
        results = []
        for header in list(self.books.store.table(PRICE_HEADERS).values()):
            own = company is None or header.fields[COMPANY] == company
            number = header.fields["JournalNumber"]
            lines = self.books.store.group(PRICE_LINES, header.fields[COMPANY], number)
            rows = list(lines.values())
            if own and rows:
                results.append(self._post(header, rows))
        return results

    def _post(self, header: StoredRow, rows: list[StoredRow]) -> DocumentResult:
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
        return DocumentResult(
            company, number, PRICE_HEADERS, not gone, "", reasons, self.clock.now()
        )

    def _released(self, row: StoredRow) -> bool:
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

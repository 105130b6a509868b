"""Trade agreement journals with sales prices, open until they are posted.

https://learn.microsoft.com/dynamics365/supply-chain/sales-marketing/trade-agreements
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, override

from local.dynamics.odata import COMPANY, NO_DATE, Fields, Infolog, StoredRow, numbered, unsupported
from local.dynamics.tables.books import TenantBooks
from local.dynamics.tables.rules import Hooks

HEADERS, LINES = "OpenTradeAgreementJournalHeadersV2", "OpenSalesPriceJournalLinesV2"
NAMES = "TradeAgreementJournalNames"
JOURNAL = "TradeAgreementJournalNumber"
SALES_PRICE = "PriceSales"
ONE = Decimal(1)
UNKNOWN_GROUPS = ("PriceCustomerGroupCode", "AttributeBasedPricingId")


class JournalHooks(Hooks):
    """Hooks of the headers."""

    def __init__(self, books: TenantBooks) -> None:
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
    def on_remove(self, row: StoredRow) -> None:
        if self._books.store.group(LINES, row.fields[COMPANY], row.fields["JournalNumber"]):
            raise Infolog(
                f"Journal {row.fields['JournalNumber']} cannot be deleted because lines exist."
            )


class PriceLineHooks(Hooks):
    """Hooks of the lines."""

    def __init__(self, books: TenantBooks) -> None:
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
    def created(self, row: StoredRow) -> None:
        self._books.store.update(self._header(row.fields), {})

    @override
    def on_change(self, row: StoredRow, changes: Fields) -> None:
        self._check({**row.fields, **changes})

    @override
    def changed(self, row: StoredRow, before: Fields) -> None:
        self._books.store.update(self._header(row.fields), {})

    @override
    def removed(self, row: StoredRow) -> None:
        self._books.store.update(self._header(row.fields), {})

    def _header(self, fields: Fields) -> StoredRow:
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

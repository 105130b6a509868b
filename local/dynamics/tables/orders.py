"""Sales orders: `SalesOrderHeadersV2` and `SalesOrderLinesV3`.

https://learn.microsoft.com/dynamics365/supply-chain/sales-marketing/sales-order-overview
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, override

from local.dynamics.odata import COMPANY, NO_DATE, Fields, Infolog
from local.dynamics.tables.books import TenantBooks
from local.dynamics.tables.trade import (
    INVOICED,
    NOTHING,
    OPEN,
    SEQUENCE,
    OrderKind,
    TradeHeaderHooks,
    TradeLineHooks,
)
from shared.ports import Clock

ONE, HUNDRED = Decimal(1), Decimal(100)


def _summary(books: TenantBooks, status: str, lines: tuple[Fields, ...]) -> Fields:
    """The discounts of the lines together, and how far the order is."""
    some = any(line["SalesOrderLineStatus"] == INVOICED for line in lines)
    processing = "PartiallyInvoiced" if some else "Active"
    return {
        "OrderTotalDiscountAmount": sum((_discount(books, line) for line in lines), NOTHING),
        "SalesOrderProcessingStatus": processing if status == OPEN else status,
    }


def _discount(books: TenantBooks, line: Fields) -> Decimal:
    gross = line["OrderedSalesQuantity"] * line["SalesPrice"] / line["SalesPriceQuantity"]
    return books.rounded(gross, line["CurrencyCode"]) - Decimal(line["LineAmount"])


ORDERS = OrderKind(
    headers="SalesOrderHeadersV2",
    lines="SalesOrderLinesV3",
    number="SalesOrderNumber",
    lot="InventoryLotId",
    customer="OrderingCustomerAccountNumber",
    quantity="OrderedSalesQuantity",
    status="SalesOrderStatus",
    line_status="SalesOrderLineStatus",
    open_lines=("Backorder",),
    stopped="IsSalesProcessingStopped",
    site=("ShippingSiteId", "DefaultShippingSiteId"),
    warehouse=("ShippingWarehouseId", "DefaultShippingWarehouseId"),
    noun="Sales order",
    prefix="SO",
    unpriced=(
        "TotalDiscountAmount",
        "TotalDiscountPercentage",
        "FixedExchangeRate",
        "MultilineDiscountAmount",
        "MultilineDiscountPercentage",
        "FixedPriceCharges",
    ),
    summary=_summary,
)


class OrderHooks(TradeHeaderHooks):
    """Hooks of the headers."""

    def __init__(self, books: TenantBooks, clock: Clock) -> None:
        super().__init__(ORDERS, books)
        self._clock = clock

    @override
    def complete(self, fields: Fields, customer: Fields) -> None:
        now = self._clock.now()
        today = now.replace(hour=12, minute=0, second=0, microsecond=0)
        fields["OrderCreationDateTime"] = now.replace(microsecond=0)
        if fields["RequestedShippingDate"] == NO_DATE:
            fields["RequestedShippingDate"] = today
        for name, source in (
            ("SalesOrderName", "OrganizationName"),
            ("SalesTaxGroupCode", "SalesTaxGroup"),
            ("PaymentTermsName", "PaymentTerms"),
            ("CustomerPaymentMethodName", "PaymentMethod"),
            ("Email", "PrimaryContactEmail"),
        ):
            fields[name] = fields[name] or customer[source]
        shown = not self._books.settings.totals_by_job
        fields["AreTotalsCalculated"] = "Yes" if shown else "No"
        fields["SalesOrderProcessingStatus"] = "Active"


class OrderLineHooks(TradeLineHooks):
    """Hooks of the lines.

    `LineAmount` is quantity times price per `SalesPriceQuantity`, less discount, rounded half up
    to the currency. `DynamicsSettings.line_discount` says what a `LineDiscountAmount` is for.
    """

    def __init__(self, books: TenantBooks) -> None:
        super().__init__(ORDERS, books)

    @override
    def complete(
        self, fields: Fields, given: Mapping[str, Any], header: Fields, item: Fields
    ) -> None:
        fields["CurrencyCode"] = header["CurrencyCode"]
        own_group = item["SalesSalesTaxItemGroupCode"]
        fields["SalesTaxGroupCode"] = fields["SalesTaxGroupCode"] or header["SalesTaxGroupCode"]
        fields["SalesTaxItemGroupCode"] = fields["SalesTaxItemGroupCode"] or own_group
        fields[SEQUENCE] = fields["LineNumber"] = Decimal(fields[SEQUENCE])
        fields["SalesPriceQuantity"] = fields["SalesPriceQuantity"] or ONE
        if "OrderedSalesQuantity" not in given:
            fields["OrderedSalesQuantity"] = ONE
        own = self._books.ledger(fields[COMPANY])["AccountingCurrency"] == header["CurrencyCode"]
        if "SalesPrice" not in given and own:
            fields["SalesPrice"] = item["SalesPrice"]
        self.recheck(fields)

    @override
    def recheck(self, merged: Fields) -> None:
        if merged["SalesPriceQuantity"] <= 0:
            raise Infolog("Price quantity must be greater than zero.")
        if not 0 <= merged["LineDiscountPercentage"] <= HUNDRED:
            raise Infolog("Discount percent must be between 0 and 100.")
        if merged["MainAccountIdDisplayValue"]:
            display = merged["MainAccountIdDisplayValue"]
            self._books.account(merged[COMPANY], "Ledger", display)

    @override
    def amount(self, fields: Fields, currency: str) -> Decimal:
        quantity, unit = fields["OrderedSalesQuantity"], fields["SalesPriceQuantity"]
        discount = fields["LineDiscountAmount"]
        if self._books.settings.line_discount == "unit":
            discount *= quantity / unit
        if not quantity:
            return self._books.rounded(quantity, currency)
        net = quantity * fields["SalesPrice"] / unit - discount
        rest = (HUNDRED - fields["LineDiscountPercentage"]) / HUNDRED
        return self._books.rounded(net * rest, currency)

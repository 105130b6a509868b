"""Return orders whose lines are for credit only: no goods come back, the customer is credited.

https://learn.microsoft.com/dynamics365/supply-chain/warehousing/sales-returns
"""

from collections.abc import Mapping
from typing import Any, override

from local.dynamics.odata import COMPANY, Fields, Infolog, numbered, unsupported
from local.dynamics.tables.books import TenantBooks
from local.dynamics.tables.trade import (
    CANCELED,
    INVOICED,
    OPEN,
    OrderKind,
    TradeHeaderHooks,
    TradeLineHooks,
)

CREDIT_ONLY = "CreditOnly"
HEADER_STATUS = {OPEN: "Open", INVOICED: "Closed", CANCELED: "Canceled"}


def _summary(books: TenantBooks, status: str, lines: tuple[Fields, ...]) -> Fields:
    created = status == OPEN and not lines
    return {"ReturnStatus": "Created" if created else HEADER_STATUS[status]}


RETURNS = OrderKind(
    headers="ReturnOrderHeadersV2",
    lines="ReturnOrderLinesV2",
    number="ReturnOrderNumber",
    lot="ReturnInventoryLotId",
    customer="CustomerAccountNumber",
    quantity="ReturnSalesQuantity",
    status="ReturnOrderStatus",
    line_status="ReturnStatus",
    open_lines=("Awaiting", "Received"),
    stopped="IsReturnProcessingStopped",
    site=("ReturnSiteId", "DefaultReturnSiteId"),
    warehouse=("ReturnWarehouseId", "DefaultReturnWarehouseId"),
    noun="Return order",
    prefix="RO",
    unpriced=("TotalDiscountAmount",),
    summary=_summary,
)


class ReturnHooks(TradeHeaderHooks):
    """Hooks of the headers: two numbers, each from a sequence of its own."""

    def __init__(self, books: TenantBooks) -> None:
        super().__init__(RETURNS, books)

    @override
    def complete(self, fields: Fields, customer: Fields) -> None:
        following = self._books.store.next_number(f"RMA {fields[COMPANY]}")
        fields["RMANumber"] = numbered("RMA", following)
        fields["ReturnStatus"] = "Created"
        fields["Email"] = fields["Email"] or customer["PrimaryContactEmail"]


class ReturnLineHooks(TradeLineHooks):
    """Hooks of the lines: quantities are negative; a line is due once its disposition is known."""

    def __init__(self, books: TenantBooks) -> None:
        super().__init__(RETURNS, books)

    @override
    def complete(
        self, fields: Fields, given: Mapping[str, Any], header: Fields, item: Fields
    ) -> None:
        for name in ("CustomerAccountNumber", "InvoiceCustomerAccountNumber", "RMANumber"):
            fields[name] = header[name]
        if "SalesPrice" not in given:
            fields["SalesPrice"] = item["SalesPrice"]
        self.recheck(fields)

    @override
    def recheck(self, merged: Fields) -> None:
        if merged["ReturnSalesQuantity"] > 0:
            raise Infolog("The quantity of a return order line must be negative.")
        code = merged["ReturnDispositionCode"]
        disposition = self._books.store.find("ReturnDispositionCodes", merged[COMPANY], code)
        if disposition is None:
            merged["ReturnStatus"] = "Awaiting"
            return
        action = disposition.fields["DispositionAction"]
        if action != CREDIT_ONLY:
            raise unsupported(f"Disposition action {action} on return order lines")
        merged["ReturnStatus"] = "Received"

"""How the documents of charges are made, and what others may use of them."""

from shared.entities.charge import documents, reading, receipts, sale
from shared.entities.charge.receipts import APPLIED
from shared.entities.common.sales_documents import (
    CreditMemo,
    CreditMemoLine,
    ReturnOrder,
    ReturnOrderLine,
    SalesOrder,
    SalesOrderLine,
    SalesOrderRelease,
)
from shared.entities.making import Making

MAKING = Making(
    build=documents.build,
    read=reading.read,
    queries_of=sale.queries,
    documents=(
        SalesOrder,
        SalesOrderLine,
        SalesOrderRelease,
        CreditMemo,
        CreditMemoLine,
        ReturnOrder,
        ReturnOrderLine,
    ),
)

__all__ = (
    "APPLIED",
    "MAKING",
    "receipts",
)

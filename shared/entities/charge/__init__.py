"""Charges: what a customer paid, the order behind it, and the credit memos of its refunds.

https://docs.stripe.com/api/charges
"""

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
from shared.entities.entity import Entity

CHARGE = Entity(
    name="charge",
    queue="charge",
    object="charge",
    event_types=(
        *("charge.succeeded", "charge.captured", "charge.updated", "charge.refunded"),
        *("charge.failed", "charge.pending", "charge.expired"),
    ),
    expand=("refunds", "refunds.data.balance_transaction"),
    read=reading.read,
    queries_of=sale.queries,
    build=documents.build,
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

__all__ = ("APPLIED", "CHARGE", "receipts")

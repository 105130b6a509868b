"""How the documents of balance transactions are made, and what others may use of them."""

from shared.entities.balance_transaction import documents, reading
from shared.entities.balance_transaction.corrections import is_on_suspense
from shared.entities.common.journal_lines import CustomerPaymentLine, GeneralLine
from shared.entities.making import Making

MAKING = Making(
    build=documents.build,
    read=reading.read,
    queries_of=documents.queries,
    documents=(CustomerPaymentLine, GeneralLine),
)

__all__ = (
    "MAKING",
    "is_on_suspense",
)

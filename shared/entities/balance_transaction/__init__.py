"""Balance transactions: every movement of money, and the only objects that book it.

No event tells of them; the objects that they belong to lead here.
https://docs.stripe.com/api/balance_transactions
"""

from shared.domain.partition import LEDGER_QUEUE
from shared.entities.balance_transaction import documents, reading
from shared.entities.balance_transaction.corrections import is_on_suspense
from shared.entities.common.journal_lines import CustomerPaymentLine, GeneralLine
from shared.entities.entity import Entity

BALANCE_TRANSACTION = Entity(
    name="balance_transaction",
    queue=LEDGER_QUEUE,
    object="balance_transaction",
    event_types=(),
    expand=("source",),
    read=reading.read,
    queries_of=documents.queries,
    build=documents.build,
    documents=(CustomerPaymentLine, GeneralLine),
)

__all__ = ("BALANCE_TRANSACTION", "is_on_suspense")

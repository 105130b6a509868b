"""Disputes: what a bank took back for a customer, and where it went in the end.

https://docs.stripe.com/api/disputes
"""

from shared.domain.partition import LEDGER_QUEUE
from shared.entities.common.journal_lines import GeneralLine
from shared.entities.dispute import documents, reading
from shared.entities.dispute.documents import (
    ENTITY,
    OpenAmount,
    standing,
    transactions_of,
)
from shared.entities.entity import Entity

DISPUTE = Entity(
    name=ENTITY,
    queue=LEDGER_QUEUE,
    object="dispute",
    event_types=(
        *("charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed"),
        *("charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated"),
    ),
    expand=("charge",),
    read=reading.read,
    queries_of=documents.queries,
    build=documents.build,
    documents=(GeneralLine,),
)

__all__ = (
    "DISPUTE",
    "ENTITY",
    "OpenAmount",
    "standing",
    "transactions_of",
)

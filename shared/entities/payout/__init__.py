"""Payouts: money on its way from the clearing account to the bank.

https://docs.stripe.com/api/payouts
"""

from shared.domain.partition import LEDGER_QUEUE
from shared.entities.common.journal_lines import GeneralLine
from shared.entities.entity import Entity
from shared.entities.payout import documents
from shared.entities.payout.documents import (
    ENTITY,
    FLOW,
    instance_of,
    is_itemised,
    payout_of,
    payout_refs,
    returned_payout,
)

PAYOUT = Entity(
    name="payout",
    queue=LEDGER_QUEUE,
    object="payout",
    event_types=(
        *("payout.created", "payout.updated", "payout.paid", "payout.failed"),
        *("payout.canceled", "payout.reconciliation_completed"),
    ),
    expand=("failure_balance_transaction",),
    build=documents.build,
    documents=(GeneralLine,),
)

__all__ = (
    "ENTITY",
    "FLOW",
    "PAYOUT",
    "instance_of",
    "is_itemised",
    "payout_of",
    "payout_refs",
    "returned_payout",
)

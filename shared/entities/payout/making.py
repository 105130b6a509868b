"""How the documents of payouts are made, and what others may use of them."""

from shared.entities.common.journal_lines import GeneralLine
from shared.entities.making import Making
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

MAKING = Making(
    build=documents.build,
    documents=(GeneralLine,),
)

__all__ = (
    "ENTITY",
    "FLOW",
    "MAKING",
    "instance_of",
    "is_itemised",
    "payout_of",
    "payout_refs",
    "returned_payout",
)

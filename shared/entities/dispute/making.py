"""How the documents of disputes are made, and what others may use of them."""

from shared.entities.common.journal_lines import GeneralLine
from shared.entities.dispute import documents, reading
from shared.entities.dispute.documents import (
    ENTITY,
    OpenAmount,
    standing,
    transactions_of,
)
from shared.entities.making import Making

MAKING = Making(
    build=documents.build,
    read=reading.read,
    documents=(GeneralLine,),
)

__all__ = (
    "ENTITY",
    "MAKING",
    "OpenAmount",
    "standing",
    "transactions_of",
)

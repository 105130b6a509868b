"""How the documents of refunds are made, and what others may use of them."""

from shared.entities.making import Making
from shared.entities.refund import credit_memos, documents
from shared.entities.refund.credit_memos import REVERSAL, amount_in, headers_in

MAKING = Making(
    build=documents.build,
)

__all__ = (
    "MAKING",
    "REVERSAL",
    "amount_in",
    "credit_memos",
    "headers_in",
)

"""Refunds: what a customer was given back. Their credit memos are documents of the charge.

https://docs.stripe.com/api/refunds
"""

from shared.entities.entity import Entity
from shared.entities.refund import credit_memos, documents, marking
from shared.entities.refund.credit_memos import REVERSAL, amount_in, headers_in

REFUND = Entity(
    name="refund",
    queue="refund",
    object="refund",
    event_types=("refund.created", "refund.updated", "refund.failed", "charge.refund.updated"),
    expand=("charge",),
    build=documents.build,
)

__all__ = ("REFUND", "REVERSAL", "amount_in", "credit_memos", "headers_in", "marking")

"""Disputes: what a bank took back for a customer.

https://docs.stripe.com/api/disputes
"""

from shared.entities.dispute import documents
from shared.entities.entity import Entity

DISPUTE = Entity(
    name="dispute",
    queue="dispute",
    object="dispute",
    event_types=(
        *("charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed"),
        *("charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated"),
    ),
    build=documents.build,
)

__all__ = ("DISPUTE",)

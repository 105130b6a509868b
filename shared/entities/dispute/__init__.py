"""Disputes: what a bank took back for a customer, and where it went in the end.

https://docs.stripe.com/api/disputes
"""

from typing import TYPE_CHECKING

from shared.entities.entity import Entity

if TYPE_CHECKING:
    from shared.entities.making import Making


def _making() -> "Making":
    from shared.entities.dispute.making import MAKING

    return MAKING


DISPUTE = Entity(
    name="dispute",
    queue="dispute",
    object="dispute",
    event_types=(
        *("charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed"),
        *("charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated"),
    ),
    expand=("charge",),
    making=_making,
)

__all__ = ("DISPUTE",)

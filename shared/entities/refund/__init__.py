"""Refunds: what a customer was given back. Their credit memos are documents of the charge.

https://docs.stripe.com/api/refunds
"""

from typing import TYPE_CHECKING

from shared.entities.entity import Entity

if TYPE_CHECKING:
    from shared.entities.making import Making


def _making() -> "Making":
    from shared.entities.refund.making import MAKING

    return MAKING


REFUND = Entity(
    name="refund",
    queue="refund",
    object="refund",
    event_types=("refund.created", "refund.updated", "refund.failed", "charge.refund.updated"),
    expand=("charge",),
    making=_making,
)

__all__ = ("REFUND",)

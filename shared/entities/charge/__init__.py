"""Charges: what a customer paid, the order behind it, and the credit memos of its refunds.

https://docs.stripe.com/api/charges
"""

from typing import TYPE_CHECKING

from shared.entities.entity import Entity

if TYPE_CHECKING:
    from shared.entities.making import Making


def _making() -> "Making":
    from shared.entities.charge.making import MAKING

    return MAKING


CHARGE = Entity(
    name="charge",
    queue="charge",
    object="charge",
    event_types=(
        *("charge.succeeded", "charge.captured", "charge.updated", "charge.refunded"),
        *("charge.failed", "charge.pending", "charge.expired"),
    ),
    expand=("refunds", "refunds.data.balance_transaction"),
    making=_making,
)

__all__ = ("CHARGE",)

"""Payouts: money on its way from the clearing account to the bank.

https://docs.stripe.com/api/payouts
"""

from typing import TYPE_CHECKING

from shared.entities.entity import Entity

if TYPE_CHECKING:
    from shared.entities.making import Making


def _making() -> "Making":
    from shared.entities.payout.making import MAKING

    return MAKING


PAYOUT = Entity(
    name="payout",
    queue="payout",
    object="payout",
    event_types=(
        *("payout.created", "payout.updated", "payout.paid", "payout.failed"),
        *("payout.canceled", "payout.reconciliation_completed"),
    ),
    expand=("failure_balance_transaction",),
    making=_making,
)

__all__ = ("PAYOUT",)

"""Balance transactions: every movement of money, and the only objects that book it.

No event tells of them; the objects that they belong to lead here.
https://docs.stripe.com/api/balance_transactions
"""

from typing import TYPE_CHECKING

from shared.entities.entity import Entity

if TYPE_CHECKING:
    from shared.entities.making import Making


def _making() -> "Making":
    from shared.entities.balance_transaction.making import MAKING

    return MAKING


BALANCE_TRANSACTION = Entity(
    name="balance_transaction",
    queue="balance_transaction",
    object="balance_transaction",
    event_types=(),
    expand=("source",),
    making=_making,
)

__all__ = ("BALANCE_TRANSACTION",)

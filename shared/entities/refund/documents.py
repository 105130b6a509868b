"""Refunds: they book nothing themselves, they lead to their transactions and to their charge.

https://docs.stripe.com/api/refunds. A balance transaction that Stripe has not made yet makes the
refund *waiting*; a refund that moved no money is skipped.
"""

from shared.entities.common.objects import (
    Context,
    Desired,
    Snapshot,
    money_refs,
    text,
    unless_settled,
)
from shared.entities.common.refunding import DEAD_STATUSES, charge_of_refund
from shared.errors import Skipped, Waiting


def build(snapshot: Snapshot, context: Context) -> Desired:
    """The transactions of a refund: the one that paid it, and the one of its failure; its charge
    looks at it too, for each status once."""
    source = snapshot.object
    refs = money_refs(source.get("balance_transaction"), source.get("failure_balance_transaction"))
    charges = charge_of_refund(source, context)
    if not refs:
        if text(source, "status") in DEAD_STATUSES:
            if charges:
                return Desired(enqueue=charges)
            raise Skipped("refund_moved_no_money")
        charge = source.get("charge")
        if isinstance(charge, dict) and charge.get("captured") is False:
            raise Skipped("authorisation_released")
        raise Waiting(
            "transaction_not_made",
            f"Stripe has not made the balance transaction of refund {snapshot.id} yet",
        )
    return Desired(enqueue=(*unless_settled(*refs), *charges))

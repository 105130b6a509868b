"""Disputes: they book nothing themselves, they lead to their transactions.

https://docs.stripe.com/api/disputes. A balance transaction that Stripe has not made yet makes the
dispute *waiting*; an inquiry that moved no money is skipped.
"""

from shared.entities.common.objects import (
    Context,
    Desired,
    Snapshot,
    elements,
    money_refs,
    text,
    unless_settled,
)
from shared.errors import Skipped, Waiting

INQUIRY_STATUSES = ("warning_needs_response", "warning_under_review", "warning_closed", "prevented")


def build(snapshot: Snapshot, context: Context) -> Desired:
    """The transactions of a dispute: withdrawn, and perhaps given back."""
    del context
    source = snapshot.object
    listed = elements(source.get("balance_transactions"))
    refs = money_refs(source.get("balance_transaction"), *listed)
    if not refs:
        if text(source, "status") in INQUIRY_STATUSES:
            raise Skipped("inquiry_moved_no_money")
        raise Waiting(
            "transaction_not_made",
            f"Stripe has not moved money for dispute {snapshot.id} yet",
        )
    return Desired(enqueue=unless_settled(*refs))

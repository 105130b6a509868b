"""Charges, refunds and disputes: they book nothing themselves, they lead to their transactions.

https://docs.stripe.com/api/charges, /refunds, /disputes. A balance transaction that Stripe has not
made yet makes the object *waiting*; an object that moved no money is skipped.
"""

from collections.abc import Mapping
from typing import Any

from shared.documents import sale, sold_items
from shared.documents.common import (
    Again,
    Context,
    Desired,
    Snapshot,
    elements,
    id_of,
    money_refs,
    text,
)
from shared.documents.origin import decided
from shared.documents.refunding import DEAD_STATUSES
from shared.documents.selling import session_of
from shared.domain.records import Ref
from shared.errors import Skipped, TieoutError, Waiting

INQUIRY_STATUSES = ("warning_needs_response", "warning_under_review", "warning_closed", "prevented")


def charge(snapshot: Snapshot, context: Context) -> Desired:
    """The transactions of a charge, of its refunds and of its dispute, as far as it names them,
    and its commercial documents. Money does not wait for these."""
    source = snapshot.object
    refunds = [item for item in elements(source.get("refunds")) if isinstance(item, Mapping)]
    refs = money_refs(
        source.get("balance_transaction"),
        source.get("failure_balance_transaction"),
        *(item.get("balance_transaction") for item in refunds),
        *(item.get("failure_balance_transaction") for item in refunds),
    )
    dispute = id_of(source.get("dispute"))
    further = (Ref("dispute", dispute),) if dispute else ()
    if not id_of(source.get("balance_transaction")):
        if text(source, "status") == "failed" or source.get("paid") is False:
            if not refs:
                raise Skipped("charge_failed")
        elif source.get("captured") is False:
            raise Skipped("charge_not_captured")
        else:
            raise Waiting(
                "transaction_not_made",
                f"Stripe has not made the balance transaction of charge {snapshot.id} yet",
            )
    refs += further + sold_items.missing(snapshot, session_of(snapshot))
    try:
        documents = sale.documents(snapshot, context)
    except TieoutError as error:
        return Desired(money=refs, unfinished=error)
    parties = dict.fromkeys(
        (str(each.facts["party"]), each.company) for each in documents if "party" in each.facts
    )
    masters = tuple(Ref("customer", party, company) for party, company in parties if party)
    first = decided(snapshot, documents[0]) if documents else None
    return Desired(documents, masters, refs, decided=first)


def refund(snapshot: Snapshot, context: Context) -> Desired:
    """The transactions of a refund: the one that paid it, and the one of its failure; its charge
    looks at it too, for each status once."""
    source = snapshot.object
    refs = money_refs(source.get("balance_transaction"), source.get("failure_balance_transaction"))
    again = charge_of_refund(source, context)
    if not refs:
        if text(source, "status") in DEAD_STATUSES:
            if again:
                return Desired(again=again)
            raise Skipped("refund_moved_no_money")
        charge = source.get("charge")
        if isinstance(charge, dict) and charge.get("captured") is False:
            raise Skipped("authorisation_released")
        raise Waiting(
            "transaction_not_made",
            f"Stripe has not made the balance transaction of refund {snapshot.id} yet",
        )
    return Desired(money=refs, again=again)


def charge_of_refund(refund: Mapping[str, Any], context: Context) -> tuple[Again, ...]:
    """The charge that a refund may have credit memos at, to be looked at once for each status."""
    found = id_of(refund.get("charge"))
    if not found or not context.policy.has_documents:
        return ()
    return (Again(Ref("charge", found), f"{id_of(refund)}-{text(refund, 'status')}"),)


def dispute(snapshot: Snapshot, context: Context) -> Desired:
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
    return Desired(money=refs)

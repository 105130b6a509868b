"""Charges: they book nothing themselves, they lead to their transactions and their orders.

https://docs.stripe.com/api/charges. A balance transaction that Stripe has not made yet makes the
charge *waiting*; a charge that moved no money is skipped.
"""

from collections.abc import Mapping

from shared.domain.records import Ref
from shared.entities.charge import sale, sold_items
from shared.entities.common.objects import (
    Context,
    Desired,
    Snapshot,
    elements,
    id_of,
    money_refs,
    text,
    unless_settled,
)
from shared.entities.common.origin import decided
from shared.entities.common.sale_routing import session_of
from shared.entities.common.sales_documents import MemoHeader, SalesOrder
from shared.errors import Skipped, TieoutError, Waiting


def build(snapshot: Snapshot, context: Context) -> Desired:
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
    enqueue = unless_settled(*refs)
    try:
        documents = sale.documents(snapshot, context)
    except TieoutError as error:
        return Desired(enqueue=enqueue, unfinished=error)
    parties = dict.fromkeys(
        (document.customer.customer, document.company)
        for document in documents
        if isinstance(document, SalesOrder | MemoHeader)
    )
    masters = tuple(Ref("customer", party, company) for party, company in parties if party)
    first = decided(snapshot, documents[0]) if documents else None
    return Desired(documents, masters, enqueue, decided=first)

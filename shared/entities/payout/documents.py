"""Payouts: the bank side. https://docs.stripe.com/api/payouts

The payout's own balance transaction books Dr payouts_in_transit / Cr clearing. Here: Dr bank / Cr
payouts_in_transit when it arrived, and the return of that when it failed afterwards. The failure's
balance transaction always credits payouts_in_transit: so both sides stay with one writer each, and
the sum is the same as crediting the bank.

A payout is final when it was paid, failed or was canceled, and, where Stripe itemises it, when its
members can be listed. Until then it waits, so it is completed although no event comes. Every
balance transaction of a payout leads to it.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from shared.domain.documents import AccountRole
from shared.domain.ids import line_key
from shared.domain.journal import Role
from shared.domain.money import Money
from shared.domain.records import Ref
from shared.entities.common.journal_lines import GeneralLine
from shared.entities.common.line_details import described
from shared.entities.common.objects import (
    Context,
    Desired,
    Enqueue,
    FlowStart,
    Snapshot,
    currency_of,
    day,
    id_of,
    integer,
    moment,
    money_refs,
    text,
    unless_settled,
    unreadable,
)
from shared.entities.common.open_periods import check_lines
from shared.errors import TieoutError, Waiting

ENTITY = "payout"
FLOW = "payout_flow"
PAID = "paid"
COMING_STATUSES = ("pending", "in_transit")
RETURNED_STATUSES = ("failed", "canceled")
ID_PREFIX = "po_"
TRANSACTION = "payout"  # the type of the transaction that pays a payout out
RETURN_TRANSACTIONS = ("payout_failure", "payout_cancel")


def instance_of(payout_id: str) -> str:
    """The id of the payout's durable flow."""
    return f"payout-{payout_id}"


def is_itemised(payout: dict[str, object]) -> bool:
    """True when Stripe can list the members of the payout, completely.

    Objects of versions before reconciliation_status existed count when they are paid.
    """
    if payout.get("automatic") is not True:
        return False
    status = payout.get("reconciliation_status")
    return status == "completed" if status is not None else payout.get("status") == PAID


def payout_of(txn: Mapping[str, Any]) -> str:
    """The payout that a balance transaction pays out or takes back; empty for any other."""
    source = id_of(txn.get("source"))
    of_payout = text(txn, "type") in (TRANSACTION, *RETURN_TRANSACTIONS)
    return source if of_payout and source.startswith(ID_PREFIX) else ""


def payout_refs(txn: Mapping[str, Any]) -> tuple[Ref, ...]:
    """The payout that a balance transaction pays out, unless it is complete already."""
    found = payout_of(txn) if text(txn, "type") == TRANSACTION else ""
    return (Ref(ENTITY, found),) if found else ()


def returned_payout(txn: Mapping[str, Any]) -> tuple[Enqueue, ...]:
    """The payout that a balance transaction takes back: it may be complete as a paid one, and is
    converged again, once for each status."""
    found = payout_of(txn) if text(txn, "type") in RETURN_TRANSACTIONS else ""
    if not found:
        return ()
    source = txn.get("source")
    status = text(source, "status") if isinstance(source, Mapping) else ""
    reason = f"{found}-{status or text(txn, 'type')}"
    return (Enqueue(Ref(ENTITY, found), reason, even_if_settled=True),)


def _awaited(payout: Mapping[str, Any], id: str) -> TieoutError | None:
    """What a payout waits for; None when it is final."""
    status = text(payout, "status")
    if status in COMING_STATUSES:
        return Waiting(
            "payout_not_arrived", f"payout {id} is {status}: it has not reached the bank yet"
        )
    if status not in (PAID, *RETURNED_STATUSES):
        return unreadable(ENTITY, id, "status")
    is_itemised_later = payout.get("automatic") is True and status == PAID
    if is_itemised_later and payout.get("reconciliation_status") == "in_progress":
        return Waiting(
            "payout_not_itemised",
            f"Stripe cannot list the balance transactions of payout {id} completely yet",
        )
    return None


def _line(snapshot: Snapshot, role: str, amount: Money, when: date, company: str) -> GeneralLine:
    return GeneralLine(
        role=role,
        company=company,
        key=line_key(snapshot.id, role),
        amount=amount,
        date=when,
        account=AccountRole(Role.BANK),
        offset=AccountRole(Role.PAYOUTS_IN_TRANSIT),
        category="payout",
        source=snapshot.id,
    )


def _failed_on(snapshot: Snapshot, context: Context) -> date:
    failure = snapshot.object.get("failure_balance_transaction")
    if isinstance(failure, dict):
        return context.local_date(moment(failure, "created", "balance_transaction"))
    return day(moment(snapshot.object, "arrival_date", ENTITY))


def build(snapshot: Snapshot, context: Context) -> Desired:
    """The bank lines of a payout, its transactions, and its flow when it can be itemised."""
    payout = snapshot.object
    amount = Money(integer(payout, "amount", ENTITY), currency_of(payout, ENTITY))
    money = money_refs(payout.get("balance_transaction"), payout.get("failure_balance_transaction"))
    status = text(payout, "status")
    if not money and status == "pending":
        raise Waiting(
            "transaction_not_made",
            f"Stripe has not made the balance transaction of payout {snapshot.id} yet",
        )
    book = context.book(amount.currency)
    documents = []
    # Stripe states arrival_date as midnight UTC of the day meant: no time zone applies.
    known = snapshot.written("arrival") is not None
    if amount and (status == PAID or known):
        when = day(moment(payout, "arrival_date", ENTITY))
        documents.append(_line(snapshot, "arrival", amount, when, book.company))
        if status in RETURNED_STATUSES:
            back = _failed_on(snapshot, context)
            documents.append(_line(snapshot, "arrival_return", -amount, back, book.company))
    check_lines([each for each in documents if each.role not in snapshot.links], context)
    flows: tuple[FlowStart, ...] = ()
    if is_itemised(payout):
        flows = (FlowStart(FLOW, instance_of(snapshot.id), {"payout": snapshot.id}),)
    unfinished = _awaited(payout, snapshot.id)
    enqueue = unless_settled(*money)
    return Desired(
        described(documents, snapshot, context), enqueue=enqueue, flows=flows, unfinished=unfinished
    )

"""Disputes: their transactions book the money; here what still stands goes where it belongs.

https://docs.stripe.com/api/disputes. Every transaction of a dispute is on the role `disputes`
(`balance_transaction`). When Stripe says that the dispute is over, what still stands there goes, by
policy, to `dispute_losses` or back to the customer (with a credit memo, which the charge makes),
under `<du>:lost:<n>`. Money that comes later
(won after all, reinstated) reverses it by a line of its own. An open dispute *waits*: it is asked
for again until it is over, also when the event that closes it is lost.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from shared.domain.documents import AccountRole
from shared.domain.ids import line_key
from shared.domain.journal import Role
from shared.domain.money import Money
from shared.domain.records import Record, Ref
from shared.entities.common import debits
from shared.entities.common.disputing import is_final, loss_of
from shared.entities.common.journal_lines import GeneralLine, JournalLine
from shared.entities.common.line_details import described
from shared.entities.common.objects import (
    Context,
    Desired,
    Enqueue,
    Json,
    Query,
    Snapshot,
    elements,
    moment,
    money_refs,
    text,
    unless_settled,
)
from shared.entities.common.open_periods import check_lines
from shared.entities.common.origin import origin_of
from shared.errors import Parked, Skipped, Waiting
from shared.policy import Loss

ENTITY = "dispute"
CLOSED = "closed"  # the event that closed it, among what is read with it
LOST = "lost"  # begins the roles of what is written off
LINES_MAX = 20  # a dispute is lost and won back once or twice
WITHOUT_MONEY = ("warning_needs_response", "warning_under_review", "warning_closed", "prevented")


@dataclass(frozen=True, slots=True)
class OpenAmount:
    """What stands on `disputes` of one dispute in a company."""

    company: str
    amount: Money


def transactions_of(dispute: Json) -> tuple[Ref, ...]:
    """The balance transactions of a dispute: withdrawn, and perhaps given back."""
    listed = elements(dispute.get("balance_transactions"))
    return money_refs(dispute.get("balance_transaction"), *listed)


def standing(snapshot: Snapshot) -> tuple[OpenAmount, ...]:
    """What stands on `disputes` by company and currency: booked and not written off or given
    back. Amounts of zero stay, so that a person sees what was cleared."""
    sums: dict[tuple[str, str], Money] = {}
    for line in (*_booked(snapshot), *_written_off(snapshot)):
        place = line.company, line.amount.currency
        held = line.amount if line.account.role is Role.DISPUTES else -line.amount
        sums[place] = sums.get(place, Money(0, line.amount.currency)) + held
    return tuple(OpenAmount(company, amount) for (company, _), amount in sums.items())


def queries(snapshot: Snapshot, context: Context) -> tuple[Query, ...]:
    """The numbers that other debits of the customer took, where a lost dispute is one."""
    charge = snapshot.related.get("charge") or {}
    is_debit = is_final(snapshot.object) and loss_of(charge, context) is not Loss.LOSSES
    return debits.queries(snapshot) if is_debit else ()


def build(snapshot: Snapshot, context: Context) -> Desired:
    """The transactions of a dispute and, when it is over, the lines that clear what stands.

    Raises `Skipped` for a closed inquiry that moved no money, `Waiting` while nothing of its money
    is known, `Parked` for a closed period.
    """
    dispute = snapshot.object
    refs, status = transactions_of(dispute), text(dispute, "status")
    if not refs and status in WITHOUT_MONEY and is_final(dispute):
        raise Skipped("inquiry_moved_no_money")
    if not refs and status not in WITHOUT_MONEY:
        raise Waiting(
            "transaction_not_made",
            f"Stripe has not moved money for dispute {snapshot.id} yet",
        )
    kept = tuple(_written_off(snapshot))
    enqueue = (*unless_settled(*refs), *_charge(snapshot, context))
    desired = Desired(kept, masters=_masters(kept), enqueue=enqueue)
    missing = [ref.id for ref in refs if ref.id not in snapshot.of_transactions]
    if missing and is_final(dispute):
        wait = Waiting(
            "dispute_not_booked",
            f"dispute {snapshot.id} is {status}, and {', '.join(missing)} of it is not written yet",
        )
        return replace(desired, unfinished=wait)
    new = tuple(_cleared(snapshot, context, kept))
    if new and snapshot.by_hand:
        return replace(desired, unfinished=_by_hand(snapshot))
    check_lines(new, context)
    documents = described((*kept, *new), snapshot, context)
    waiting = None if is_final(dispute) else _open(snapshot, status)
    return replace(desired, documents=documents, masters=_masters(documents), waiting=waiting)


def _charge(snapshot: Snapshot, context: Context) -> tuple[Enqueue, ...]:
    """The charge whose sale a lost dispute takes from: converged again, once for each status."""
    dispute, charge = snapshot.object, snapshot.related.get("charge") or {}
    if not is_final(dispute) or not transactions_of(dispute) or not charge:
        return ()
    if loss_of(charge, context) is not Loss.CREDIT_NOTE or not context.policy.has_documents:
        return ()
    reason = f"{snapshot.id}-{text(dispute, 'status')}"
    return (Enqueue(Ref("charge", str(charge["id"])), reason, even_if_settled=True),)


def _open(snapshot: Snapshot, status: str) -> Waiting:
    held = ", ".join(str(part.amount) for part in standing(snapshot) if part.amount)
    what = f"{held} stand on disputes" if held else "no money stands on disputes"
    return Waiting("dispute_open", f"dispute {snapshot.id} is {status}; {what}")


def _by_hand(snapshot: Snapshot) -> Parked:
    stands = ", ".join(f"{part.amount} in {part.company}" for part in standing(snapshot))
    return Parked(
        "dispute_booked_by_hand",
        f"dispute {snapshot.id} is over; a person booked {', '.join(snapshot.by_hand)} of it, and "
        f"of the lines that Tieout wrote {stands} stand on disputes",
        "Clear the account disputes in Dynamics together with your own voucher, then resolve this "
        "item.",
    )


def _masters(documents: tuple[JournalLine, ...]) -> tuple[Ref, ...]:
    pairs = {(line.account.customer, line.company): None for line in documents}
    return tuple(Ref("customer", customer, company) for customer, company in pairs if customer)


def _booked(snapshot: Snapshot) -> Iterator[JournalLine]:
    """The lines on `disputes` that its transactions wrote."""
    for record in snapshot.of_transactions.values():
        line = record.document if isinstance(record, Record) else None
        if isinstance(line, JournalLine) and line.account.role is Role.DISPUTES:
            yield line


def _written_off(snapshot: Snapshot) -> Iterator[JournalLine]:
    """What was written off, or announced to be, in its order."""
    for number in range(1, LINES_MAX + 1):
        line = snapshot.written(f"{LOST}:{number}")
        if not isinstance(line, JournalLine):
            return
        yield line


def _cleared(
    snapshot: Snapshot, context: Context, kept: tuple[JournalLine, ...]
) -> Iterator[JournalLine]:
    """The lines that clear what stands: at the end of the dispute, and when more was written off
    than stands by now."""
    number = len(kept)
    for part in standing(snapshot):
        mine = [line for line in kept if line.company == part.company]
        over = is_final(snapshot.object) or (mine and part.amount.minor < 0)
        if not part.amount or not over:
            continue
        number += 1
        role = f"{LOST}:{number}"
        day, what = _day(snapshot, context, is_loss=part.amount.minor > 0)
        account = mine[-1].account if mine else _account(snapshot, context)
        line = GeneralLine(
            role=role,
            company=part.company,
            key=line_key(snapshot.id, role),
            amount=part.amount,
            date=day,
            account=account,
            offset=AccountRole(Role.DISPUTES),
            category=what,
            source=snapshot.id,
            customer=next((line.customer for line in _booked(snapshot)), None),
        )
        yield debits.numbered(snapshot, line)


def _account(snapshot: Snapshot, context: Context) -> AccountRole:
    """Where a lost dispute goes, by the method of the payment that was disputed."""
    if loss_of(snapshot.related.get("charge") or {}, context) is Loss.LOSSES:
        return AccountRole(Role.DISPUTE_LOSSES)
    origin = origin_of(snapshot)
    party = origin.party if origin is not None else None
    customer = next((line.customer for line in _booked(snapshot) if line.customer), "")
    if party is None:
        return AccountRole(Role.CUSTOMER, customer)
    return AccountRole(Role.CUSTOMER, party.customer, account=party.account)


def _day(snapshot: Snapshot, context: Context, *, is_loss: bool) -> tuple[date, str]:
    """The day of a line and what it says. A loss: the day of the event that closed the dispute, or
    the day on which Tieout first saw it closed. What comes back: the day it came."""
    status = text(snapshot.object, "status").replace("_", " ")
    if not is_loss:
        back = [line.date for line in _booked(snapshot) if line.amount.minor < 0]
        if back:
            return max(back), f"dispute {status}"
    closed = snapshot.related.get(CLOSED)
    if closed is not None:
        return context.local_date(moment(closed, "created", "event")), f"dispute {status}"
    seen = snapshot.closed_seen_at or context.now
    return context.local_date(int(seen.timestamp())), f"dispute {status}, day first seen"

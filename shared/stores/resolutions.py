"""Resolutions: people's decisions that Tieout leaves an object alone, in the table `links`.

Partition = object id. Row `resolved`: the decision that holds; row `resolution~<moment>~<number>`:
every decision, also the one to retry; these are never deleted. Both are written under the object's
claim, so nobody writes the object while a person resolves it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from shared.domain.clearing import Resolution
from shared.domain.money import Money, is_currency
from shared.domain.records import Ref
from shared.errors import Parked, Skipped
from shared.outcomes import RESOLVED_CAUSE, NeedsMaster, Outcome
from shared.ports import Cell, Delete, Operation, Put, Row

RESOLVED = "resolved"
HISTORY_PREFIX = "resolution~"


def cells_of(resolution: Resolution) -> dict[str, Cell]:
    """A decision as cells."""
    return {
        "who": resolution.who,
        "why": resolution.why,
        "at": resolution.at,
        "company": resolution.company,
        "voucher": resolution.voucher,
        "amount_minor": resolution.amount_minor,
        "currency": resolution.currency,
        "not_to_book": resolution.not_to_book,
    }


def resolution_of(row: Row | None) -> Resolution | None:
    """The decision in a row, or None."""
    if row is None:
        return None
    cells: Mapping[str, Cell] = row.cells
    at = cells["at"]
    if not isinstance(at, datetime):
        raise TypeError(f"{row.partition} {row.row} has no time")
    return Resolution(
        who=str(cells["who"]),
        why=str(cells["why"]),
        at=at,
        company=str(cells["company"]),
        voucher=str(cells["voucher"]),
        amount_minor=int(str(cells["amount_minor"])),
        currency=str(cells["currency"]),
        not_to_book=cells["not_to_book"] is True,
    )


def resolving(resolution: Resolution, number: int) -> Sequence[Operation]:
    """What stores a decision; `number`: how many there were before."""
    cells = cells_of(resolution)
    return (
        Put(RESOLVED, cells),
        Put(_history(resolution.at, number), {**cells, "action": "resolved"}),
    )


def reopening(who: str, at: datetime, number: int) -> Sequence[Operation]:
    """What takes a decision back; that somebody did stays on record."""
    return (
        Delete(RESOLVED),
        Put(_history(at, number), {"action": "retried", "who": who, "at": at}),
    )


def _history(at: datetime, number: int) -> str:
    return f"{HISTORY_PREFIX}{at:%Y%m%dT%H%M%S%f}~{number:06}"


def said(resolution: Resolution) -> str:
    """A decision in words."""
    text = f"resolved by {resolution.who} on {resolution.at:%Y-%m-%d}: {resolution.why}"
    if resolution.not_to_book:
        return f"{text} (not to be booked)"
    if resolution.voucher:
        amount = ""
        if is_currency(resolution.currency):
            amount = f", {Money(resolution.amount_minor, resolution.currency)}"
        text = f"{text} (voucher {resolution.voucher} in {resolution.company}{amount})"
    return text


def respect(resolution: Resolution | None) -> None:
    """Nothing is read or written of an object that a person settled by hand. Raises `Skipped`."""
    if resolution is not None:
        raise Skipped(RESOLVED_CAUSE, said(resolution))


def no_account(ref: Ref, outcome: Outcome) -> Exception:
    """Why lines cannot have the account of a customer."""
    if outcome.cause != RESOLVED_CAUSE:
        return NeedsMaster(f"customer {ref.id} in {ref.company}", outcome)
    return Parked(
        "customer_resolved",
        f"customer {ref.id} has no account in {ref.company}, and Tieout creates none: it was "
        f"{outcome.text}",
        f"Link an account: tieout customers accept {ref.id} --company {ref.company} "
        "--account ACCOUNT --who NAME --why REASON; or let "
        f"Tieout create one: tieout inbox retry {ref.id} --who NAME; "
        "then retry this.",
    )

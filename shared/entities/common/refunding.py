"""What refunds take from the lines of a sale.

A refund takes from lines that are not invoiced yet (they are reduced) and from the others by a
credit memo; what was written of it stays what it is. A refund that failed gives back: an open line
grows again, what is invoiced or credited is reversed by a document of its own. What a refund takes
of a line takes the tax of that line along; shares are kept part by part.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.domain.allotment import AllotmentError, Part, PartShares, RefundShare, allot
from shared.domain.records import Ref
from shared.entities.common.disputing import KIND
from shared.entities.common.objects import (
    Context,
    Enqueue,
    Json,
    elements,
    id_of,
    integer,
    moment,
    text,
    unreadable,
)
from shared.errors import Parked

DEAD_STATUSES = ("failed", "canceled")
LINES_KEY = "lines"  # metadata of a refund: its shares with tax, {"1": 500}, by line number
CREDIT_NOTE_KEY = "dynamics_credit_note"  # metadata of a refund that began in Dynamics
FAILED_MAX = 10  # refunds of a charge that are told apart
REVERSAL_CATEGORY = "partial_capture_reversal"


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund of a charge, made at `created` (seconds). `wanted`: the shares that its metadata
    gives; `elsewhere`: its credit memo exists in Dynamics already; `is_dispute`: it is a dispute
    that is over, and only a lost one is alive."""

    id: str
    amount: int
    alive: bool
    created: int = 0
    wanted: Mapping[int, int] | None = None
    elsewhere: bool = False
    is_dispute: bool = False


@dataclass(slots=True)
class WrittenRefund:
    """What was written of one refund: shares by part that reduced it, and that were credited or
    given back by documents."""

    reduced: PartShares = field(default_factory=dict)
    credited: PartShares = field(default_factory=dict)
    reversed: PartShares = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Effects:
    """What refunds do to a sale, by refund: reductions; credits and reversals as far as they are
    not written yet."""

    reductions: Mapping[str, PartShares]
    credits: Mapping[str, PartShares]
    reversals: Mapping[str, PartShares]

    def of_line(self, number: int) -> "Taken":
        """What refunds took of a line of the order."""
        taken = Taken()
        for refund, shares in self.reductions.items():
            taken.add(
                refund, {part: share for part, share in shares.items() if part.line == number}
            )
        return taken


@dataclass(frozen=True, slots=True)
class Taken:
    """What refunds took of one line of an order, in minor units by refund. `taxes`: of a tax line,
    what of that belongs to which line that was sold."""

    amounts: dict[str, int] = field(default_factory=dict)
    taxes: dict[str, Mapping[int, int]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """What all refunds took together."""
        return sum(self.amounts.values())

    def add(self, refund: str, shares: Mapping[Part, int]) -> None:
        """A refund takes these parts of the line."""
        if shares:
            self.amounts[refund] = sum(shares.values())
        of_lines = {part.of: share for part, share in shares.items() if part.of}
        if of_lines:
            self.taxes[refund] = of_lines


def parts_at(number: int, amount: int, taxes: Mapping[int, int]) -> PartShares:
    """The parts of an amount of one line of an order. `taxes`: whose tax it is."""
    own = amount - sum(taxes.values())
    found = {Part(number, of): share for of, share in taxes.items()}
    return {Part(number): own} | found if own else found


def refunds_of(charge: Json) -> tuple[Refund, ...]:
    """The refunds of a charge in the order they were made, each once; a released part of an
    authorisation is none. Raises `Parked` for refunds or metadata that cannot be read."""
    by_id = {}  # a list that grows while its pages are read may show one twice
    for item in elements(charge.get("refunds")):
        if not isinstance(item, Mapping) or not id_of(item):
            raise unreadable("charge", id_of(charge), "refunds")
        txn = item.get("balance_transaction")
        if isinstance(txn, Mapping) and txn.get("reporting_category") == REVERSAL_CATEGORY:
            continue
        by_id[id_of(item)] = _refund(item)
    return tuple(sorted(by_id.values(), key=lambda each: (each.created, each.id)))


def was_given_back(refunds: Sequence[Refund], captured: int) -> bool:
    """Whether refunds may have added up to all that was captured at some time: when those that
    failed did so is not known. Of too many failed ones the answer is that they may."""
    alive, sums, dead = 0, {0: None}, 0  # of the failed ones: every sum that they can have had
    for refund in refunds:
        if refund.alive:
            alive += refund.amount
        elif not refund.is_dispute:  # most that are won were never lost
            dead += 1
            sums |= {each + refund.amount: None for each in list(sums)}
        if captured - alive in sums or dead > FAILED_MAX:
            return True
    return False


def _refund(item: Mapping[str, Any]) -> Refund:
    metadata = item.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    return Refund(
        id_of(item),
        integer(item, "amount", "refund"),
        text(item, "status") not in DEAD_STATUSES,
        moment(item, "created", "refund"),
        _wanted(id_of(item), text(metadata, LINES_KEY)),
        bool(text(metadata, CREDIT_NOTE_KEY)),
        text(item, "object") == KIND,
    )


def _wanted(refund: str, given: str) -> Mapping[int, int] | None:
    if not given:
        return None
    try:
        found = json.loads(given)
        shares = {int(number): share for number, share in found.items()}
        if not all(type(share) is int for share in shares.values()):
            raise TypeError("shares are whole numbers")  # noqa: TRY301 - one way out
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise Parked(
            "metadata_lines_unreadable",
            f"the metadata `lines` of refund {refund} does not say what of which line",
            'Write it as JSON, {"1": 500}: line number of the order to minor units; then retry.',
        ) from None
    return shares


def effects_of(
    worth: Mapping[Part, int],
    open_lines: Mapping[int, bool],
    refunds: Sequence[Refund],
    written: Mapping[str, WrittenRefund],
) -> Effects:
    """What the refunds do to lines that are worth so much (minor units by part).

    `open_lines`: whether a line can still be reduced. Raises `Parked` when shares do not fit.
    """
    refund_shares = []
    for refund in refunds:
        known = written.get(refund.id, WrittenRefund())
        if refund.alive:
            fixed = _sum(known.reduced, known.credited, _negative(known.reversed))
            refund_shares.append(RefundShare(refund.id, refund.amount, fixed, refund.wanted))
    try:
        shares = allot(worth, refund_shares)
    except AllotmentError as error:
        raise Parked(
            "refund_does_not_fit",
            f"the refunds do not fit the lines of the sale: {error}",
            "Correct the refund's metadata `lines` in Stripe, or compare the order with the "
            "charge; then retry.",
        ) from None
    reductions: dict[str, PartShares] = {}
    credits: dict[str, PartShares] = {}
    reversals: dict[str, PartShares] = {}
    for refund in refunds:
        known = written.get(refund.id, WrittenRefund())
        for part, share in known.reduced.items():
            if refund.alive or not open_lines[part.line]:
                reductions.setdefault(refund.id, {})[part] = share
        if not refund.alive:
            closed = {p: share for p, share in known.reduced.items() if not open_lines[p.line]}
            back = _sum(closed, known.credited, _negative(known.reversed))
            if back:
                reversals[refund.id] = back
            continue
        fixed = _sum(known.reduced, known.credited, _negative(known.reversed))
        for part, share in _sum(shares[refund.id], _negative(fixed)).items():
            if open_lines[part.line]:
                mine = reductions.setdefault(refund.id, {})
                mine[part] = mine.get(part, 0) + share
            elif not refund.elsewhere:
                credits.setdefault(refund.id, {})[part] = share
    return Effects(reductions, credits, reversals)


def _negative(shares: Mapping[Part, int]) -> PartShares:
    return {part: -share for part, share in shares.items()}


def _sum(*all_shares: Mapping[Part, int]) -> PartShares:
    """Shares added up; parts where nothing is left are left out."""
    found: PartShares = {}
    for shares in all_shares:
        for part, share in shares.items():
            found[part] = found.get(part, 0) + share
    return {part: share for part, share in found.items() if share}


def charge_of_refund(refund: Mapping[str, Any], context: Context) -> tuple[Enqueue, ...]:
    """The charge that a refund may have credit memos at, to be looked at once for each status."""
    found = id_of(refund.get("charge"))
    if not found or not context.policy.has_documents:
        return ()
    reason = f"{id_of(refund)}-{text(refund, 'status')}"
    return (Enqueue(Ref("charge", found), reason, even_if_settled=True),)

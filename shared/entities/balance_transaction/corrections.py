"""The lines that a person ordered: suspense cleared, a posted line taken back and replaced.

What was written stays, and keeps its accounts and amounts; each order adds lines under keys of
their own, so doing it twice writes nothing twice.
"""

from collections.abc import Iterator, Sequence

from shared.domain.corrections import REPLACEMENT_SUFFIX, Correction, CorrectionKind
from shared.domain.documents import AccountRole
from shared.domain.ids import line_key
from shared.domain.journal import Role
from shared.entities.common.journal_lines import GeneralLine, JournalLine
from shared.entities.common.objects import Snapshot, id_of
from shared.entities.common.transaction import category_of


def is_cleared(snapshot: Snapshot) -> bool:
    """Whether a person said where the money on suspense belongs."""
    return any(order.kind is CorrectionKind.RECLASS for order in snapshot.corrections)


def ordered(snapshot: Snapshot, documents: Sequence[JournalLine]) -> Iterator[JournalLine]:
    """The lines of all corrections. `documents`: the lines of the transaction by today's rules."""
    for order in snapshot.corrections:
        if order.to is not None:
            yield _reclass(snapshot, order, order.to)
            continue
        written = snapshot.written(order.line)
        if isinstance(written, JournalLine):
            yield _reversal(snapshot, order, written)
        today = [line for line in documents if line.role == order.line]
        if order.replaces and today:
            yield _replacement(snapshot, order, today[0])


def _reclass(snapshot: Snapshot, order: Correction, to: Role) -> GeneralLine:
    """Debit the account that was named, credit suspense (negative: the reverse)."""
    return GeneralLine(
        role=order.role,
        company=order.company,
        key=line_key(snapshot.id, order.role),
        amount=order.amount,
        date=order.date,
        account=AccountRole(to),
        offset=AccountRole(Role.SUSPENSE),
        category=f"reclass of {category_of(snapshot.object)}",
        source=id_of(snapshot.object.get("source")),
        decision=order.id,
        after=_on_suspense(snapshot),
    )


def _on_suspense(snapshot: Snapshot) -> tuple[str, ...]:
    return tuple(role for role in snapshot.links if is_on_suspense(snapshot.written(role)))


def is_on_suspense(document: object) -> bool:
    """Whether a document is a line that put money on suspense."""
    return isinstance(document, JournalLine) and document.account.role is Role.SUSPENSE


def _reversal(snapshot: Snapshot, order: Correction, written: JournalLine) -> GeneralLine:
    return GeneralLine.of(
        written,
        role=order.role,
        key=line_key(snapshot.id, order.role),
        amount=-written.amount,
        date=order.date,
        category=f"reversal of {written.category}",
        decision=order.id,
        after=(written.role,),
        reverses=written.role,
    )


def _replacement(snapshot: Snapshot, order: Correction, today: JournalLine) -> JournalLine:
    role = order.line + REPLACEMENT_SUFFIX
    return GeneralLine.of(
        today,
        role=role,
        key=line_key(snapshot.id, role),
        date=order.date,
        category=f"replacement of {today.category}",
        decision=order.id,
        after=(order.role,),
    )

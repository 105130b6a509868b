"""Which journal a line goes to: that of its day, one of its own, or a fresh one it moves to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.converge.refusals import sides_of
from shared.converge.stages import LineMove, Plan
from shared.domain.journal import JournalKind
from shared.domain.records import Record
from shared.ports import Value
from shared.stores.holds import HeldAccount, Holds, part_of
from shared.stores.journals import JournalTarget, Slot
from shared.targets.finance import BATCH_NUMBER, FINANCE


@dataclass(slots=True)
class JournalTargets:
    """The journals of lines. `delimiter`: of display values; `held`: the customers known to be on
    hold, as `look` found them."""

    holds: Holds
    delimiter: str
    held: Mapping[HeldAccount, None] = field(default_factory=dict)

    async def look(self, plans: Sequence[Plan]) -> None:
        """See who is on hold, where a plan creates lines. Raises the port's errors."""
        if any(record.document.journal for plan in plans for record in plan.created):
            self.held = await self.holds.known()

    def of_plan(self, plan: Plan) -> list[JournalTarget]:
        """The journals that a plan needs places in, one entry a line."""
        targets = [self.of(record) for record in plan.created]
        return [each for each in targets if each is not None] + [moved_to(m) for m in plan.move]

    def of(self, record: Record) -> JournalTarget | None:
        """The journal of a new line, one of its own for a customer who is on hold; None for what is
        no line."""
        document = record.document
        if document.journal is None or document.accounting_date is None:
            return None
        sides = sides_of(record.fields, document.company, self.delimiter) if self.held else ()
        held = [side.account for side in sides if (side.company, side.account) in self.held]
        part = part_of(held[0]) if held else ""
        return JournalTarget(document.company, document.journal, document.accounting_date, part)


def moved_to(move: LineMove) -> JournalTarget:
    """The journal that a line goes to when it leaves another one."""
    document = move.record.document
    if document.journal is None or document.accounting_date is None:
        raise RuntimeError(f"{document.role} is no journal line")
    company, day = move.link.company, document.accounting_date
    return JournalTarget(company, document.journal, day, move.part)


def placed(kind: JournalKind, slot: Slot) -> dict[str, Value]:
    """The journal fields of a line. Dynamics numbers ledger lines itself; customer payment lines
    get their number, so that a repeat collides on the key."""
    line_number = FINANCE.of_journal(kind).line_number
    numbered: dict[str, Value] = {line_number: slot.line_number} if line_number else {}
    return {BATCH_NUMBER: slot.batch, **numbered}

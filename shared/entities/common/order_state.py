"""What Dynamics holds of an order of ours: its lines as they were written, and which are open.

`SalesOrderLinesV3` tells amount and status of each line. Lines that were given back before the
order was written stand in its header; for what follows they are like cancelled ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from shared.domain.documents import Document
from shared.domain.money import from_decimal
from shared.entities.common.objects import Json, Snapshot
from shared.entities.common.refunding import Taken, WrittenRefund, parts_at
from shared.entities.common.sale_line import ROUNDING_NUMBER, SaleLine
from shared.entities.common.sales_documents import OmittedLine, SalesOrder, SalesOrderLine
from shared.errors import Parked

ORDER, LINE_PREFIX = "order", "line:"
LINES_ANSWER = "order_lines"
OPEN_STATUSES, CANCELED = ("None", "Backorder"), "Canceled"


def line_role(number: int) -> str:
    """The role of an order's line."""
    return f"{LINE_PREFIX}{number}"


@dataclass(frozen=True, slots=True)
class State:
    """What was written of an order, line by line, and which lines can still be changed.

    `without`: what refunds took of lines that were given back before the order was written.
    `is_invoiced`: whether any line is more than cancelled. `landed`: lines that stand there as an
    announced change of them said. `announced`: new lines, as they were announced, of which nobody
    knows yet whether they were made.
    """

    lines: Mapping[int, SalesOrderLine] = field(default_factory=dict)
    open_lines: Mapping[int, bool] = field(default_factory=dict)
    without: Mapping[int, Taken] = field(default_factory=dict)
    is_invoiced: bool = False
    landed: tuple[int, ...] = ()
    announced: Mapping[int, SalesOrderLine] = field(default_factory=dict)

    def written(self) -> dict[str, WrittenRefund]:
        """What refunds took from the lines, by refund."""
        taken = dict(self.without)
        for number, document in self.lines.items():
            taken[number] = Taken(dict(document.reductions), dict(document.tax_reductions))
        found: dict[str, WrittenRefund] = {}
        for number, mine in taken.items():
            for refund, share in mine.amounts.items():
                parts = parts_at(number, share, mine.taxes.get(refund, {}))
                found.setdefault(refund, WrittenRefund()).reduced.update(parts)
        return found

    def is_open(self, line: SaleLine) -> bool:
        """Whether a line can still be reduced: several units need the rounding line too."""
        if line.number in self.without:
            return False
        rounding = self.open_lines.get(ROUNDING_NUMBER, True)
        return self.open_lines.get(line.number, True) and (line.quantity == 1 or rounding)


def state_of(snapshot: Snapshot) -> State:
    """The state of our order. Raises `Parked` when it is gone, there twice, or changed by hand."""
    rows = snapshot.answers[ORDER]
    if len(rows) > 1:
        raise Parked(
            "duplicate_order",
            f"{len(rows)} sales orders have the reference {snapshot.id}",
            "Cancel or delete the extra orders in Dynamics, then retry.",
        )
    if ORDER in snapshot.links and not rows:
        number = snapshot.links[ORDER].keys["SalesOrderNumber"]
        raise Parked(
            "order_vanished",
            f"sales order {number} of charge {snapshot.id} is gone, or its reference was changed",
            "Find out who removed it; restore its customer reference, or resolve this item.",
        )
    lines, open_lines, statuses = {}, {}, []
    landed: list[int] = []
    answers: Sequence[Json] = snapshot.answers.get(LINES_ANSWER, ())
    there = {int(str(row["CustomersLineNumber"]).split(".")[0]): row for row in answers}
    for role in snapshot.links:
        if role.startswith(LINE_PREFIX):
            number = int(role.removeprefix(LINE_PREFIX))
            lines[number], has_landed = _as_it_is(snapshot, number, there.get(number))
            landed += [number] if has_landed else []
            statuses.append(str(there[number]["SalesOrderLineStatus"]))
            open_lines[number] = statuses[-1] in OPEN_STATUSES
    without = {
        each.sold.number: Taken(dict(each.reductions), dict(each.tax_reductions))
        for each in _omitted(snapshot)
    }
    is_invoiced = any(status not in (*OPEN_STATUSES, CANCELED) for status in statuses)
    return State(lines, open_lines, without, is_invoiced, tuple(landed), _announced(snapshot))


def _announced(snapshot: Snapshot) -> dict[int, SalesOrderLine]:
    """Lines that were announced and are not known to be there."""
    new = (intent.record.document for intent in snapshot.intents.values())
    return {
        int(line.key): line
        for line in new
        if isinstance(line, SalesOrderLine) and line.role not in snapshot.links
    }


def sold_in(snapshot: Snapshot) -> tuple[SaleLine, ...]:
    """The lines as they were sold, of an order that was written or announced; empty without one.

    Stripe's metadata may change afterwards; an order does not follow it.
    """
    roles = dict.fromkeys((*snapshot.links, *snapshot.intents))
    written = [snapshot.written(role) for role in roles if role.startswith(LINE_PREFIX)]
    found = [document.sold for document in written if isinstance(document, SalesOrderLine)]
    if not found:
        return ()
    found += [each.sold for each in _omitted(snapshot)]
    return tuple(sorted(found, key=lambda line: line.number))


def _omitted(snapshot: Snapshot) -> tuple[OmittedLine, ...]:
    """Lines that an order was begun without, and what refunds had taken of each."""
    header = snapshot.written(ORDER)
    return header.omitted if isinstance(header, SalesOrder) else ()


def _as_it_is(snapshot: Snapshot, number: int, row: Json | None) -> tuple[SalesOrderLine, bool]:
    """The document that Dynamics holds of a line, and whether it is an announced change."""
    role = line_role(number)
    found: list[Document] = [snapshot.links[role].record.document]
    if role in snapshot.intents:
        found.append(snapshot.intents[role].record.document)
    lines = [document for document in found if isinstance(document, SalesOrderLine)]
    for place, document in enumerate(lines):
        if row is not None and document.amount.minor == _minor(row, document.amount.currency):
            return document, place > 0
    raise Parked(
        "order_line_changed",
        f"line {number} of the order of charge {snapshot.id} is not as it was written",
        "Somebody changed or removed it in Dynamics: set its amount back there, then retry; or "
        "resolve this item and keep the order by hand.",
    )


def _minor(row: Json, currency: str) -> int | None:
    """The amount of a line; None where it has finer digits than Stripe's currency."""
    try:
        return from_decimal(Decimal(str(row["LineAmount"])), currency).minor
    except ValueError:
        return None

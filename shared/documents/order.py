"""A charge as a sales order: header held, lines keyed, released when its total is the amount.

What of the order is invoiced already stays as it is; what is open follows the refunds.
`SalesOrderHeadersV2`, `SalesOrderLinesV3` (Dynamics 365 Finance, sales and marketing).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal

from shared.documents.common import Json, Question, Snapshot, id_of, text
from shared.documents.refunding import Written
from shared.documents.sale_lines import ROUNDING, ROUNDING_NUMBER, SaleLine
from shared.domain.money import from_decimal
from shared.domain.records import Change, Document, Fact
from shared.errors import Parked

ORDER, RELEASE, LINE_PREFIX = "order", "release", "line:"
HEADERS, LINES = "SalesOrderHeadersV2", "SalesOrderLinesV3"
OPEN_STATUSES = ("None", "Backorder")


def line_role(number: int) -> str:
    """The role of an order's line."""
    return f"{LINE_PREFIX}{number}"


def questions(snapshot: Snapshot, company: str) -> tuple[Question, ...]:
    """The order of a charge and its lines, as Dynamics holds them."""
    kept = snapshot.written(ORDER)
    company = company if kept is None else kept.company
    header = Question(
        ORDER,
        HEADERS,
        company,
        "CustomersOrderReference",
        snapshot.id,
        ("SalesOrderNumber", "SalesOrderStatus"),
    )
    rows = snapshot.answers.get(ORDER, ())
    if not rows:
        return (header,)
    lines = Question(
        "order_lines",
        LINES,
        company,
        "SalesOrderNumber",
        str(rows[0]["SalesOrderNumber"]),
        ("CustomersLineNumber", "LineAmount", "SalesOrderLineStatus"),
    )
    return header, lines


@dataclass(frozen=True, slots=True)
class State:
    """What was written of an order, line by line, and which lines can still be changed."""

    is_new: bool
    lines: Mapping[int, Document]
    open_lines: Mapping[int, bool]

    def written(self) -> dict[str, Written]:
        """What refunds took from the lines, by refund."""
        found: dict[str, Written] = {}
        for number, document in self.lines.items():
            reductions = document.facts["reductions"]
            if isinstance(reductions, Mapping):
                for refund, share in reductions.items():
                    mine = found.setdefault(refund, Written())
                    mine.reduced[number] = int(str(share))
        return found

    def is_open(self, line: SaleLine) -> bool:
        """Whether a line can still be reduced: several units need the rounding line too."""
        rounding = self.open_lines.get(ROUNDING_NUMBER, True)
        return self.open_lines.get(line.number, True) and (line.quantity == 1 or rounding)


def state_of(snapshot: Snapshot) -> State:
    """The state of our order. Raises `Parked` when it is gone, there twice, or changed by hand."""
    kept = snapshot.written(ORDER)
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
    lines, open_lines = {}, {}
    there = {int(str(row["CustomersLineNumber"]).split(".")[0]): row for row in _lines(snapshot)}
    for role in snapshot.links:
        if role.startswith(LINE_PREFIX):
            number = int(role.removeprefix(LINE_PREFIX))
            lines[number] = _as_it_is(snapshot, number, there.get(number))
            open_lines[number] = there[number]["SalesOrderLineStatus"] in OPEN_STATUSES
    return State(kept is None, lines, open_lines)


def sold_in(snapshot: Snapshot) -> tuple[SaleLine, ...]:
    """The lines as they were sold, of an order that was written or announced; empty without one.

    Stripe's metadata may change afterwards; an order does not follow it.
    """
    roles = dict.fromkeys((*snapshot.links, *snapshot.intents))
    written = [snapshot.written(role) for role in roles if role.startswith(LINE_PREFIX)]
    found = []
    for document in written:
        sold = document.facts["sold"] if document is not None else None
        if isinstance(sold, Mapping):
            found.append(SaleLine(**sold))  # type: ignore[arg-type]
    return tuple(sorted(found, key=lambda line: line.number))


def _lines(snapshot: Snapshot) -> Sequence[Json]:
    return snapshot.answers.get("order_lines", ())


def _as_it_is(snapshot: Snapshot, number: int, row: Json | None) -> Document:
    """The document that Dynamics holds of a line: the written one, or an announced change of it."""
    role = line_role(number)
    found = [snapshot.links[role].record.document]
    if role in snapshot.intents:
        found.append(snapshot.intents[role].record.document)
    if row is not None:
        currency = str(found[0].facts["currency"])
        amount = from_decimal(Decimal(str(row["LineAmount"])), currency).minor
        for document in found:
            if document.facts["amount_minor"] == amount:
                return document
    raise Parked(
        "order_line_changed",
        f"line {number} of the order of charge {snapshot.id} is not as it was written",
        "Somebody changed or removed it in Dynamics: set its amount back there, then retry; or "
        "resolve this item and keep the order by hand.",
    )


def header_of(snapshot: Snapshot, company: str, words: Mapping[str, Fact]) -> Document:
    """The header of an order, held until its lines are right."""
    charge = snapshot.object
    return Document(
        role=ORDER,
        template="sales_order",
        company=company,
        key=snapshot.id,
        facts={
            "currency": text(charge, "currency").lower(),
            "party": id_of(charge.get("customer")),
        },
        words=words,
    )


@dataclass(frozen=True, slots=True)
class Spelled:
    """What Dynamics is told of a line, in minor units; `amount` is what it makes of it."""

    quantity: int
    price: int
    discount: int

    @property
    def amount(self) -> int:
        """Quantity times price less discount."""
        return self.quantity * self.price - self.discount


def spell(line: SaleLine, reduced: int) -> Spelled:
    """Quantity, unit price and discount of a line that refunds reduced.

    The discount is told for single units alone: whether Dynamics counts it per unit or per line
    makes no difference there. The price of several units is rounded; the rounding line makes up
    for it. A line of which nothing is left has quantity 0: Dynamics cancels it.
    """
    rest = line.worth - reduced
    if reduced and rest == 0:
        return Spelled(0, line.listed // line.quantity, 0)
    if line.quantity == 1:
        return Spelled(1, max(line.listed, rest), max(line.listed, rest) - rest)
    return Spelled(line.quantity, _nearest(rest, line.quantity), 0)


def _nearest(amount: int, parts: int) -> int:
    return (2 * amount + parts) // (2 * parts)


def lines_of(
    lines: Sequence[SaleLine],
    reductions: Mapping[int, Mapping[str, int]],
    state: State,
    header: Document,
    rounding_minor_max: int,
) -> tuple[Document, ...]:
    """The lines of an order; those that are invoiced stay as they are."""
    documents = []
    left = 0
    rounding = SaleLine(ROUNDING_NUMBER, ROUNDING, 0, text="Rounding")
    for line in lines:
        if line.number == ROUNDING_NUMBER:
            rounding = line
            continue
        mine = reductions.get(line.number, {})
        spelled = spell(line, sum(mine.values()))
        left += line.worth - sum(mine.values()) - spelled.amount
        documents.append(_line(line, spelled, mine, state, header))
    mine = reductions.get(ROUNDING_NUMBER, {})
    amount = rounding.worth - sum(mine.values()) + left
    if abs(amount) > rounding_minor_max:
        raise Parked(
            "rounding_too_large",
            f"the unit prices of charge {header.key} round by {amount} minor units",
            "Raise orders.rounding_minor_max in the policy, or book the order by hand and name it "
            "in the charge's metadata (dynamics_sales_order); then retry.",
        )
    if amount or ROUNDING_NUMBER in state.lines:
        documents.append(_line(rounding, Spelled(1, amount, 0), mine, state, header))
    return tuple(documents)


def _line(
    line: SaleLine, spelled: Spelled, reductions: Mapping[str, int], state: State, header: Document
) -> Document:
    if not state.open_lines.get(line.number, True):
        return state.lines[line.number]
    return Document(
        role=line_role(line.number),
        template="sales_order_line",
        company=header.company,
        key=str(line.number),
        facts={
            "currency": header.facts["currency"],
            "quantity": spelled.quantity,
            "price_minor": spelled.price,
            "discount_minor": spelled.discount,
            "amount_minor": spelled.amount,
            "reductions": dict(reductions),
            "sold": asdict(line),
        },
        words={
            "kind": line.kind,
            "product": line.product,
            "price": line.price,
            "item": line.item,
            "text": line.text,
        },
        change=Change.OPEN,
        parent=ORDER,
        group="lines",
    )


def release_of(
    snapshot: Snapshot, header: Document, lines: Sequence[Document], state: State
) -> tuple[Document, ...]:
    """The release of an order, as long as nothing of it is invoiced: when its total is right."""
    kept = snapshot.written(RELEASE)
    if not all(state.open_lines.values()):
        return () if kept is None else (kept,)
    total = sum(int(str(line.facts["amount_minor"])) for line in lines)
    if total == 0:
        return () if kept is None else (kept,)
    release = Document(
        role=RELEASE,
        template="sales_order_release",
        company=header.company,
        key=header.key,
        facts={"currency": header.facts["currency"], "total_minor": total},
        change=Change.OPEN,
        parent=ORDER,
        patches=True,
        after=tuple(line.role for line in lines),
        expects={"OrderTotalAmount": total},
    )
    return (release,)

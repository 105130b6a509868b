"""A charge as a sales order: header held, lines keyed, released when its total is the amount.

What of the order is invoiced already stays as it is; what is open follows the refunds.
`SalesOrderHeadersV2`, `SalesOrderLinesV3` (Dynamics 365 Finance, sales and marketing).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from shared.documents.common import Question, Snapshot, id_of, text
from shared.documents.order_state import (
    LINES_ANSWER,
    ORDER,
    WITHOUT,
    State,
    line_role,
)
from shared.documents.origin import Party, origin_of
from shared.documents.sale_line import ROUNDING, ROUNDING_NUMBER, SaleLine
from shared.domain.records import Change, Document, Fact
from shared.errors import Parked

RELEASE = "release"
HEADERS, LINES = "SalesOrderHeadersV2", "SalesOrderLinesV3"


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
        LINES_ANSWER,
        LINES,
        company,
        "SalesOrderNumber",
        str(rows[0]["SalesOrderNumber"]),
        ("CustomersLineNumber", "LineAmount", "SalesOrderLineStatus"),
    )
    return header, lines


def header_of(
    snapshot: Snapshot,
    company: str,
    words: Mapping[str, Fact],
    without: Iterable[Fact] = (),
) -> Document:
    """The header of an order, held until its lines are right. `without`: lines that it does not
    get."""
    charge, kept = snapshot.object, tuple(without)
    origin = origin_of(snapshot)
    party = origin.party if origin is not None else None
    if party is None:
        party = Party(id_of(charge.get("customer")))
    return Document(
        role=ORDER,
        template="sales_order",
        company=company,
        key=snapshot.id,
        facts={
            "currency": text(charge, "currency").lower(),
            **party.facts,
            **({WITHOUT: kept} if kept else {}),
        },
        words=words,
    )


def taken_before(
    lines: Sequence[SaleLine], reductions: Mapping[int, Mapping[str, int]]
) -> dict[int, Fact]:
    """Lines that refunds took away before there is an order, by number.

    Dynamics takes no new line of quantity 0. They are kept in the facts of the header, as if they
    had been written and cancelled.
    """
    found: dict[int, Fact] = {}
    for line in lines:
        mine = reductions.get(line.number, {})
        if mine and sum(mine.values()) == line.worth and line.number != ROUNDING_NUMBER:
            found[line.number] = {"sold": asdict(line), "reductions": dict(mine)}
    return found


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
        if line.number in state.without:
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
    # Written when it makes up for the unit prices exactly, too: it holds what was sold.
    if amount or rounding.worth or ROUNDING_NUMBER in state.lines:
        # A line of amount 0 alone would keep an order open of which nothing is left.
        quantity = 1 if amount or any(each.facts["quantity"] for each in documents) else 0
        documents.append(_line(rounding, Spelled(quantity, amount, 0), mine, state, header))
    _check_begun(documents, state, header)
    return tuple(
        replace(each, stands=state.stands(each))
        for each in documents
        if not _is_nothing(each, state)
    )


def _is_nothing(line: Document, state: State) -> bool:
    return line.facts["quantity"] == 0 and int(line.key) not in state.lines


def _check_begun(lines: Sequence[Document], state: State, header: Document) -> None:
    """Raises `Parked` when a refund took a line away between the header and its lines."""
    missing = [line.key for line in lines if _is_nothing(line, state)]
    if missing and len(missing) < len(lines):
        raise Parked(
            "refunded_while_written",
            f"the order of charge {header.key} was begun, then line {', '.join(missing)} of it was "
            "refunded before it was written",
            "Delete the order's header in Dynamics, write the order by hand, name it in the "
            "charge's metadata (dynamics_sales_order) and resolve this item.",
        )


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
    total = sum(int(str(line.facts["amount_minor"])) for line in lines)
    if state.is_invoiced or total == 0:
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

"""A charge as a sales order: header held, lines keyed, released when its total is the amount.

What of the order is invoiced already stays as it is; what is open follows the refunds.
`SalesOrderHeadersV2`, `SalesOrderLinesV3` (Dynamics 365 Finance, sales and marketing).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from shared.domain.documents import Document, LineSum, Open, Party, Patch
from shared.domain.ids import is_id
from shared.domain.money import Money
from shared.entities.common.method import method_of
from shared.entities.common.objects import (
    Context,
    Query,
    Snapshot,
    currency_of,
    id_of,
    moment,
    text,
)
from shared.entities.common.order_state import LINES_ANSWER, ORDER, State, line_role
from shared.entities.common.origin import origin_of
from shared.entities.common.refunding import Effects, Taken
from shared.entities.common.sale_attributes import sale_attributes
from shared.entities.common.sale_line import ROUNDING, ROUNDING_NUMBER, SaleLine, tax_left
from shared.entities.common.sale_routing import session_of
from shared.entities.common.sale_tax import told
from shared.entities.common.sales_documents import (
    GROSS,
    NET,
    OmittedLine,
    SalesOrder,
    SalesOrderLine,
    SalesOrderRelease,
)
from shared.errors import Parked

RELEASE = "release"
ARE_TOTALS_CALCULATED = "AreTotalsCalculated"
HEADERS, LINES = "SalesOrderHeadersV2", "SalesOrderLinesV3"


def queries(snapshot: Snapshot, company: str) -> tuple[Query, ...]:
    """The order of a charge and its lines, as Dynamics holds them."""
    kept = snapshot.written(ORDER)
    company = company if kept is None else kept.company
    header = Query(
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
    lines = Query(
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
    context: Context,
    omitted: Iterable[OmittedLine] = (),
    prices: str = NET,
) -> SalesOrder:
    """The header of an order, held until its lines are right. `omitted`: lines that it does not
    get; `prices`: net or gross."""
    charge, session = snapshot.object, session_of(snapshot)
    reference = text(session, "client_reference_id")
    origin = origin_of(snapshot)
    party = origin.party if origin is not None else None
    return SalesOrder(
        role=ORDER,
        company=company,
        key=snapshot.id,
        currency=currency_of(charge, "charge"),
        customer=party or Party(id_of(charge.get("customer"))),
        prices=prices,
        omitted=tuple(omitted),
        session=id_of(session),
        reference=reference if is_id(reference) else "",
        payment_intent=id_of(charge.get("payment_intent")),
        description=text(charge, "description"),
        charged_at=moment(charge, "created", "charge"),
        payment_method=method_of(charge),
        **sale_attributes(snapshot, context),
    )


def taken_before(lines: Sequence[SaleLine], effects: Effects) -> dict[int, OmittedLine]:
    """Lines that refunds took away before there is an order, by number.

    Dynamics takes no new line of quantity 0. The header remembers them, as if they had been written
    and cancelled.
    """
    found: dict[int, OmittedLine] = {}
    for line in lines:
        mine = effects.of_line(line.number)
        if mine.amounts and mine.total == line.worth and line.number != ROUNDING_NUMBER:
            found[line.number] = OmittedLine(line, mine.amounts, mine.taxes)
    return found


@dataclass(frozen=True, slots=True)
class Figures:
    """What Dynamics is told of a line, in minor units; `amount` is what it makes of it."""

    quantity: int
    price: int
    discount: int

    @property
    def amount(self) -> int:
        """Quantity times price less discount."""
        return self.quantity * self.price - self.discount


def figures_of(line: SaleLine, reduced: int) -> Figures:
    """Quantity, unit price and discount of a line that refunds reduced.

    The discount is told for single units alone: whether Dynamics counts it per unit or per line
    makes no difference there. The price of several units is rounded; the rounding line makes up
    for it. A line of which nothing is left has quantity 0: Dynamics cancels it.
    """
    rest = line.worth - reduced
    if reduced and rest == 0:
        return Figures(0, line.listed // line.quantity, 0)
    if line.quantity == 1:
        return Figures(1, max(line.listed, rest), max(line.listed, rest) - rest)
    return Figures(line.quantity, _nearest(rest, line.quantity), 0)


def _nearest(amount: int, parts: int) -> int:
    return (2 * amount + parts) // (2 * parts)


def lines_of(
    lines: Sequence[SaleLine],
    effects: Effects,
    state: State,
    header: SalesOrder,
    rounding_minor_max: int,
) -> tuple[SalesOrderLine, ...]:
    """The lines of an order; those that are invoiced stay as they are."""
    documents: list[SalesOrderLine] = []
    left = 0
    rounding = SaleLine(ROUNDING_NUMBER, ROUNDING, 0, text="Rounding")
    for line in lines:
        if line.number == ROUNDING_NUMBER:
            rounding = line
            continue
        if line.number in state.without:
            continue
        mine = effects.of_line(line.number)
        figures = figures_of(line, mine.total)
        left += line.worth - mine.total - figures.amount
        documents.append(_line(line, figures, mine, state, header))
    mine = effects.of_line(ROUNDING_NUMBER)
    amount = rounding.worth - mine.total + left
    if abs(amount) > rounding_minor_max:
        raise Parked(
            "rounding_too_large",
            f"the unit prices of charge {header.key} round by {amount} minor units",
            "Raise orders.rounding_minor_max in the policy, or book the order by hand and name it "
            "in the charge's metadata (dynamics_sales_order); then retry.",
        )
    # Written when it makes up for the unit prices exactly, too: it holds what was sold.
    # So is one that was announced for a refund that failed meanwhile: it may be there by now.
    is_left = any(line.quantity for line in documents)
    is_known = ROUNDING_NUMBER in state.lines or ROUNDING_NUMBER in state.announced
    if amount or rounding.worth or is_known:
        # A line of amount 0 alone would keep an order open of which nothing is left.
        quantity = 1 if amount or is_left else 0
        documents.append(_line(rounding, Figures(quantity, amount, 0), mine, state, header))
    if not (state.lines or state.announced or any(line.quantity for line in documents)):
        return ()  # all of it was given back, and nothing of it can be there
    landed = (Open(landed=int(line.key) in state.landed) for line in documents)
    return tuple(replace(line, later=later) for line, later in zip(documents, landed, strict=True))


def begun_of(
    lines: Sequence[SalesOrderLine], state: State, header: SalesOrder
) -> tuple[SalesOrderLine, ...]:
    """What is written first of lines that a refund took away between the header and them.

    Dynamics takes no new line of quantity 0. A line that was announced may be there already: it is
    looked for, else written, as it was announced; any other is written as it was sold. Then it is
    cancelled, and what the refund took of it is on record.
    """
    return tuple(
        state.announced.get(int(line.key))
        or _line(line.sold, figures_of(line.sold, 0), Taken(), state, header)
        for line in lines
        if line.quantity == 0 and int(line.key) not in state.lines
    )


def _line(
    line: SaleLine,
    figures: Figures,
    taken: Taken,
    state: State,
    header: SalesOrder,
) -> SalesOrderLine:
    if not state.open_lines.get(line.number, True):
        return state.lines[line.number]
    currency = header.currency
    return SalesOrderLine(
        role=line_role(line.number),
        company=header.company,
        key=str(line.number),
        later=Open(),
        parent=ORDER,
        group="lines",
        quantity=figures.quantity,
        price=Money(figures.price, currency),
        discount=Money(figures.discount, currency),
        amount=Money(figures.amount, currency),
        reductions=taken.amounts,
        tax_reductions=taken.taxes,
        sold=line,
        kind=line.kind,
        product=line.product,
        stripe_price=line.price,
        item=line.item,
        text=line.text,
        tax=told(line.keys),
        tax_group=line.tax_group,
        item_tax_group=line.item_tax_group,
        metadata=header.metadata,
        country=header.country,
    )


def release_of(
    snapshot: Snapshot,
    header: SalesOrder,
    lines: Sequence[SalesOrderLine],
    state: State,
    tax_difference_minor_max: int,
) -> tuple[Document, ...]:
    """The release of an order, as long as nothing of it is invoiced: when its total is right, and
    the tax that Dynamics computed is Stripe's to within so many minor units for each tax key.

    An order of which nothing is left needs none. One that was announced may have happened, and is
    finished: there is nothing in it to invoice.
    """
    kept = snapshot.written(RELEASE)
    total = sum(line.amount.minor for line in lines)
    if state.is_invoiced or (total == 0 and RELEASE not in snapshot.intents):
        return () if kept is None else (kept,)
    money = Money(total, header.currency)
    expects, tolerances = {"OrderTotalAmount": money}, {}
    if header.prices == GROSS:
        tax = sum(tax_left(line.sold, sum(line.reductions.values())) for line in lines)
        expects["OrderTotalTaxAmount"] = Money(tax, header.currency)
        keys = dict.fromkeys(line.tax.key for line in lines if line.tax.key)
        tolerances["OrderTotalTaxAmount"] = tax_difference_minor_max * max(len(keys), 1)
    release = SalesOrderRelease(
        role=RELEASE,
        company=header.company,
        key=header.key,
        action=Patch(),
        later=Open(),
        parent=ORDER,
        after=tuple(line.role for line in lines),
        expects=expects,
        tolerances=tolerances,
        computed=ARE_TOTALS_CALCULATED,
        line_sum=None if header.prices == GROSS else LineSum(LINES, "LineAmount"),
        total=money,
    )
    return (release,)

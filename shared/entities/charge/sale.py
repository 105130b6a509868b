"""The commercial side of a charge: its order, what refunds take from it, its credit memos.

One revenue document a sale. A charge with an invoice of Stripe's, or one whose Checkout Session
announces one, has none here; nor has one that was refunded wholly before it was booked.
"""

from dataclasses import dataclass

from shared.domain.allotment import Part, PartShares
from shared.domain.documents import Document, Party
from shared.entities.charge import order, sold_items
from shared.entities.charge.sale_lines import lines_of
from shared.entities.charge.sale_taxes import with_tables
from shared.entities.common.objects import (
    Context,
    Json,
    Query,
    Snapshot,
    captured_minor,
    check_open,
    text,
)
from shared.entities.common.order_state import ORDER, State, sold_in, state_of
from shared.entities.common.origin import origin_of, party_in
from shared.entities.common.refunding import (
    Effects,
    Taken,
    effects_of,
    refunds_of,
    was_given_back,
)
from shared.entities.common.sale_line import SALE, SaleLine, parts_of
from shared.entities.common.sale_routing import (
    SaleRouting,
    announces_invoice,
    is_invoiced,
    sale_routing,
    session_of,
)
from shared.entities.common.sales_documents import GROSS, NET, MemoHeader, SalesOrder
from shared.entities.refund.making import credit_memos
from shared.errors import Parked, Waiting
from shared.policy import OrderTax, Policy, RefundDocument, Sale


def _is_ours(snapshot: Snapshot, sold: SaleRouting) -> bool:
    """Whether the charge has an order of ours, or has to get one."""
    if snapshot.written(ORDER) is not None:
        return True
    # A policy of today makes no order of what was a receipt.
    decided = snapshot.was_settled and not _stands_again(snapshot.object)
    return sold.sale is Sale.ORDER and not decided and not is_invoiced(snapshot, snapshot.object)


def _stands_again(charge: Json) -> bool:
    """Whether all of a sale was refunded once, and not all of it any more: a refund failed."""
    refunds, captured = refunds_of(charge), captured_minor(charge)
    alive = sum(refund.amount for refund in refunds if refund.alive)
    return alive < captured and was_given_back(refunds, captured)


def queries(snapshot: Snapshot, context: Context) -> tuple[Query, ...]:
    """What has to be known of Dynamics. Of a sale that cannot be read nothing: `documents` parks
    for the same reason, after the money was handed on."""
    try:
        if captured_minor(snapshot.object) == 0:
            return ()
        sold = sale_routing(snapshot.object, session_of(snapshot), context, origin_of(snapshot))
        if not _is_ours(snapshot, sold):
            return ()
    except Parked:
        return ()
    return (*order.queries(snapshot, sold.company), *_items(snapshot, sold, context))


def _items(snapshot: Snapshot, sold: SaleRouting, context: Context) -> tuple[Query, ...]:
    """Which products of a new order are released."""
    if sold_in(snapshot) or context.policy.catalogue.products != "create":
        return ()
    session, header = session_of(snapshot), snapshot.written(ORDER)
    company = sold.company if header is None else header.company
    try:
        lines = lines_of(
            snapshot.object, session, context.policy.orders, _tax_of(header, context.policy)
        )
    except Parked:
        return ()  # as above
    return sold_items.queries(lines, session, company, context)


def documents(snapshot: Snapshot, context: Context) -> tuple[Document, ...]:
    """The commercial documents of a charge.

    Raises `Waiting` while an announced invoice is missing, `Parked` where the amounts do not fit.
    """
    charge = snapshot.object
    if captured_minor(charge) == 0:
        return ()
    sold = sale_routing(charge, session_of(snapshot), context, origin_of(snapshot))
    if _is_ours(snapshot, sold):
        return _order(snapshot, sold, context)
    return _memos_of_receipt(snapshot, sold, context)


def _order(snapshot: Snapshot, sold: SaleRouting, context: Context) -> tuple[Document, ...]:
    charge = snapshot.object
    kept = snapshot.written(ORDER)
    if kept is None:
        if announces_invoice(session_of(snapshot)) and not snapshot.was_settled:
            raise Waiting(
                "invoice_announced",
                f"the Checkout Session of charge {snapshot.id} announces an invoice, which is the "
                "sale's revenue document",
            )
        if snapshot.answers[ORDER]:
            return ()  # somebody else pushed the order
        if snapshot.was_settled:
            raise _without_order(snapshot)
    refunds = refunds_of(charge)
    alive = sum(refund.amount for refund in refunds if refund.alive)
    if kept is None and alive >= captured_minor(charge):
        return ()
    rules = context.policy.orders
    lines = sold_in(snapshot)
    if not lines:
        session = session_of(snapshot)
        tax = _tax_of(kept, context.policy)
        told = lines_of(charge, session, rules, tax)
        coded = with_tables(told, snapshot.id, context, codes=tax is OrderTax.CODES)
        lines = sold_items.linked(coded, snapshot, session, context)
    state = state_of(snapshot)
    effects = effects_of(
        parts_of(lines),
        {line.number: state.is_open(line) for line in lines},
        refunds,
        credit_memos.written_in(snapshot, state.written()),
    )
    header = kept if isinstance(kept, SalesOrder) else None
    if header is None:
        taken = order.taken_before(lines, effects)
        state = State(without={number: Taken() for number in taken})
        prices = GROSS if context.policy.tax is OrderTax.CODES else NET
        header = order.header_of(snapshot, sold.company, taken.values(), prices)
    wanted = order.lines_of(lines, effects, state, header, rules.rounding_minor_max)
    begun = order.begun_of(wanted, state, header)
    tolerance = rules.tax_difference_minor_max
    release = order.release_of(snapshot, header, wanted, state, tolerance)
    memos = _Memos(snapshot, header, lines, context).of(effects, context.policy.refunds.of_orders)
    return (header, *begun, *wanted, *release, *memos)


def _tax_of(header: Document | None, policy: Policy) -> OrderTax | None:
    """Where the tax of an order is computed: as its header says, where that was written."""
    if isinstance(header, SalesOrder):
        return OrderTax.CODES if header.prices == GROSS else OrderTax.LINES
    return policy.tax


def _without_order(snapshot: Snapshot) -> Parked:
    """The error for a sale that got no order because all of it was refunded, when that refund
    failed afterwards: whether it was booked elsewhere is not known."""
    return Parked(
        "sale_without_order",
        f"charge {snapshot.id} was refunded in full before it had an order, then a refund failed",
        "Book the order by hand, or find where the sale is booked, and name that in the charge's "
        "metadata (dynamics_sales_order or dynamics_invoice); then retry.",
    )


def _memos_of_receipt(
    snapshot: Snapshot, sold: SaleRouting, context: Context
) -> tuple[Document, ...]:
    """Credit memos of a sale that is booked elsewhere and names its document in metadata."""
    memo = context.policy.refunds.of_receipts
    named = bool(sold.invoice or sold.order)
    if not named and not any(credit_memos.headers_in(snapshot)):
        return ()
    charge = snapshot.object
    what = text(charge, "description") or snapshot.id
    captured = captured_minor(charge)
    line = SaleLine(1, SALE, captured, listed=captured, text=what)
    effects = effects_of(
        {Part(1): captured}, {1: False}, refunds_of(charge), credit_memos.written_in(snapshot, {})
    )
    header = order.header_of(snapshot, sold.company)
    wanted = memo if named else RefundDocument.NONE
    return _Memos(snapshot, header, (line,), context).of(effects, wanted)


@dataclass(frozen=True, slots=True)
class _Memos:
    """The memos of a sale; `sale` is its order, or what stands for one."""

    snapshot: Snapshot
    sale: SalesOrder
    lines: tuple[SaleLine, ...]
    context: Context

    def of(self, effects: Effects, memo: RefundDocument) -> tuple[Document, ...]:
        """Memos that were written, with their lines, and new ones for what is left."""
        found = [header for _, _, header in credit_memos.headers_in(self.snapshot)]
        kind = credit_memos.kind_of(memo, self.sale)
        for refund, shares in effects.credits.items() if memo is not RefundDocument.NONE else ():
            found.append(self._new(kind, refund, shares, found))
        for refund, shares in effects.reversals.items():
            found.append(self._new(credit_memos.REVERSAL, refund, shares, found))
        return tuple(document for header in found for document in credit_memos.documents_of(header))

    def _new(
        self, kind: str, refund: str, shares: PartShares, found: list[MemoHeader]
    ) -> MemoHeader:
        before = sum(header.role.startswith(f"{kind}:{refund}:") for header in found)
        company = self.sale.company
        made = next(each for each in refunds_of(self.snapshot.object) if each.id == refund)
        day = self.context.local_date(made.created)
        check_open(self.context.company(company), company, day)
        by_number = {line.number: line for line in self.lines}
        return credit_memos.memo_of(
            kind, refund, shares, by_number, self.sale, date=day, generation=before + 1
        )

    def _party(self) -> Party:
        """The customer of the sale, as its order was written where it has one."""
        order = self.snapshot.record(ORDER)
        written = party_in(order) if order is not None else None
        return written or self.sale.customer

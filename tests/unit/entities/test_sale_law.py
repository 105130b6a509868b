"""The law of sales: lines, tax and rounding are the charge; what is given back never exceeds it.

The totals are computed from the fields of the records, as Dynamics computes them.
"""

import json
from collections.abc import Mapping
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.allotment import Part
from shared.domain.documents import Document, facts_of
from shared.entities.common.refunding import parts_at
from shared.entities.common.sale_line import SaleLine
from shared.entities.common.sales_documents import MemoHeader, SalesOrder, SalesOrderLine
from tests.unit.entities.objects import Json
from tests.unit.entities.sales import (
    PLACES,
    Shop,
    given_back,
    line_item,
    policy,
    session,
    sold_charge,
)

EXAMPLES = settings(max_examples=settings().max_examples // 2)  # each writes several orders
CURRENCIES = st.sampled_from(sorted(PLACES))
DEAD = ("failed", "canceled")


@st.composite
def taxed(draw: st.DrawFn, listed: int) -> tuple[int, list[Json], int]:
    """Discount, taxes and total of an amount, taxed as Stripe does: on top, inside, or not."""
    discount = draw(st.sampled_from((0, 0, listed, listed // 3)))
    after, percent = listed - discount, draw(st.sampled_from((0, 7, 19, 25)))
    if draw(st.booleans()):
        tax = (after * percent + 50) // 100
        return discount, [shown(percent, tax, inclusive=False)], after + tax
    tax = after - (after * 100 + (100 + percent) // 2) // (100 + percent)
    return discount, [shown(percent, tax, inclusive=True)], after


def shown(percent: int, amount: int, *, inclusive: bool) -> Json:
    """A tax as Stripe shows it; of nothing for three reasons."""
    reason = ("reverse_charge", "zero_rated", "product_exempt")[amount % 3] if not percent else None
    rate = {"country": "DE", "inclusive": inclusive, "percentage": percent, "tax_type": "vat"}
    return {"amount": amount, "rate": rate, "taxability_reason": reason}


@st.composite
def sessions(draw: st.DrawFn, currency: str) -> tuple[int, Json]:
    """What a Checkout Session is worth, and the session."""
    items, total = [], 0
    is_told = draw(st.booleans())  # old versions and exports show no rates
    for number in range(1, draw(st.integers(1, 5)) + 1):
        quantity = draw(st.integers(1, 12))
        unit = draw(st.integers(0, 20_000) | st.just(1))
        listed = max(unit * quantity + draw(st.integers(-3, 3)), 0)  # parts of a cent, rounded
        discount, taxes, worth = draw(taxed(listed))
        total += worth
        items.append(
            line_item(
                number,
                amount_discount=discount,
                amount_subtotal=listed,
                amount_tax=sum(each["amount"] for each in taxes),
                amount_total=worth,
                taxes=taxes if is_told else None,
                currency=currency,
                quantity=quantity,
            )
        )
    shipping = None
    if draw(st.booleans()):
        subtotal = draw(st.integers(0, 3_000))
        _, taxes, worth = draw(taxed(subtotal))
        total += worth
        tax = sum(each["amount"] for each in taxes)
        shipping = {"amount_subtotal": subtotal, "amount_tax": tax, "amount_total": worth}
        shipping |= {"taxes": taxes if is_told else None}
    return total, session(items, currency, shipping_cost=shipping)


@st.composite
def written_items(draw: st.DrawFn) -> tuple[int, str]:
    """What metadata `items` are worth, and their text."""
    kinds, lines = ("goods", "goods", "shipping", "tax"), []
    for number in range(draw(st.integers(1, 5))):
        line: Json = {"item": f"I{number}", "amount": draw(st.integers(0, 90_000))}
        line |= draw(
            st.fixed_dictionaries(
                {},
                optional={"quantity": st.integers(1, 12), "kind": st.sampled_from(kinds)},
            )
        )
        if line.get("kind") != "tax" and draw(st.booleans()):
            rate = draw(st.sampled_from((0, 7, 19)))
            line |= {"tax": line["amount"] * rate // 100, "rate": rate}
        lines.append(line)
    return sum(line["amount"] + line.get("tax", 0) for line in lines), json.dumps(lines)


@st.composite
def shops(draw: st.DrawFn) -> Shop:
    """A paid sale of any source; its amount may miss that of its lines by a little."""
    currency = draw(CURRENCIES)
    source = draw(st.sampled_from(("session", "session", "items", "default")))
    held: Json = {}
    metadata: Json = {}
    if source == "session":
        total, held = draw(sessions(currency))
    elif source == "items":
        total, metadata["items"] = draw(written_items())
    else:
        total = draw(st.integers(1, 10**9))
    amount = max(total + draw(st.sampled_from((0, 0, 0, -3, 1, 5))), 1)
    found = sold_charge(amount, currency, metadata=metadata)
    if draw(st.booleans()):
        part = draw(st.integers(1, amount))
        found |= {"amount_captured": part}
    memo = {"of_orders": draw(st.sampled_from(("free_text", "return_order", "none")))}
    rules = policy(orders={"partial_capture": "spread"}, refunds=memo)
    return Shop(found, held, rules)


def left_of(shop: Shop) -> dict[int, int]:
    """What is left of each line that was sold, with its tax, as far as the links tell."""
    left: dict[int, int] = {}
    for part, amount in parts_left(shop).items():
        left[part.sold] = left.get(part.sold, 0) + amount
    return left


def parts_left(shop: Shop) -> dict[Part, int]:
    """What is left of each line, net and tax apart: from the lines as they were sold, less what the
    records of order, credit memos and reversals say that refunds took."""
    lines = kept_lines(shop)
    numbers = {sold.tax: sold.number for sold, _, _ in lines if sold.tax is not None}
    left: dict[Part, int] = {}
    for sold, reductions, _ in lines:
        if sold.tax is None:
            left[Part(sold.number)] = sold.worth - sum(reductions.values())
        for each in sold.taxes:
            if each.amount:
                left[Part(numbers[each.key], sold.number)] = each.amount
    for sold, _, taxes in lines:
        for of, share in (pair for shares in taxes.values() for pair in shares.items()):
            left[Part(sold.number, of)] -= share
    headers = [link.record.document for link in shop.links.values()]
    for line in (line for each in headers if isinstance(each, MemoHeader) for line in each.lines):
        for part, share in parts_at(line.number, line.amount_minor, line.taxes).items():
            left[part] += share
    return left


def kept_lines(
    shop: Shop,
) -> list[tuple[SaleLine, Mapping[str, int], Mapping[str, Mapping[int, int]]]]:
    """The lines as they were sold, and what refunds took of them in the order, with whose tax."""
    documents = [record.document for record in shop.lines().values()]
    header = shop.links["order"].record.document
    assert isinstance(header, SalesOrder)
    lines = [line for line in documents if isinstance(line, SalesOrderLine)]
    found = [(line.sold, line.reductions, line.tax_reductions) for line in lines]
    return found + [(line.sold, line.reductions, line.tax_reductions) for line in header.omitted]


@st.composite
def next_refund(draw: st.DrawFn, shop: Shop, number: int, left: int) -> Json:
    """A refund of some of what is left, spread by the rule or by its metadata."""
    amount = draw(st.integers(1, left) | st.just(left))
    found = given_back(number, amount)
    lines = {line: rest for line, rest in left_of(shop).items() if rest > 0}
    if shop.policy.refunds.of_orders == "none":
        lines = {}  # what is credited elsewhere, and of which line, is not known here
    if lines and amount < left and draw(st.booleans()):
        line = draw(st.sampled_from(sorted(lines)))
        found["amount"] = draw(st.integers(1, min(left, lines[line])) | st.just(lines[line]))
        found["amount"] = min(found["amount"], left)
        found["metadata"] = {"lines": json.dumps({line: found["amount"]})}
    if draw(st.integers(0, 4)) == 0:
        found["status"] = draw(st.sampled_from(DEAD))
    return found


def alive(refunds: list[Json]) -> int:
    return sum(each["amount"] for each in refunds if each["status"] not in DEAD)


def captured(shop: Shop) -> int:
    return int(shop.charge["amount_captured"])


def facts(shop: Shop) -> dict[str, object]:
    return {document.role: said(document) for document in shop.documents()}


def said(document: Document) -> tuple[str, str, object]:
    return document.company, document.key, facts_of(document)


@EXAMPLES
@given(shops())
def test_lines_tax_and_rounding_add_up_to_what_was_captured(shop: Shop) -> None:
    documents = shop.book()
    assert shop.ordered() == shop.major(captured(shop))
    [release] = [each for each in documents if each.role == "release"]
    assert release.expects["OrderTotalAmount"].decimal() == shop.ordered()
    assert all(row["LineAmount"] >= 0 for row in shop.rows() if row["CustomersLineNumber"] != 9999)


@EXAMPLES
@given(shops(), st.data())
def test_refunds_before_the_invoice_leave_what_was_not_given_back_at_once_or_one_by_one(
    shop: Shop, data: st.DataObject
) -> None:
    at_once = Shop(shop.charge, shop.session, shop.policy)
    shop.book()
    refunds: list[Json] = []
    for number in range(data.draw(st.integers(1, 4))):
        left = captured(shop) - alive(refunds)
        if left == 0:
            break
        refunds.append(data.draw(next_refund(shop, number, left)))
        shop.refund(refunds)
        shop.book()
        assert shop.ordered() == shop.major(captured(shop) - alive(refunds))
        assert shop.credited() == 0
    written = {role: said(link.record.document) for role, link in shop.links.items()}
    assert {role: written[role] for role in facts(shop)} == facts(shop)
    at_once.refund(refunds)
    at_once.book()
    if at_once.links:
        assert at_once.ordered() == shop.ordered()
        kept = {number: each.fields for number, each in shop.lines().items()}
        for number, record in at_once.lines().items():
            if number != 9999:
                assert record.fields == kept[number]
    else:
        assert shop.ordered() == 0


@EXAMPLES
@given(shops(), st.data())
def test_credits_and_reductions_are_what_was_given_back_whenever_lines_are_invoiced(
    shop: Shop, data: st.DataObject
) -> None:
    keeps_credits = shop.policy.refunds.of_orders != "none"
    refunds: list[Json] = []
    if data.draw(st.booleans()):
        probe = Shop(shop.charge, shop.session, shop.policy)
        probe.book()
        refunds.append(data.draw(next_refund(probe, 0, captured(shop))))
        shop.refund(refunds)
    shop.book()
    if not shop.links:
        return  # given back wholly before there was an order
    for number in range(1, data.draw(st.integers(2, 6))):
        ready = sorted(line for line in shop.lines() if line not in shop.invoiced)
        shop.invoiced += data.draw(
            st.lists(st.sampled_from(ready), unique=True) if ready else st.just([])
        )
        left = captured(shop) - alive(refunds)
        if left and (not refunds or data.draw(st.integers(0, 3))):
            refunds.append(data.draw(next_refund(shop, number, left)))
        else:
            fails = data.draw(st.sampled_from(range(len(refunds))))
            refunds[fails] = {**refunds[fails], "status": "failed"}
        shop.refund(refunds)
        shop.book()
        known = facts(shop)
        shop.book()
        assert facts(shop) == known, "once written, nothing more is wanted"
        rest = shop.major(captured(shop) - alive(refunds))
        total = shop.ordered() + shop.credited()
        assert total == rest if keeps_credits else total >= rest
        assert Decimal(0) <= total <= shop.major(captured(shop))
        if keeps_credits:
            parts = parts_left(shop)
            assert sum(parts.values()) == captured(shop) - alive(refunds)
            assert all(each >= 0 for part, each in parts.items() if part.line != 9_999)
            if alive(refunds) == captured(shop):
                assert not any(parts.values()), "each line gave back its own net and its own tax"

"""The law of sales: lines, tax and rounding are the charge; what is given back never exceeds it.

The totals are computed from the fields of the records, as Dynamics computes them.
"""

import json
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.documents import Document, facts_of
from shared.domain.money import Money
from shared.entities.common.sales_documents import SalesOrderLine
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
def taxed(draw: st.DrawFn, listed: int) -> tuple[int, int, int]:
    """Discount, tax and total of an amount, taxed as Stripe does: on top, inside, or not."""
    discount = draw(st.sampled_from((0, 0, listed, listed // 3)))
    after, percent = listed - discount, draw(st.sampled_from((0, 7, 19, 25)))
    if draw(st.booleans()):
        tax = (after * percent + 50) // 100
        return discount, tax, after + tax
    return discount, after - (after * 100 + (100 + percent) // 2) // (100 + percent), after


@st.composite
def sessions(draw: st.DrawFn, currency: str) -> tuple[int, Json]:
    """What a Checkout Session is worth, and the session."""
    items, total = [], 0
    for number in range(1, draw(st.integers(1, 5)) + 1):
        quantity = draw(st.integers(1, 12))
        unit = draw(st.integers(0, 20_000) | st.just(1))
        listed = max(unit * quantity + draw(st.integers(-3, 3)), 0)  # parts of a cent, rounded
        discount, tax, worth = draw(taxed(listed))
        total += worth
        items.append(
            line_item(
                number,
                amount_discount=discount,
                amount_subtotal=listed,
                amount_tax=tax,
                amount_total=worth,
                currency=currency,
                quantity=quantity,
            )
        )
    shipping = None
    if draw(st.booleans()):
        subtotal = draw(st.integers(0, 3_000))
        _, tax, worth = draw(taxed(subtotal))
        total += worth
        shipping = {"amount_subtotal": subtotal, "amount_tax": tax, "amount_total": worth}
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
        lines.append(line)
    return sum(line["amount"] for line in lines), json.dumps(lines)


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
    """What is left of each line after reductions and credits, as far as the links tell."""
    left: dict[int, int] = {}
    for number, record in shop.lines().items():
        line = record.document
        assert isinstance(line, SalesOrderLine)
        left[number] = line.sold.worth - sum(line.reductions.values())
    for role, link in shop.links.items():
        kind = role.partition(":")[0]
        if kind in ("credit_line", "return_line", "reversal_line"):
            number = int(link.record.document.key)
            amount: Money = facts_of(link.record.document)["amount"]
            left[number] = left.get(number, 0) + amount.minor
    return left


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

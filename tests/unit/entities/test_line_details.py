"""What a reader of the ledger knows a line by; metadata only where the mapping reads it."""

from dataclasses import replace
from typing import Any

import pytest

from shared.converge.active_rules import context_of
from shared.converge.reading import fetch
from shared.entities.common.erasure import without_person
from shared.entities.common.journal_lines import JournalLine, PayoutNames
from shared.entities.common.objects import Context, Snapshot
from shared.entities.common.sale_document import SaleMetadata
from shared.errors import ObjectMissing
from shared.registry import REGISTRY
from tests.unit.entities.objects import CONTEXT, CREATED, Json, charge, customer, snapshot
from tests.unit.mapping.rules import compiled
from tests.unit.services.fakes import START, FakeStripe, settings

MAPPING = """
kind: mapping
name: ours
extends: {template}
fields:
  PaymentReference: {{from: metadata.{path}, default: none}}
"""
READS_ALL = frozenset(
    {
        *("description", "metadata.charge.order_no", "metadata.customer.segment"),
        "metadata.product.group",
    }
)


def transaction(**changes: Any) -> Json:
    return {
        "id": "txn_1", "object": "balance_transaction", "amount": 5000, "balance_type": "payments",
        "created": CREATED, "currency": "usd", "fee": 0, "fee_details": [], "net": 5000,
        "reporting_category": "charge", "source": "ch_1", "type": "charge",
    } | changes  # fmt: skip


def lines(found: Snapshot, context: Context = CONTEXT) -> list[JournalLine]:
    built = REGISTRY.named(found.entity).making().build(found, context).documents
    return [each for each in built if isinstance(each, JournalLine)]


def sold(**changes: Any) -> Snapshot:
    return snapshot(transaction(), related={"charge": charge(**changes)})


@pytest.mark.parametrize(
    ("given", "number"),
    [
        ({"order_id": "7"}, "7"),
        ({"order_id": "7", "order_number": "W-7"}, "W-7"),
        ({"order_id": 7, "other": "8"}, ""),
    ],
)
def test_a_sale_is_known_by_the_order_number_of_its_metadata(given: Json, number: str) -> None:
    (line,) = lines(sold(metadata=given))
    assert line.sale.order == number


def test_an_order_number_of_the_session_and_an_invoice_number_of_stripe_are_known_too() -> None:
    related = {
        "charge": charge(calculated_statement_descriptor="SHOP* W7"),
        "checkout_session": {"client_reference_id": "W-7"},
        "invoice_payments": {"data": [{"invoice": {"id": "in_1", "number": "RE-9"}}, "in_2"]},
    }
    (line,) = lines(snapshot(transaction(), related=related))
    assert (line.sale.order, line.sale.invoice) == ("W-7", "RE-9")
    assert line.sale.statement_descriptor == "SHOP* W7"


def test_what_may_tell_of_a_person_is_in_no_line_unless_the_mapping_reads_it() -> None:
    given = {"Order-No": "7", "note": "for Ada"}
    found = sold(description="two mugs for Ada", metadata=given)
    (line,) = lines(found)
    assert (line.description, line.metadata) == ("", SaleMetadata())
    related = dict(found.related) | {
        "customer": customer(metadata={"segment": "B2B", "note": "x"}),
        "product": {"id": "prod_1", "metadata": {"group": "mugs"}},
    }
    asked = replace(CONTEXT, reads=READS_ALL)
    (line,) = lines(replace(found, related=related), asked)
    assert line.description == "two mugs for Ada"
    assert line.metadata == SaleMetadata({"order_no": "7"}, {"segment": "B2B"}, {"group": "mugs"})
    (line,) = lines(without_person(replace(found, related=related)), asked)
    assert line.description.startswith("erased:")
    assert line.metadata == SaleMetadata()


def test_stripes_own_words_are_those_of_fees_and_adjustments_and_not_of_sales() -> None:
    words = {"description": "Chargeback withdrawal"}
    fee = transaction(source=None, reporting_category="fee", type="stripe_fee", **words)
    (line,) = lines(snapshot(fee))
    assert line.explanation == "Chargeback withdrawal"
    (line,) = lines(snapshot(transaction(**words), related={"charge": charge()}))
    assert line.explanation == ""


@pytest.mark.parametrize(
    ("trace", "descriptor", "reference"),
    [
        ({"status": "supported", "value": "0210000212"}, "SHOP", "0210000212"),
        ({"status": "pending", "value": None}, "SHOP", "SHOP"),
        ({"status": "supported", "value": "X" * 21}, None, ""),
        (None, None, ""),
    ],
)
def test_a_bank_line_knows_what_the_bank_calls_the_payout(
    trace: object, descriptor: object, reference: str
) -> None:
    payout = {
        "id": "po_1", "object": "payout", "amount": 500, "currency": "usd", "status": "paid",
        "arrival_date": CREATED, "automatic": False, "balance_transaction": "txn_po",
        "trace_id": trace, "statement_descriptor": descriptor,
    }  # fmt: skip
    (line,) = lines(snapshot(payout))
    assert (line.payout.id, line.payout.reference) == ("po_1", reference)
    own = transaction(source=payout, amount=-500, net=-500, reporting_category="payout",
                      type="payout")  # fmt: skip
    (line,) = lines(snapshot(own))
    assert (line.payout.id, line.payout.reference) == ("po_1", ""), "it is on no bank account"
    (line,) = lines(snapshot(transaction(), related={"charge": charge()}))
    assert line.payout == PayoutNames()


@pytest.mark.parametrize("template", ["general_line", "customer_payment_line"])
@pytest.mark.parametrize("path", ["customer.segment", "product.group", "charge.order_no"])
async def test_customer_and_product_are_read_where_a_mapping_asks_for_their_metadata(
    template: str, path: str
) -> None:
    session = {
        "id": "cs_1", "object": "checkout.session", "payment_intent": "pi_1",
        "line_items": {"data": [{"price": {"product": "prod_1"}}]}, "created": CREATED,
    }  # fmt: skip
    product = {"id": "prod_1", "object": "product", "metadata": {"group": "mugs"}}
    objects = (transaction(source=charge()), customer(), product, session)
    mapping = compiled(MAPPING.format(template=template, path=path))
    context = context_of(settings(), mapping, START)
    assert f"metadata.{path}" in context.reads
    found = await fetch(
        FakeStripe(*objects), REGISTRY.named("balance_transaction"), "txn_1", context
    )
    entity = path.split(".", maxsplit=1)[0]
    asked = {name for name in ("customer", "product") if name in found.related}
    assert asked == {entity} - {"charge"}


async def test_a_customer_that_stripe_does_not_have_any_more_says_nothing() -> None:
    context = replace(CONTEXT, reads=READS_ALL)
    stripe = FakeStripe(transaction(source=charge()))
    with pytest.raises(ObjectMissing):
        await stripe.retrieve("customer", "cus_1")
    found = await fetch(stripe, REGISTRY.named("balance_transaction"), "txn_1", context)
    assert set(found.related) == {"charge", "invoice_payments"}


def test_the_product_alone_reads_nothing_personal() -> None:
    reads = context_of(settings(), compiled(), START).reads
    assert "sale.order" in reads
    assert not [path for path in reads if path.startswith(("metadata", "description"))]

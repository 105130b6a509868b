"""Metadata of a sale on its records: only what the mapping reads, as it was when it was written."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from shared.converge.active_rules import context_of
from shared.converge.reading import fetch
from shared.domain.documents import Document
from shared.domain.erasure import Eraser
from shared.entities.charge import sale
from shared.entities.common.erasure import without_person
from shared.entities.common.sale_attributes import sale_attributes
from shared.entities.common.sale_document import NO_METADATA, SaleDocument, SaleMetadata
from shared.registry import REGISTRY
from tests.unit.entities.objects import CONTEXT, CREATED, Json, charge, customer, snapshot
from tests.unit.entities.sales import Shop, given_back, line_item, policy, session, sold_charge
from tests.unit.mapping.rules import compiled
from tests.unit.services.fakes import START, FakeStripe, settings

MAPPING = """
kind: mapping
name: ours
extends: {template}
fields:
  {field}: {{concat: [{path}], do: [{{max: 10}}]}}
"""
FIELDS = {
    "sales_order": "CustomerRequisitionNumber",
    "sales_order_line": "LineDescription",
    "credit_memo": "InvoiceName",
}
COST = frozenset({"metadata.charge.cost_center"})
OF_MEMOS = {"refunds": {"of_orders": "free_text"}}


@dataclass
class ReadingShop(Shop):
    """A shop whose mapping reads the cost centre."""

    erased: bool = False

    def documents(self) -> tuple[Document, ...]:
        found = self.snapshot()
        context = replace(CONTEXT, policy=self.policy, reads=COST)
        return sale.documents(without_person(found) if self.erased else found, context)

    def told(self) -> dict[str, str]:
        """The cost centre by role, of what tells metadata."""
        return {
            each.role: each.metadata.charge.get("cost_center", "")
            for each in self.book()
            if isinstance(each, SaleDocument)
        }


def shop(**given: str) -> ReadingShop:
    source = sold_charge(2_000, "usd", metadata=given)
    return ReadingShop(source, session([line_item(1), line_item(2)]), policy(**OF_MEMOS))


def transaction() -> Json:
    return {"id": "txn_1", "object": "balance_transaction", "source": charge(), "created": CREATED}


def paid() -> Json:
    return session([line_item(1)], payment_intent="pi_1", created=CREATED)


def test_an_order_keeps_the_metadata_that_it_was_written_with() -> None:
    found = shop(cost_center="017", phone="555")
    assert found.told() == {"order": "017", "line:1": "017", "line:2": "017"}
    found.charge["metadata"] = {"cost_center": "018"}
    found.invoiced = [1]
    found.refund([given_back(1, 1_500)])
    told = found.told()
    assert set(told.values()) == {"017"}
    assert {role.partition(":")[0] for role in told} == {"order", "line", "credit", "credit_line"}


def test_a_credit_memo_has_what_the_charge_says_by_now_of_what_its_order_did_not_read() -> None:
    found = shop()
    found.told()
    found.charge["metadata"] = {"Cost-Center": "018"}
    found.invoiced = [1, 2]
    found.refund([given_back(1, 500)])
    told = found.told()
    assert (told["order"], told["line:1"]) == ("", "")
    assert {told[role] for role in told if role.startswith("credit")} == {"018"}


def test_what_follows_the_order_of_an_erased_customer_has_no_metadata_and_no_hash() -> None:
    found = shop(cost_center="017")
    found.told()
    eraser = Eraser("cus_1")
    for role, link in found.links.items():
        found.links[role] = replace(link, record=eraser.record(link.record))
    found.erased, found.invoiced = True, [1]
    found.refund([given_back(1, 1_500)])
    told = found.told()
    assert told["order"].startswith("erased:"), "it stays as it was written"
    assert told["line:1"].startswith("erased:"), "it is invoiced"
    assert told["line:2"] == ""
    assert {told[role] for role in told if role.startswith("credit")} == {""}


@pytest.mark.parametrize(
    ("of_charge", "of_session", "told"),
    [
        ({"cost_center": "017"}, {"Cost-Center": "018"}, "017"),
        ({"cost_center": " "}, {"Cost-Center": "018"}, "018"),
        ({"other": "1", "Cost-Center": "017", "cost_center": "019"}, {}, "017"),
        ({"cost_center": 17}, {"other": "018"}, None),
    ],
)
def test_the_charge_is_asked_before_its_session(
    of_charge: Json, of_session: Json, told: str | None
) -> None:
    related = {"charge": charge(metadata=of_charge), "checkout_session": {"metadata": of_session}}
    found = snapshot(transaction(), related=related)
    metadata = sale_attributes(found, replace(CONTEXT, reads=COST))["metadata"]
    assert metadata == SaleMetadata({} if told is None else {"cost_center": told})
    assert sale_attributes(found, CONTEXT)["metadata"] == NO_METADATA


@pytest.mark.parametrize(
    ("address", "country"),
    [({"country": "de"}, "DE"), ({"country": "DEU"}, ""), ({"country": None}, ""), (7, "")],
)
def test_the_country_is_that_of_the_billing_address(address: Any, country: str) -> None:
    related = {"charge": charge(billing_details={"address": address})}
    assert sale_attributes(snapshot(transaction(), related=related), CONTEXT)["country"] == country


@pytest.mark.parametrize("template", FIELDS)
@pytest.mark.parametrize("entity", ["charge", "balance_transaction", "dispute"])
async def test_a_mapping_of_any_record_of_a_sale_decides_what_is_read_from_stripe(
    template: str, entity: str
) -> None:
    objects: dict[str, Json] = {
        "charge": charge(),
        "balance_transaction": transaction(),
        "dispute": {"id": "dp_1", "object": "dispute", "charge": charge(), "status": "lost"},
    }
    product = {"id": "prod_1", "object": "product"}
    asked = {}
    for path in ("metadata.charge.a", "metadata.customer.a", "metadata.product.a", "document.key"):
        document = MAPPING.format(template=template, field=FIELDS[template], path=path)
        context = context_of(settings(), compiled(document), START)
        stripe = FakeStripe(objects[entity], customer(), product, paid())
        found = await fetch(stripe, REGISTRY.named(entity), objects[entity]["id"], context)
        asked[path] = set(found.related) & {"checkout_session", "customer", "product"}
    assert asked == {
        "metadata.charge.a": {"checkout_session"},
        "metadata.customer.a": {"customer"},
        "metadata.product.a": {"checkout_session", "product"},
        "document.key": set(),
    }


def test_of_records_that_are_no_journal_lines_only_metadata_counts_as_read() -> None:
    field = FIELDS["sales_order"]
    paths = "description, metadata.charge.cost_center"
    mapping = compiled(MAPPING.format(template="sales_order", field=field, path=paths))
    assert {"metadata.charge.cost_center"} == mapping.reads - compiled().reads

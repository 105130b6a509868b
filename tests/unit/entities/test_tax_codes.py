"""Sales whose tax Dynamics computes: gross prices, sales tax groups by tax key."""

from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest
from pydantic import ValidationError

from shared.domain.documents import Document
from shared.domain.money import Money
from shared.entities.charge import sale
from shared.entities.common.objects import TaxTables
from shared.entities.common.sales_documents import SalesOrderLine, SalesOrderRelease
from shared.errors import Parked
from shared.policy import Policy
from tests.unit.entities.objects import CONTEXT, Json
from tests.unit.entities.sales import Shop, given_back, items, policy, session, sold_charge
from tests.unit.entities.test_sale_tax import BASKET, VAT_7, VAT_19, by_line, item, tax

TABLES = TaxTables(
    groups={VAT_7.text: "DE-DOM", VAT_19.text: "DE-DOM"},
    item_groups={VAT_7.text: "REDUCED", VAT_19.text: "FULL"},
)


@dataclass
class Coded(Shop):
    """A sale under `tax: codes`, with tables."""

    policy: Policy = field(default_factory=lambda: policy(tax="codes"))
    tables: TaxTables = TABLES

    def documents(self) -> tuple[Document, ...]:
        context = replace(CONTEXT, policy=self.policy, tax=self.tables)
        return sale.documents(self.snapshot(), context)


def basket(**changes: Json) -> Coded:
    shop = Coded(sold_charge(14_040, "eur", **changes), BASKET)
    shop.book()
    return shop


def released(shop: Shop) -> SalesOrderRelease:
    [release] = [each for each in shop.documents() if isinstance(each, SalesOrderRelease)]
    return release


def test_an_order_has_gross_prices_and_both_groups_on_each_line_and_no_line_of_tax() -> None:
    shop = basket()
    assert shop.links["order"].record.fields["ArePricesIncludingSalesTax"].name == "Yes"  # type: ignore[union-attr]
    fields = {number: record.fields for number, record in shop.lines().items()}
    assert [
        (each["SalesPrice"], each["SalesTaxGroupCode"], each["SalesTaxItemGroupCode"])
        for each in fields.values()
    ] == [
        (Decimal("21.40"), "DE-DOM", "REDUCED"),
        (Decimal("119.00"), "DE-DOM", "FULL"),
    ]


def test_a_release_rests_on_total_and_tax_which_may_differ_by_the_tolerance_for_each_key() -> None:
    release = released(basket())
    assert release.expects == {
        "OrderTotalAmount": Money(14_040, "eur"),
        "OrderTotalTaxAmount": Money(2_040, "eur"),
    }
    assert release.tolerances == {"OrderTotalTaxAmount": 4}
    assert (release.computed, release.line_sum) == ("AreTotalsCalculated", None)


def test_a_refund_before_the_invoice_leaves_the_tax_of_what_is_left() -> None:
    shop = basket()
    shop.refund([by_line(1, 1_070, 1)])
    shop.book()
    assert released(shop).expects["OrderTotalTaxAmount"] == Money(1_970, "eur")


def test_a_credit_memo_is_gross_and_carries_the_groups_of_its_lines() -> None:
    shop = basket()
    shop.invoiced += [1, 2]
    shop.refund([by_line(1, 2_140, 1), given_back(2, 1_000)])
    shop.book()
    found = {role: link.record.fields for role, link in shop.links.items() if "credit" in role}
    assert found["credit:re_1:1"]["InclTax"].name == "Yes"  # type: ignore[union-attr]
    line = found["credit_line:re_1:1:1"]
    assert (line["UnitPrice"], line["SalesTaxGroupId"], line["SalesTaxItemGroupId"]) == (
        Decimal("-21.40"),
        "DE-DOM",
        "REDUCED",
    )
    assert shop.credited() == Decimal("-31.40")


def test_an_order_keeps_the_way_its_tax_is_computed_when_the_policy_changes() -> None:
    shop = basket()
    before = shop.links["line:1"].record.fields
    shop.policy = policy(tax="lines", refunds={"of_orders": "return_order"})
    shop.invoiced += [1, 2]
    shop.refund([by_line(1, 2_140, 1)])
    shop.book()
    assert shop.links["line:1"].record.fields == before
    assert "credit_line:re_1:1:1" in shop.links, "return orders have no groups"


def test_a_header_that_was_written_decides_for_its_lines() -> None:
    whole = basket()
    shop = Coded(whole.charge, BASKET, policy(tax="lines"), {"order": whole.links["order"]})
    shop.book()
    line = shop.links["line:1"].record.document
    assert isinstance(line, SalesOrderLine)
    assert (line.amount.minor, line.tax_group) == (2_140, "DE-DOM")


def test_a_key_without_groups_parks_and_is_named() -> None:
    shop = Coded(sold_charge(14_040, "eur"), BASKET, tables=TaxTables(TABLES.groups, {}))
    with pytest.raises(Parked) as parked:
        shop.book()
    assert parked.value.cause == "tax_code_missing"
    assert VAT_7.text in str(parked.value)
    assert "in item_sales_tax_groups" in str(parked.value)


def test_a_line_of_which_no_tax_is_told_has_a_key_of_its_own() -> None:
    bare = session([item(1, 1_000)], "eur")
    shop = Coded(sold_charge(1_000, "eur"), bare)
    with pytest.raises(Parked, match="-/-/-/-/exclusive"):
        shop.book()


def test_tax_that_belongs_to_no_line_parks() -> None:
    told = items({"item": "A", "amount": 900}, {"kind": "tax", "amount": 100})
    with pytest.raises(Parked) as parked:
        Coded(told.charge).book()
    assert parked.value.cause == "tax_without_line"


def test_a_capture_in_part_keeps_the_tax_inside_each_line_in_proportion() -> None:
    rules = policy(tax="codes", orders={"partial_capture": "spread"})
    shop = Coded({**sold_charge(14_040, "eur"), "amount_captured": 7_020}, BASKET, rules)
    shop.book()
    assert shop.ordered() == Decimal("70.20")
    assert released(shop).expects["OrderTotalTaxAmount"] == Money(1_020, "eur")


def test_tables_give_a_tax_line_its_own_item_and_its_credit_an_account() -> None:
    tables = TaxTables(items={VAT_7.text: "TAX-7"}, accounts={VAT_7.text: "403307"})
    shop = Coded(sold_charge(14_040, "eur"), BASKET, policy(tax="lines"), tables=tables)
    shop.book()
    sold = [record.fields["ItemNumber"] for record in shop.lines().values()]
    assert sold == ["STRIPE-SALE", "STRIPE-SALE", "TAX-7", "STRIPE-TAX"]
    shop.invoiced += [1, 2, 3, 4]
    shop.refund([given_back(1, 14_040)])
    shop.book()
    accounts = {
        role: link.record.fields["MainAccountDisplayValue"]
        for role, link in shop.links.items()
        if role.startswith("credit_line")
    }
    assert accounts["credit_line:re_1:1:3"] == "403307"
    assert accounts["credit_line:re_1:1:4"] != "403307"


def test_a_policy_refuses_return_orders_with_codes() -> None:
    with pytest.raises(ValidationError, match="no sales tax group"):
        Policy.model_validate({"tax": "codes", "refunds": {"of_orders": "return_order"}})
    assert Policy.model_validate({"tax": "lines", "refunds": {"of_orders": "return_order"}})


def test_zero_for_three_reasons_has_three_codes() -> None:
    keys = {reason: replace(VAT_19, rate="0", reason=reason) for reason in REASONS}
    tables = TaxTables(
        {key.text: group for key, group in zip(keys.values(), REASONS.values(), strict=True)},
        dict.fromkeys((key.text for key in keys.values()), "ZERO"),
    )
    lines = [item(n, 1_000, tax(key, 0)) for n, key in enumerate(keys.values(), start=1)]
    shop = Coded(sold_charge(3_000, "eur"), session(lines, "eur"), tables=tables)
    shop.book()
    groups = [record.fields["SalesTaxGroupCode"] for record in shop.lines().values()]
    assert groups == ["EU-RC", "EXPORT", "EXEMPT"]
    assert released(shop).expects["OrderTotalTaxAmount"] == Money(0, "eur")


REASONS = {"reverse_charge": "EU-RC", "zero_rated": "EXPORT", "product_exempt": "EXEMPT"}

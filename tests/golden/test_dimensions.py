"""A sale whose metadata names a cost centre: where that stands in the records of Dynamics."""

from dataclasses import replace
from typing import Any

import pytest

from shared.domain.documents import Document
from shared.domain.erasure import Eraser
from shared.domain.records import Record
from shared.entities.common.journal_lines import CustomerPaymentLine
from shared.entities.common.sale_document import SaleDocument, SaleMetadata
from shared.errors import Parked
from shared.mapping.finance import render
from tests.golden.test_golden import PARENT, TARGET, built, load
from tests.unit.mapping.rules import compiled, refused
from tests.unit.mapping.test_compiler import examples

TABLE = "{kind: table, name: units, rows: {usmf: '001', demf: '002'}}"
DIMENSIONS = """
    dimensions:
      - BusinessUnit: {from: document.company, do: [{lookup: {table: units, miss: reject}}]}
      - Department: {value: ""}
      - CostCenter: {from: metadata.charge.cost_center}
"""
FIELDS = {
    "customer_payment_line": "DefaultDimensionsForAccountDisplayValue",
    "general_line": "AccountDisplayValue",
    "sales_order": "DefaultLedgerDimensionDisplayValue",
    "sales_order_line": "DefaultLedgerDimensionDisplayValue",
    "credit_memo_line": "MainAccountDisplayValue",
}
MAPPINGS = [
    f"kind: mapping\nname: our_{name}\nextends: {name}\nfields:\n  {field}:{DIMENSIONS}"
    for name, field in FIELDS.items()
]


def told(case: Any, metadata: dict[str, str]) -> Any:
    """The case, with metadata of its charge."""
    charge = case["related"].get("charge") or case["object"]
    charge["metadata"] = charge.get("metadata", {}) | metadata
    case["reads"] = ["metadata.charge.cost_center"]
    return case


def documents(name: str, metadata: dict[str, str]) -> dict[str, Document]:
    return {each.role: each for each in built(told(load(name), metadata)).documents}


def records(name: str, metadata: dict[str, str], delimiter: str = "-") -> dict[str, Record]:
    """The records of a case by role; its charge has this metadata."""
    mapping = compiled(TABLE, *MAPPINGS, delimiter=delimiter)
    target = replace(TARGET, mapping=mapping)
    found = documents(name, metadata)
    return {role: render(document, target, PARENT) for role, document in found.items()}


@pytest.mark.parametrize(
    ("case", "role", "value"),
    [
        ("charge_with_fee_and_tax", "gross", "001||017"),
        ("charge_with_fee_and_tax", "fee", "US-fees|001||017"),
        ("refund", "gross", "001||017"),
        ("order_with_shipping", "order", "001||017"),
        ("order_with_shipping", "line:1", "001||017"),
        ("refund_of_an_invoiced_order", "credit_line:re_1:1:1", "US-sales_returns|001||017"),
        ("order_in_another_company", "order", "002||017"),
    ],
)
def test_the_cost_centre_of_a_sale_stands_in_its_records(case: str, role: str, value: str) -> None:
    record = records(case, {"cost_center": "017"}, "|")[role]
    assert record.fields[FIELDS[record.document.template]] == value


def test_a_value_that_holds_the_delimiter_is_escaped() -> None:
    found = records("charge_with_fee_and_tax", {"cost_center": "0-17"})
    assert found["gross"].fields[FIELDS["customer_payment_line"]] == r"001--0\-17"


def test_what_the_books_say_of_a_segment_stays() -> None:
    """`US-fees` under `-` is the main account US with the business unit `fees`."""
    found = records("charge_with_fee_and_tax", {"cost_center": "017"})
    assert found["fee"].fields["AccountDisplayValue"] == "US-fees--017"


def test_a_sale_without_the_metadata_leaves_the_segment_blank() -> None:
    found = records("charge_with_fee_and_tax", {}, "|")
    assert found["gross"].fields[FIELDS["customer_payment_line"]] == "001||"
    assert found["fee"].fields["AccountDisplayValue"] == "US-fees|001"


def test_an_account_that_is_no_ledger_account_gets_no_dimensions() -> None:
    mapping = compiled(
        "kind: mapping\nname: ours\nextends: general_line\nfields:\n"
        '  OffsetAccountDisplayValue: {dimensions: [{CostCenter: {value: "1"}}]}',
    )
    fee = documents("charge_with_fee_and_tax", {})["fee"]
    fields = render(fee, replace(TARGET, mapping=mapping)).fields
    assert fields["OffsetAccountDisplayValue"] == "CLEARING-USD"  # a bank account


def test_a_mandatory_dimension_is_a_check_that_parks_before_anything_is_written() -> None:
    checks = (
        "kind: mapping\nname: ours\nextends: customer_payment_line\nchecks:\n"
        "  - rule: {metadata.charge.cost_center: {present: true}}\n"
        "    message: the sale names no cost centre (metadata cost_center)"
    )
    target = replace(TARGET, mapping=compiled(checks))
    for metadata, parks in (({"cost_center": "017"}, False), ({}, True)):
        gross = documents("charge_with_fee_and_tax", metadata)["gross"]
        if parks:
            with pytest.raises(Parked, match="names no cost centre"):
                render(gross, target)
        else:
            render(gross, target)


@pytest.mark.parametrize("case", ["charge_with_fee_and_tax", "order_with_shipping"])
def test_documents_remember_only_the_metadata_that_the_mapping_reads(case: str) -> None:
    told = SaleMetadata(charge={"cost_center": "017"})
    found = documents(case, {"Cost-Center": "017", "phone": "555"})
    sale = [each for each in found.values() if isinstance(each, SaleDocument)]
    assert [each.metadata for each in sale] == [told] * len(sale) != []


def test_the_example_of_the_documentation_gives_what_it_says() -> None:
    parts = ("business_units", "our_order_lines", "our_credit_lines", "ours")
    own = [each for each in examples() if any(f"\nname: {part}\n" in each for part in parts)]
    tables = [each for each in examples() if "sales_tax_groups\n" in each]
    target = replace(TARGET, mapping=compiled(*own, *tables))
    line = documents("order_with_shipping", {"cost_center": "017"})["line:1"]
    found = render(line, target, PARENT).fields["DefaultLedgerDimensionDisplayValue"]
    assert found == "001--017"
    line = documents("order_with_shipping", {})["line:1"]
    with pytest.raises(Parked, match="the sale names no cost centre"):
        render(line, target, PARENT)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("DefaultDimensionDisplayValue: {value: 001-022}", "takes dimensions by name"),
        ("Text: {dimensions: [{Unit: {value: x}}]}", "takes no dimensions"),
        ("AccountDisplayValue: {value: x}", "is protected (account)"),
        ("PaymentId: {dimensions: [{Unit: {value: x}}]}", "is protected (key)"),
        ("AccountDisplayValue: {dimensions: [{A: {value: x}}, {A: {value: y}}]}", "twice"),
        ("AccountDisplayValue: {dimensions: [{A: {from: metadata.other}}]}", "no field"),
        ("AccountDisplayValue: {dimensions: [{A: {from: amount.minor, do: [{minor_units: "
         "{currency: amount.currency}}]}}]}", "takes text, not decimal"),
        ("AccountDisplayValue: {dimensions: [{A: {value: " + "x" * 31 + "}}]}", "30 characters"),
        ("AccountDisplayValue: {dimensions: [{A: {value: x}}], do: [trim]}", "at each dimension"),
        ("DefaultDimensionDisplayValue: {cases: [{when: {source: a}, dimensions: [{A: {value: x}}]}"
         ", {dimensions: [{B: {value: x}}]}]}", "name different dimensions"),
    ],
)  # fmt: skip
def test_dimensions_that_cannot_be_right_are_refused(text: str, reason: str) -> None:
    head = "kind: mapping\nname: ours\nextends: general_line\nfields:\n  "
    assert reason in refused(head + text)


@pytest.mark.parametrize(("value", "cause"), [("9" * 31, "value_too_long"), ("a\\", "value_kind")])
def test_a_value_that_no_dimension_holds_parks_and_is_not_shown(value: str, cause: str) -> None:
    with pytest.raises(Parked) as caught:
        records("charge_with_fee_and_tax", {"cost_center": value})
    assert caught.value.cause == cause
    assert value not in str(caught.value)


def test_metadata_of_a_customer_who_is_erased_is_hashed() -> None:
    gross = documents("charge_with_fee_and_tax", {"cost_center": "Ada Lovelace"})["gross"]
    erased = Eraser("cus_1").document(gross)
    assert isinstance(erased, CustomerPaymentLine)
    assert erased.metadata.charge["cost_center"].startswith("erased:")
    assert Eraser("cus_1").document(erased) is erased

import gc
import tracemalloc
from dataclasses import asdict, replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.documents import AccountRole, Document
from shared.domain.journal import Role
from shared.domain.money import Money
from shared.entities.common.journal_lines import PaymentMethod
from shared.mapping import preview
from shared.mapping.compiler import CompiledMapping
from shared.mapping.preview import (
    LISTED_MAX,
    PERSONAL,
    Comparison,
    FieldChange,
    PostingStatus,
    RecordChange,
    StoredDocument,
    StoredObject,
)
from shared.packaged import packaged_mapping
from tests.unit.mapping.rules import compiled
from tests.unit.mapping.test_finance import TARGET, line, person
from tests.unit.mapping.test_finance import receipt as customer_receipt

METHODS = """
kind: mapping
name: ours
extends: customer_payment_line
fields:
  PaymentMethodName:
    from: payment_method.brand
    do: [{lookup: {table: brands, miss: %s}}]
"""
BRANDS = "kind: table\nname: brands\nrows: {visa: CC-VISA, amex: CC-AMEX}\n"


def receipt(brand: str, **changes: Any) -> Document:
    method = PaymentMethod(type="card", brand=brand)
    return customer_receipt(**({"payment_method": method} | changes))


def stored(
    id: str, *documents: Document, standing: PostingStatus = PostingStatus.DRAFT
) -> StoredObject:
    return StoredObject(id, tuple(StoredDocument(each, standing) for each in documents))


def compared(
    before: CompiledMapping | None, after: CompiledMapping, *objects: StoredObject
) -> Comparison:
    comparison = Comparison(before, after, TARGET)
    for each in objects:
        comparison.add(each)
    return comparison


def with_brands(rows: str, miss: str = "OTHER") -> CompiledMapping:
    return compiled(METHODS % miss, BRANDS.replace("amex: CC-AMEX", rows))


def test_editing_a_table_lists_exactly_the_records_that_would_change() -> None:
    before, after = with_brands("amex: CC-AMEX"), with_brands("amex: CC-AX, jcb: CC-JCB")
    brands = ["visa", "amex", "jcb", "diners", "visa", "amex"]
    objects = [stored(f"txn_{n}", receipt(brand)) for n, brand in enumerate(brands)]
    found = compared(before, after, *objects)
    group = found.groups[PostingStatus.DRAFT]
    assert [(each.object, each.fields) for each in group.listed] == [
        ("txn_1", (FieldChange("PaymentMethodName", "CC-AMEX", "CC-AX"),)),
        ("txn_2", (FieldChange("PaymentMethodName", "OTHER", "CC-JCB"),)),
        ("txn_5", (FieldChange("PaymentMethodName", "CC-AMEX", "CC-AX"),)),
    ]
    assert group.fields == {"customer_payment_line.PaymentMethodName": 3}
    assert found.counts() == {
        **{"objects": 6, "unchanged": 3, "changed": 3, "rejected": 0, "accepted": 0}
    }


def test_each_record_counts_in_the_group_of_what_was_written() -> None:
    before, after = with_brands("amex: CC-AMEX"), with_brands("amex: CC-AX")
    objects = [
        *(stored("txn_1", receipt("amex"), standing=each) for each in PostingStatus),
        stored("txn_2", receipt("amex"), receipt("visa"), standing=PostingStatus.POSTED),
    ]
    found = compared(before, after, *objects)
    counts = {name: (group.changed, group.unchanged) for name, group in found.groups.items()}
    assert counts == {"future": (1, 0), "drafts": (1, 0), "posted": (2, 1)}


def test_what_would_be_rejected_or_accepted_says_why() -> None:
    open_, strict = with_brands("amex: CC-AMEX"), with_brands("amex: CC-AMEX", "reject")
    object = stored("txn_1", receipt("jcb"), receipt("visa"))
    (newly,) = compared(open_, strict, object).groups[PostingStatus.DRAFT].listed
    assert newly.rejected
    assert "table brands has no row for 'jcb'" in newly.reason
    (newly,) = compared(strict, open_, object).groups[PostingStatus.DRAFT].listed
    assert newly.accepted
    assert "table brands has no row for 'jcb'" in newly.reason
    assert compared(strict, strict, object).counts()["unchanged"] == 2
    found = compared(None, open_, object)
    assert found.counts()["accepted"] == 2
    assert "cannot be used" in found.groups[PostingStatus.DRAFT].listed[0].reason


def test_a_field_that_comes_or_goes_is_shown_as_none() -> None:
    rule = "kind: mapping\nname: ours\nextends: general_line\nfields: {Document: {value: A}}\n"
    without, with_ = packaged_mapping(), compiled(rule)
    for before, after, values in ((without, with_, (None, "A")), (with_, without, ("A", None))):
        found = compared(before, after, stored("txn_1", line()))
        (change,) = found.groups[PostingStatus.DRAFT].listed
        fields = (FieldChange("Document", *values),)
        assert change == RecordChange("txn_1", "gross", "general_line", fields)


SHOUTED = "kind: mapping\nname: ours\nextends: customer\nfields: {%s}\n"


@pytest.mark.parametrize(
    "rule",
    [
        "OrganizationName: {from: name, do: [upper]}",
        "OrganizationName: {concat: [currency, name]}",
        "OrganizationName: {cases: [{when: {currency: usd}, from: name, do: [upper]},"
        " {value: none}]}",
        "OrganizationName: {value: Somebody}",
        "NameAlias: {from: email, do: [{max: 20}]}",
        "SalesCurrencyCode: {from: name, do: [{max: 3}]}",
    ],
)
def test_personal_values_are_never_shown(rule: str) -> None:
    found = compared(
        packaged_mapping(),
        compiled(SHOUTED % rule),
        stored("cus_1", person(name="Ada Ács", email="ada@example.com")),
    )
    (change,) = found.groups[PostingStatus.DRAFT].listed
    assert change.fields[0].after == PERSONAL
    text = str(asdict(found.groups[PostingStatus.DRAFT]))
    for value in ("Ada", "ADA", "ada@", "usdAda"):
        assert value not in text


def test_an_account_that_is_not_known_is_the_same_in_both() -> None:
    rule = (
        "kind: mapping\nname: ours\nextends: general_line\nfields: {Document: {from: account.id}}\n"
    )
    document = line(account=AccountRole(Role.CUSTOMER, "cus_9"))
    (change,) = (
        compared(packaged_mapping(), compiled(rule), stored("txn_1", document))
        .groups[PostingStatus.DRAFT]
        .listed
    )
    assert [each.field for each in change.fields] == ["Document"]
    known = replace(stored("txn_1", document), customers={("cus_9", "usmf"): "US-009"})
    (change,) = (
        compared(packaged_mapping(), compiled(rule), known).groups[PostingStatus.DRAFT].listed
    )
    assert change.fields == (FieldChange("Document", None, "US-009"),)


def test_a_record_that_belongs_to_one_without_a_number_yet_is_compared_all_the_same() -> None:
    before, after = with_brands("amex: CC-AMEX"), with_brands("amex: CC-AX")
    child = replace(receipt("amex"), parent="order")
    found = [
        compared(before, after, StoredObject("txn_1", (StoredDocument(child, standing, keys),)))
        for standing, keys in (
            (PostingStatus.FUTURE, {}),
            (PostingStatus.DRAFT, {"SalesOrderNumber": "SO-1"}),
        )
    ]
    assert [each.counts()["changed"] for each in found] == [1, 1]


def test_a_document_of_another_time_is_counted_and_ends_nothing() -> None:
    strange = [
        line(company="gone"),
        line(amount=Money(1, "xxx")),
        line(offset=AccountRole(Role.CUSTOMER, "cus_1", "gone")),
    ]
    found = compared(packaged_mapping(), packaged_mapping(), stored("txn_1", *strange))
    assert found.counts()["unchanged"] == len(strange)
    found = compared(None, packaged_mapping(), stored("txn_1", *strange))
    assert found.counts()["changed"] == found.counts()["rejected"] == 0


def test_the_list_is_bounded_and_what_is_left_out_is_counted() -> None:
    before, after = with_brands("amex: CC-AMEX"), with_brands("amex: CC-AX")
    object = stored("txn_1", receipt("amex"))
    found = compared(before, after, *[object] * (LISTED_MAX + 7))
    group = found.groups[PostingStatus.DRAFT]
    assert (group.changed, len(group.listed), group.more) == (LISTED_MAX + 7, LISTED_MAX, 7)


def test_memory_does_not_grow_with_the_number_of_objects() -> None:
    before, after = with_brands("amex: CC-AMEX"), with_brands("amex: CC-AX")
    comparison = Comparison(before, after, TARGET)
    for number in range(LISTED_MAX):
        comparison.add(stored(f"txn_{number}", receipt("amex")))
    tracemalloc.start()
    for number in range(500):
        comparison.add(stored(f"txn_{number}", receipt("amex")))
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 50_000


def test_a_long_value_is_cut_where_it_is_shown() -> None:
    size = preview.VALUE_CHARS_MAX + 50
    custom = f"custom: {{X_Custom: {{type: String, size: {size}}}}}\n"
    rule = f"kind: mapping\nname: ours\nextends: general_line\n{custom}"
    after = compiled(f"{rule}fields: {{X_Custom: {{value: {'x' * size}}}}}\n")
    (change,) = (
        compared(packaged_mapping(), after, stored("txn_1", line()))
        .groups[PostingStatus.DRAFT]
        .listed
    )
    assert change.fields[0].after == "x" * preview.VALUE_CHARS_MAX + "..."


BRAND = st.sampled_from(["visa", "amex", "jcb", ""])
TABLES = st.dictionaries(st.sampled_from(["visa", "amex"]), st.sampled_from("AB"))


@given(TABLES, TABLES, st.lists(st.tuples(BRAND, st.sampled_from(list(PostingStatus))), max_size=5))
def test_every_record_is_counted_once_and_changes_mirror_when_the_two_are_swapped(
    one: dict[str, str], other: dict[str, str], records: list[tuple[str, PostingStatus]]
) -> None:
    mappings = [_of(*sorted(rows.items())) for rows in (one, other)]
    objects = [
        stored(f"txn_{n}", receipt(brand), standing=standing)
        for n, (brand, standing) in enumerate(records)
    ]
    forth = compared(mappings[0], mappings[1], *objects)
    back = compared(mappings[1], mappings[0], *objects)
    counts = forth.counts()
    assert counts.pop("objects") == len(records)
    assert sum(counts.values()) == len(records)
    mirrored = back.counts()
    assert (counts["rejected"], counts["changed"]) == (mirrored["accepted"], mirrored["changed"])
    expected = [
        f"txn_{n}" for n, (brand, _) in enumerate(records) if one.get(brand) != other.get(brand)
    ]
    listed = [each.object for group in forth.groups.values() for each in group.listed]
    assert sorted(listed) == expected


@cache
def _of(*rows: tuple[str, str]) -> CompiledMapping:
    written = ", ".join(f"{name}: {value}" for name, value in rows)
    return compiled(METHODS % "reject", f"kind: table\nname: brands\nrows: {{{written}}}\n")

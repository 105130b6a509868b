"""Documents and records come back from storage as they were."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.codec import VERSION, Codec, StoredDocumentError
from shared.domain.documents import Document, Open, Patch
from shared.domain.money import Money
from shared.domain.records import Record, canonical
from shared.domain.values import Symbol, Value
from shared.entities.common.sales_documents import OmittedLine, SalesOrderLine
from shared.registry import REGISTRY
from tests.unit.entities.objects import general_line

CODEC = REGISTRY.codec
TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
COUNTS = st.integers(-(2**63), 2**63)
st.register_type_strategy(str, TEXTS)
st.register_type_strategy(Money, st.builds(Money, COUNTS, st.sampled_from(["usd", "jpy", "kwd"])))
DOCUMENTS = st.one_of(*(st.builds(kind) for kind in REGISTRY.kinds))
VALUES: st.SearchStrategy[Value] = st.one_of(
    TEXTS,
    st.integers(),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.dates(),
    st.builds(Symbol, TEXTS, TEXTS),
)


def through_json(plain: Any) -> Any:
    return json.loads(canonical(plain))


@given(DOCUMENTS)
def test_a_document_survives_storage(document: Document) -> None:
    stored = CODEC.document_of(through_json(CODEC.plain_document(document)))
    assert stored == document
    assert type(stored) is type(document)


@given(DOCUMENTS, st.dictionaries(TEXTS, VALUES), st.dictionaries(TEXTS, VALUES))
def test_a_record_survives_storage_with_the_kinds_of_its_values(
    document: Document, fields: dict[str, Value], within: dict[str, Value]
) -> None:
    record = Record(document, "Set", "Key", fields, within, "abc")
    stored = CODEC.record_of(through_json(CODEC.plain_record(record)))
    assert stored == record
    assert [type(stored.fields[name]) for name in fields] == [
        type(value) for value in fields.values()
    ]
    assert stored.fields_hash == record.fields_hash


def test_actions_and_what_may_happen_later_are_told_apart() -> None:
    for changes in (
        {"action": Patch()},
        {"action": Patch({"A": "1"})},
        {"later": Open()},
        {"later": Open(landed=True)},
    ):
        document = general_line(**changes)
        assert CODEC.document_of(CODEC.plain_document(document)) == document


PLAIN = CODEC.plain_document(general_line())


@pytest.mark.parametrize(
    ("plain", "text"),
    [
        ({**PLAIN, "template": "moon_line"}, "cannot read a stored moon_line"),
        ({**PLAIN, "version": VERSION + 1}, f"version {VERSION + 1}"),
        ({**PLAIN, "value": {}}, "a stored general_line is damaged at"),
        ({**PLAIN, "value": {**PLAIN["value"], "date": "soon"}}, "damaged at ('date',)"),
        ({"value": {}}, "cannot read a stored None"),
    ],
)
def test_what_this_version_cannot_read_is_said_by_name(plain: Any, text: str) -> None:
    with pytest.raises(StoredDocumentError) as caught:
        CODEC.document_of(plain)
    assert text in str(caught.value)


def test_a_document_of_another_kind_is_not_stored() -> None:
    with pytest.raises(KeyError):
        Codec((SalesOrderLine,)).plain_document(general_line())


def test_nested_parts_keep_their_types() -> None:
    line = replace(general_line())
    assert isinstance(CODEC.document_of(CODEC.plain_document(line)), type(line))
    assert OmittedLine.__dataclass_fields__["sold"].type is not None

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.journal import JournalKind
from shared.domain.records import (
    Change,
    Document,
    Fact,
    Record,
    Symbol,
    Value,
    canonical,
    digest,
    document_of,
    plain_document,
    plain_record,
    record_of,
)

DOCUMENT = Document(
    role="gross",
    template="general_line",
    company="usmf",
    key="txn_1:gross",
    facts={"amount_minor": 1, "currency": "usd"},
    words={"category": "charge"},
)


def test_the_hash_of_the_facts_covers_key_company_and_facts_alone() -> None:
    same = replace(DOCUMENT, words={"category": "other"}, role="x", period="2026-11")
    assert same.facts_hash == DOCUMENT.facts_hash
    others = (
        replace(DOCUMENT, key="txn_2:gross"),
        replace(DOCUMENT, company="demf"),
        replace(DOCUMENT, facts={"amount_minor": 2, "currency": "usd"}),
        replace(DOCUMENT, facts={"amount_minor": 1}),
    )
    hashes = [DOCUMENT.facts_hash, *(other.facts_hash for other in others)]
    assert len(dict.fromkeys(hashes)) == len(hashes)


def test_the_hash_of_the_spelling_covers_every_field() -> None:
    fields: dict[str, Value] = {
        "A": Decimal("1.00"),
        "B": date(2026, 11, 2),
        "C": Symbol("NoYes", "Yes"),
    }
    record = Record(DOCUMENT, "Set", "A", fields)
    assert replace(record, fields=dict(reversed(list(fields.items())))).fields_hash == (
        record.fields_hash
    )
    changes: dict[str, Value] = {"A": Decimal("1.01"), "B": date(2026, 11, 3), "D": ""}
    for name, value in changes.items():
        assert replace(record, fields={**fields, name: value}).fields_hash != (record.fields_hash)


def test_a_digest_is_the_same_in_every_version() -> None:
    # Stored with every link: a change would re-render all that was ever written.
    assert digest({"b": [1, "é"], "a": None}) == (
        "f8f17faab95c024891d173fa43442b0e52007736a1f36715ac721ab22deeefc5"
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text("abcd"), JSON))
def test_the_order_of_keys_does_not_matter(value: dict[str, object]) -> None:
    assert canonical(value) == canonical(dict(reversed(value.items())))


FACTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner),
    max_leaves=8,
)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
DOCUMENTS = st.builds(
    Document,
    role=TEXTS,
    template=TEXTS,
    company=TEXTS,
    key=TEXTS,
    facts=st.dictionaries(TEXTS, FACTS),
    words=st.dictionaries(TEXTS, FACTS),
    journal=st.none() | st.sampled_from(JournalKind),
    period=TEXTS,
    change=st.sampled_from(Change),
    parent=TEXTS,
    patches=st.booleans(),
    after=st.lists(TEXTS).map(tuple),
    group=TEXTS,
    found_first=st.booleans(),
    expects=st.dictionaries(TEXTS, st.integers()),
)
VALUES: st.SearchStrategy[Value] = st.one_of(
    TEXTS,
    st.integers(),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.dates(),
    st.builds(Symbol, TEXTS, TEXTS),
)


@given(DOCUMENTS)
def test_a_document_survives_storage(document: Document) -> None:
    stored = document_of(json.loads(canonical(plain_document(document))))
    assert stored == document
    assert stored.facts_hash == document.facts_hash


@given(DOCUMENTS, st.dictionaries(TEXTS, VALUES), st.dictionaries(TEXTS, VALUES))
def test_a_record_survives_storage_with_the_kinds_of_its_values(
    document: Document, fields: dict[str, Value], within: dict[str, Value]
) -> None:
    record = Record(document, "Set", "Key", fields, within, "abc")
    stored = record_of(json.loads(canonical(plain_record(record))))
    assert stored == record
    assert [type(stored.fields[name]) for name in fields] == [
        type(value) for value in fields.values()
    ]
    assert stored.fields_hash == record.fields_hash


def test_only_an_offset_on_clearing_moves_clearing() -> None:
    facts: dict[str, Fact] = {"amount_minor": 5, "offset": {"role": "clearing"}}
    assert replace(DOCUMENT, facts=facts).clearing_minor == -5
    other: dict[str, Fact] = {**facts, "offset": {"role": "payouts_in_transit"}}
    assert replace(DOCUMENT, facts=other).clearing_minor == 0
    assert DOCUMENT.clearing_minor == 0


def test_what_a_document_needs_is_its_parent_and_what_comes_before() -> None:
    assert replace(DOCUMENT, parent="order", after=("line:1",)).needs == ("order", "line:1")
    assert DOCUMENT.needs == ()

from dataclasses import replace
from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.records import Record, canonical, digest
from shared.domain.values import Symbol, Value
from tests.unit.entities.objects import general_line

DOCUMENT = general_line("gross")


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

"""The Dynamics peer: looking up by an index finds what reading everything finds."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.dynamics.odata.errors import Infolog
from local.dynamics.odata.filters import compile_filter
from local.dynamics.odata.schema import tenant_schema
from local.dynamics.odata.store import GROUPS, RecordStore, StoredRow
from tests.contract.test_dynamics_peer_rig import RECEIPT, World, virtual

LINES = tenant_schema().set_of("CustomerPaymentJournalLines")
WORDS = ("a", "A", "b", "txn_1", "")
FIELDS = ("dataAreaId", "JournalBatchNumber", "PaymentId", "PaymentNotes")

WORD = st.sampled_from(WORDS)
TEST = st.tuples(st.sampled_from(FIELDS), st.sampled_from(("eq", "ne")), WORD).map(
    lambda parts: f"{parts[0]} {parts[1]} '{parts[2]}'"
)
NUMBER = st.sampled_from(("LineNumber eq 1", "LineNumber gt 1", "2 eq LineNumber"))
FILTER = st.recursive(
    TEST | NUMBER,
    lambda inner: (
        st.tuples(inner, st.sampled_from(("and", "or")), inner).map(
            lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
        )
        | inner.map(lambda part: f"not ({part})")
    ),
    max_leaves=6,
)


def filled(seed: int) -> RecordStore:
    """A store with lines that were written, moved between groups, deleted and put back."""
    rng, store = random.Random(seed), RecordStore(tenant_schema())
    rows: list[StoredRow] = []
    for number in range(12):
        words = {name: rng.choice(WORDS) for name in FIELDS}
        fields = {**LINES.blank, **words, "LineNumber": number}
        rows.append(store.insert(LINES, fields))
    for row in rng.sample(rows, 4):
        store.update(row, {"PaymentId": rng.choice(WORDS)})
    store.delete(LINES, rows[3])
    with pytest.raises(Infolog):
        undone(store, rows)
    return store


def undone(store: RecordStore, rows: Sequence[StoredRow]) -> None:
    """A transaction that fails after some writes."""
    with store.transaction():
        store.delete(LINES, rows[5])
        store.update(rows[6], {"PaymentId": "b", "PaymentNotes": "b"})
        store.insert(LINES, {**LINES.blank, "PaymentId": "new", "LineNumber": 99})
        raise Infolog("and none of it holds")


def ids(rows: Sequence[StoredRow]) -> list[int]:
    return [row.record_id for row in rows]


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 5), FILTER)
def test_an_index_leaves_out_nothing_and_keeps_the_order(seed: int, text: str) -> None:
    store = filled(seed)
    wanted = compile_filter(text, LINES, tenant_schema())
    everything = list(store.table(LINES.name).values())
    assert ids(everything) == sorted(ids(everything))
    expected = [row for row in everything if wanted.matches(row.fields)]
    found = [row for row in store.candidates(LINES, wanted.among) if wanted.matches(row.fields)]
    assert ids(found) == ids(expected)


@pytest.mark.parametrize(
    ("text", "candidates"),
    [
        ("PaymentId eq 'p7'", 1),
        ("PaymentId eq 'P7' and PaymentNotes eq 'x'", 1),
        ("dataAreaId eq 'usmf' and (PaymentId eq 'p1' or PaymentId eq 'p2')", 2),
        ("dataAreaId eq 'usmf' and JournalBatchNumber eq 'J1'", 10),
        ("dataAreaId eq 'usmf' and JournalBatchNumber eq 'J1' and PaymentId eq 'p13'", 1),
        ("dataAreaId eq 'usmf' and JournalBatchNumber eq 'J1' and LineNumber eq 3", 1),
        ("PaymentId eq 'nothing'", 0),
        ("PaymentNotes eq 'x'", 30),
        ("PaymentId eq 'p*'", 30),
        ("PaymentId ne 'p1'", 30),
        ("PaymentId eq 'p1' or PaymentNotes eq 'x'", 30),
    ],
)
def test_a_look_up_reads_as_little_as_its_equalities_allow(text: str, candidates: int) -> None:
    store = RecordStore(tenant_schema())
    for number in range(30):
        fields = {"dataAreaId": "usmf", "JournalBatchNumber": f"J{number // 10}"}
        fields |= {"PaymentId": f"p{number}", "PaymentNotes": "x"}
        store.insert(LINES, {**LINES.blank, **fields, "LineNumber": number % 10})
    wanted = compile_filter(text, LINES, tenant_schema())
    assert len(list(store.candidates(LINES, wanted.among))) == candidates


def test_every_index_names_properties_of_its_set() -> None:
    for name, groups in GROUPS.items():
        entity_set = tenant_schema().set_of(name)
        for names in groups:
            assert [each for each in names if each not in entity_set.properties] == []


@virtual
async def test_a_choice_of_conjunctions_is_not_a_choice_of_values(world: World) -> None:
    batch = await world.journal()
    for number in (1, 2):
        change = {"JournalBatchNumber": batch, "PaymentId": f"txn_{number}"}
        await world.made("CustomerPaymentJournalLines", RECEIPT | change)
    text = (
        "(PaymentId eq 'txn_1' and LineNumber gt 1) or (PaymentId eq 'txn_2' and LineNumber gt 1)"
    )
    rows = await world.rows("CustomerPaymentJournalLines", _filter=text)
    assert [row["PaymentId"] for row in rows] == ["txn_2"]

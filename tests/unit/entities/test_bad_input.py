"""Whatever Stripe (or somebody else) sends, documents answer with one of three errors."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.entities.common.objects import Snapshot
from shared.errors import Parked, Skipped, Waiting
from shared.mapping.finance import Target, render
from shared.packaged import packaged_mapping
from shared.registry import REGISTRY
from tests.unit.entities.objects import (
    BOOKS,
    CONTEXT,
    Json,
    charge,
    customer,
    dispute,
    link,
    old_charge,
    old_txn,
    payout,
    plain_txn,
    refund,
    txn,
)

NOTHING = object()
SEEDS: tuple[tuple[str, Json, dict[str, Json]], ...] = (
    ("customer", customer(shipping={"name": "A", "address": {"city": "B"}}), {}),
    ("charge", charge(refunds={"object": "list", "data": [refund()]}), {}),
    ("charge", old_charge(refunds={"data": [refund(failure_balance_transaction="txn_f")]}), {}),
    ("charge", charge(balance_transaction=txn(), dispute={"id": "du_1"}), {}),
    ("refund", refund(failure_balance_transaction=txn()), {}),
    ("dispute", dispute(balance_transactions=[txn(), txn(id="txn_2")]), {}),
    ("balance_transaction", txn(source=charge()), {"charge": charge()}),
    ("balance_transaction", old_txn(), {"charge": old_charge()}),
    (
        "balance_transaction",
        plain_txn(-1000, "refund", "refund", "re_1", exchange_rate=1),
        {"refund": refund(), "charge": charge(customer=customer())},
    ),
    ("balance_transaction", plain_txn(-9, "dispute", "adjustment", "du_1"), {}),
    ("payout", payout(failure_balance_transaction=txn()), {}),
    ("payout", payout(status="failed", failure_balance_transaction=txn()), {}),
)
VALUES = st.one_of(
    st.just(NOTHING),
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, -1, 10**12, 10**19, 10**40, -(10**40)]),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["", "usd", "eur", "gbp", "USD", "failed", "paid", "a/b", "\ud83d", "x" * 300]),
    st.lists(st.none() | st.integers() | st.text(max_size=3), max_size=3),
    st.dictionaries(st.sampled_from(["id", "data", "type", "amount"]), st.none() | st.integers()),
)


def paths(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all fields and elements, outer ones first."""
    steps: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        steps = list(value.items())
    elif isinstance(value, list):
        steps = list(enumerate(value))
    found = [(*prefix, key) for key, _ in steps]
    for key, inner in steps:
        found += paths(inner, (*prefix, key))
    return found


def change(value: Any, path: tuple[Any, ...], new: object) -> None:
    """Put a value at a path, or remove what is there; a path that is gone changes nothing."""
    *outer, last = path
    for key in outer:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(value, dict):
        if new is NOTHING:
            value.pop(last, None)
        else:
            value[last] = new
    elif isinstance(value, list) and len(value) > last:
        value[last] = None if new is NOTHING else new


@st.composite
def damaged(draw: st.DrawFn) -> Snapshot:
    entity, object, related = copy.deepcopy(draw(st.sampled_from(SEEDS)))
    id = object["id"]
    for _ in range(draw(st.integers(1, 4))):
        targets = [object, *related.values()]
        target = draw(st.sampled_from(targets))
        change(target, draw(st.sampled_from(paths(target) or [("id",)])), draw(VALUES))
    roles = draw(st.sampled_from([(), ("arrival",), ("gross",)]))
    links = {role: link(role) for role in roles}
    return Snapshot(entity, id, object, related, links=links)


@given(damaged())
def test_a_damaged_object_is_built_or_parked_or_waits_or_is_skipped(snapshot: Snapshot) -> None:
    build = REGISTRY.named(snapshot.entity).making().build
    try:
        desired = build(snapshot, CONTEXT)
    except (Parked, Waiting, Skipped):
        return
    accounts = {(ref.id, ref.company): "US-001" for ref in desired.masters}
    target = Target(BOOKS, "StripeCustomerId", 255, accounts, packaged_mapping())
    for document in desired.documents:
        codec = REGISTRY.codec
        assert codec.document_of(codec.plain_document(document)) == document
        try:
            record = render(document, target)
        except Parked:
            continue
        assert record.fields_hash


@pytest.mark.parametrize("seed", range(len(SEEDS)))
def test_the_undamaged_objects_are_built(seed: int) -> None:
    entity, object, related = SEEDS[seed]
    snapshot = Snapshot(entity, object["id"], object, related)
    desired = REGISTRY.named(entity).making().build(snapshot, CONTEXT)
    assert desired.documents or desired.enqueue


def test_an_empty_object_of_every_entity_is_refused_or_read() -> None:
    answers = {}
    for entity in ("customer", "charge", "refund", "dispute", "balance_transaction", "payout"):
        try:
            desired = REGISTRY.named(entity).making().build(Snapshot(entity, "x_1", {}), CONTEXT)
            answers[entity] = str(len(desired.documents))
        except (Parked, Waiting) as error:
            answers[entity] = type(error).__name__
    assert answers == {
        "customer": "1",
        "charge": "Waiting",
        "refund": "Waiting",
        "dispute": "Waiting",
        "balance_transaction": "Parked",
        "payout": "Parked",
    }

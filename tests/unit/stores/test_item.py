import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.ids import EVENT_ID_CHARS_MAX, is_id
from shared.stores.item import Item, ItemKind, UnreadableItemError, read_item
from tests.unit.services.fakes import START

ITEM = Item("evt_1", "charge.succeeded", "charge", "ch_1")


def body(**changes: Any) -> bytes:
    return json.dumps(dict(ITEM.message(0).body) | changes).encode()


def test_the_first_message_of_an_event_has_the_events_id() -> None:
    message = ITEM.message(3)
    assert (message.id, message.session, message.scheduled_at) == ("evt_1", "3", None)


def test_a_message_can_be_scheduled() -> None:
    assert ITEM.message(0, START).scheduled_at == START


def test_an_item_survives_its_message() -> None:
    item = ITEM.again(counts=True).again(counts=False)
    assert (item.copy, item.attempt) == (2, 1)
    assert read_item(json.dumps(item.message(0).body).encode()) == item


@pytest.mark.parametrize("kind", list(ItemKind))
def test_an_items_kind_survives_its_message(kind: ItemKind) -> None:
    item = replace(ITEM, kind=kind)
    told = read_item(json.dumps(item.message(0).body).encode())
    assert told.kind is kind
    assert told.is_command is (kind is not ItemKind.CONVERGE)


def test_an_event_whose_type_reads_like_a_command_is_none() -> None:
    assert not read_item(body(type="verify")).is_command


@given(st.lists(st.sampled_from(["counted", "uncounted", "renewed"]), max_size=30))
def test_no_copy_of_an_item_shares_its_message_id_with_another(steps: list[str]) -> None:
    item, ids = ITEM, [ITEM.message_id]
    for step in steps:
        if step == "renewed":
            item = item.renewed(item.generation + 1)
        else:
            item = item.again(counts=step == "counted")
        ids.append(item.message_id)
    assert len(dict.fromkeys(ids)) == len(ids)
    assert item.attempt <= item.copy


def test_a_new_generation_begins_its_attempts_anew() -> None:
    item = ITEM.again(counts=True).renewed(2)
    assert (item.generation, item.copy, item.attempt) == (2, 0, 0)
    assert item.message_id == "evt_1:2.0"


def test_the_message_ids_of_the_longest_event_fit() -> None:
    item = Item("e" * EVENT_ID_CHARS_MAX, "", "charge", "ch_1", generation=9, copy=999)
    assert len(item.message_id) <= 128


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"null", b"[]", b"7", b'"evt_1"', b"{", b"\xff\xfe", b"{}", b'{"id": "evt_1"}'),
        body(surplus=1),
        body(id=""),
        body(id="evt/1"),
        body(id=None),
        body(entity=7),
        body(object="a b"),
        body(object="x" * 256),
        body(type=None),
        body(kind=None),
        body(kind=""),
        body(kind="event"),
        body(kind=["verify"]),
        body(kind={"verify": 1}),
        body(generation=-1),
        body(copy=1.0),
        body(attempt="1"),
        body(attempt=True),
        body(generation=False),
        body(copy=10**9 + 1),
        body(copy=float("nan")),
        body(copy=1e300),
        body(attempt="00"),
        body(attempt=None),
        body(id="\ud83d"),
        body(object="ch_\udc00"),
        body(type="charge.\ud83d"),
        body(id=["evt_1"]),
        body(entity={"charge": 1}),
        body(copy=0).replace(b'"copy": 0', b'"copy": ' + b"9" * 5_000),
        body().replace(b'"id": "evt_1"', b'"id": "evt_1", "id": "evt_2"'),
        b"[" * 10_000,
        b"[" * 10_000 + b"]" * 10_000,
        b'{"id":' * 10_000 + b"1" + b"}" * 10_000,
        body().replace(b'"ch_1"', b"[" * 100_000 + b"]" * 100_000),
    ],
)
def test_what_is_no_envelope_of_ours_is_refused(text: bytes) -> None:
    with pytest.raises(UnreadableItemError):
        read_item(text)


def test_an_object_that_no_event_announced_has_no_type() -> None:
    assert read_item(body(type="")).type == ""


ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["evt_1", "charge", "\ud83d", "x" * 300, 10**4_000]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
ENVELOPES = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys((*Item.__dataclass_fields__, "surplus"), ODD),
).map(lambda changes: body(**changes))
NESTED = st.builds(
    lambda opening, depth, rest: opening * depth + rest,
    st.sampled_from([b"[", b'{"id":', b'["', b'{"']),
    st.integers(0, 100) | st.just(20_000),
    st.binary(max_size=20),
)


@given(st.binary() | ODD.map(lambda value: json.dumps(value).encode()) | ENVELOPES | NESTED)
def test_any_bytes_are_an_item_of_ours_or_refused(text: bytes) -> None:
    try:
        item = read_item(text)
    except UnreadableItemError:
        return
    assert is_id(item.id)
    assert is_id(item.object)
    assert {type(n) for n in (item.generation, item.copy, item.attempt)} == {int}
    assert read_item(json.dumps(item.message(0).body).encode()) == item

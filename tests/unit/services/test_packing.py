import base64
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.tables import MemoryTables
from shared.errors import Parked
from shared.ports import CELL_CHARS_MAX, Cell, Delete, Operation, Put
from shared.services.packing import (
    PACKED_CELLS_MAX,
    READABLE_BYTES_MAX,
    in_transactions,
    pack,
    unpack,
)
from tests.unit.services.fakes import START

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner),
)


@given(JSON)
def test_what_is_packed_is_unpacked(value: object) -> None:
    assert unpack({**pack(value), "settled": True, "at": START}) == value


def test_a_large_value_takes_several_cells() -> None:
    value = random.Random(1).randbytes(60_000).hex()
    cells = pack(value)
    assert len(cells) > 1
    assert unpack(dict(reversed(cells.items()))) == value


def test_a_value_that_no_row_can_hold_parks() -> None:
    value = random.Random(1).randbytes(2_000_000).hex()
    with pytest.raises(Parked) as caught:
        pack(value)
    assert caught.value.cause == "document_too_large"


def noise(chars: int) -> str:
    """Text that cannot be compressed: it takes as many characters when packed."""
    return base64.b64encode(random.Random(1).randbytes(chars)).decode()[:chars]


def largest() -> dict[str, Cell]:
    """What the largest value that can be packed is packed into."""
    low, high = 0, (PACKED_CELLS_MAX + 1) * CELL_CHARS_MAX
    while high - low > 500:
        middle = (low + high) // 2
        try:
            pack(noise(middle))
        except Parked:
            high = middle
        else:
            low = middle
    return pack(noise(low))


async def test_the_largest_value_fits_a_row_beside_keys_and_readable_cells() -> None:
    cells = largest()
    assert len(cells) == PACKED_CELLS_MAX
    readable: dict[str, Cell] = {"keys": "x" * (READABLE_BYTES_MAX // 2 - 12 - 8 - 4 - 2 * 255)}
    key = "x" * 255
    await MemoryTables().transact("links", key, [Put(key, {**cells, **readable})])


async def test_whatever_can_be_packed_can_be_stored() -> None:
    for cells_count in range(14, 21):
        value = noise(cells_count * CELL_CHARS_MAX - 10_000)
        try:
            cells = pack(value)
        except Parked:
            continue
        await MemoryTables().transact("links", "ch_1", [Put("document", cells)])


async def test_changes_are_split_where_a_request_would_be_too_large() -> None:
    cells = pack(noise(450_000))
    changes: list[list[Operation]] = [
        [Put(f"link~{n}", cells), Put(f"x~{n}", {})] for n in range(20)
    ]
    parts = in_transactions(changes, 1)
    assert [operation for part in parts for operation in part] == [
        operation for change in changes for operation in change
    ]
    assert all(part[0].row.startswith("link~") for part in parts)
    tables = MemoryTables()
    for part in parts:
        await tables.transact("links", "ch_1", [Put("claim", {"owner": "one"}), *part])
    assert len(await tables.query("links", partition="ch_1")) == 41


def test_small_changes_share_transactions_of_a_hundred_operations() -> None:
    changes: list[list[Operation]] = [[Put(f"r{n}", {"a": 1})] for n in range(198)]
    assert [len(part) for part in in_transactions(changes, 1)] == [99, 99]
    assert in_transactions([], 1) == [[]]
    assert in_transactions([[Delete("a")], []]) == [[Delete("a")]]

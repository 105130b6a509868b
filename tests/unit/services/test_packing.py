import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Parked
from shared.services.packing import pack, unpack
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

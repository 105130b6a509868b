import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.ids import (
    EVENT_ID_CHARS_MAX,
    ID_CHARS_MAX,
    REFERENCE_CHARS,
    copy_id,
    is_id,
    line_key,
    reference_of,
)

MESSAGE_ID_CHARS_MAX = 128  # Azure Service Bus


@pytest.mark.parametrize("id", ["ch_1", "evt_1AbC-9", "a", "x" * ID_CHARS_MAX])
def test_ids_of_letters_digits_underscore_and_dash_are_accepted(id: str) -> None:
    assert is_id(id)


@pytest.mark.parametrize(
    "value",
    [
        *("", "x" * (ID_CHARS_MAX + 1), "a b", "a/b", "a\\b", "a#b", "a?b", "a~b", "a:b", "a.b"),
        *("a\n", "\nab", "é", "\u0661", "a\x00", "'", "a%2f", None, 1, True, b"ch_1", ["ch_1"], {}),
    ],
)
def test_anything_else_is_no_id(value: object) -> None:
    assert not is_id(value)


def test_the_limit_of_an_id_can_be_narrowed() -> None:
    assert is_id("x" * EVENT_ID_CHARS_MAX, EVENT_ID_CHARS_MAX)
    assert not is_id("x" * (EVENT_ID_CHARS_MAX + 1), EVENT_ID_CHARS_MAX)


def test_the_key_of_a_line_names_transaction_and_component() -> None:
    assert line_key("txn_1", "gross") == "txn_1:gross"


@given(
    st.tuples(st.text("ab_", min_size=1), st.integers(0, 99), st.integers(0, 99)),
    st.tuples(st.text("ab_", min_size=1), st.integers(0, 99), st.integers(0, 99)),
)
def test_two_copies_never_share_a_message_id(
    one: tuple[str, int, int], other: tuple[str, int, int]
) -> None:
    assert (copy_id(*one) == copy_id(*other)) is (one == other)


def test_a_copy_of_the_longest_event_id_fits_a_message_id() -> None:
    assert len(copy_id("x" * EVENT_ID_CHARS_MAX, 999, 999)) <= MESSAGE_ID_CHARS_MAX


def test_the_reference_of_a_key_is_on_record_in_dynamics_and_never_changes() -> None:
    assert reference_of("txn_1:gross") == "STAYATHEQNDUDGGT6JCD"
    assert reference_of("po_1:arrival") == "STOWQOCLA2DX6GYLPTXW"


@given(st.text("abAB12_:", min_size=1, max_size=60), st.text("abAB12_:", min_size=1, max_size=60))
def test_two_keys_have_two_references_that_dynamics_tells_apart(one: str, other: str) -> None:
    first, second = reference_of(one), reference_of(other)
    assert len(first) == REFERENCE_CHARS
    assert first == first.upper(), "Dynamics compares without case"
    assert (first == second) is (one == other)


def test_ids_that_begin_and_end_alike_have_references_of_their_own() -> None:
    keys = [f"txn_3MmlLrLkdIwHu7ix{n:03}snN0B15:gross" for n in range(1000)]
    assert len({reference_of(key) for key in keys}) == len(keys)

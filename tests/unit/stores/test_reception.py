from datetime import UTC, datetime

import pytest

from shared.stores.item import NOT_RECEIVED
from shared.stores.reception import CHARS_MAX, Reception, reception_in

MOMENT = datetime(2026, 10, 1, 12, 30, 5, 250_000, tzinfo=UTC)


def test_a_reception_comes_back_from_the_properties_of_a_message() -> None:
    found = Reception(MOMENT, "00-" + "1" * 32 + "-" + "2" * 16 + "-01")
    assert reception_in(found.properties()) == found


def test_what_no_event_led_to_has_no_properties() -> None:
    assert NOT_RECEIVED.properties() == {}
    assert reception_in({}) == NOT_RECEIVED


@pytest.mark.parametrize(
    "value", ["", "yesterday", "2026-10-01T12:00:00", 7, None, b"2026", ["x"], "9" * 500]
)
def test_what_strangers_write_there_is_left_out(value: object) -> None:
    assert reception_in({"tieout_received_at": value}).received_at is None


@pytest.mark.parametrize("value", [7, None, b"00", "x" * (CHARS_MAX + 1)])
def test_a_trace_that_is_none_is_left_out(value: object) -> None:
    assert reception_in({"tieout_traceparent": value}).traceparent == ""

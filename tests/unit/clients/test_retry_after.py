from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clients.retry_after import SECONDS_MIN, retry_after_seconds

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SECONDS_MAX = 600.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("12", 12.0),
        ("1.5", 1.5),
        ("0", 1.0),
        ("0.5", 1.0),
        ("-3", 1.0),
        ("99999", SECONDS_MAX),
        (format_datetime(NOW + timedelta(seconds=40), usegmt=True), 40.0),
        ("Sun, 01 Nov 2026 00:00:30 -0000", 30.0),
        (format_datetime(NOW - timedelta(hours=1)), 1.0),
        (format_datetime(NOW + timedelta(days=400)), SECONDS_MAX),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("9" * 400, None),
        (f"Sun, 01 Jan {'9' * 20} 00:00:00 GMT", None),
        ("Sun, 01 Nov 2026 00:00:30 +9999999999999", None),
    ],
)
def test_seconds_and_dates_are_read(header: str, seconds: float | None) -> None:
    assert retry_after_seconds(header, NOW, SECONDS_MAX) == seconds


@given(st.text())
def test_any_header_gives_a_wait_within_the_bounds_or_none(header: str) -> None:
    seconds = retry_after_seconds(header, NOW, SECONDS_MAX)
    assert seconds is None or SECONDS_MIN <= seconds <= SECONDS_MAX

"""How commands word the answers of an app."""

from datetime import UTC, datetime


def time_of(text: str | None) -> str:
    """A moment of an answer, to the minute, in UTC; empty where there is none."""
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M} UTC" if text else ""

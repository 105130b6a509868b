"""How commands word the answers of an app."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def time_of(text: str | None) -> str:
    """A moment of an answer, to the minute, in UTC; empty where there is none."""
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M} UTC" if text else ""


def of_account(row: Mapping[str, Any]) -> str:
    """The Stripe account of a row, where it is not the default one."""
    alias = row.get("account", "default")
    return "" if alias == "default" else f" of {alias}"

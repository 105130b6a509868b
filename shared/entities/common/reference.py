"""References of Stripe objects to others."""

from collections.abc import Mapping

from shared.domain.ids import is_id


def id_of(value: object) -> str:
    """The id of a reference: an id, an expanded object, or nothing (empty text)."""
    if isinstance(value, Mapping):
        value = value.get("id")
    return value if isinstance(value, str) and is_id(value) else ""

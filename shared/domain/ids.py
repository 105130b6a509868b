"""Keys and identifiers: how they are built, which ones we accept."""

import re
from hashlib import sha256

ID_CHARS_MAX = 255  # Stripe advises to allow that many
EVENT_ID_CHARS_MAX = 120  # a message id has 128, of which the generation and attempt need a few

_ID = re.compile(r"[A-Za-z0-9_-]+")


def is_id(value: object, chars_max: int = ID_CHARS_MAX) -> bool:
    """True for text that can be a vendor's object id: letters, digits, `_` and `-`."""
    return isinstance(value, str) and len(value) <= chars_max and bool(_ID.fullmatch(value))


def line_key(object_id: str, component: str) -> str:
    """The key of a line in Dynamics: `txn_1:gross`."""
    return f"{object_id}:{component}"


def object_of(line_key: str) -> str:
    """The object whose line has a key: `txn_1` of `txn_1:gross`."""
    return line_key.split(":", maxsplit=1)[0]


def short_hash(text: str, chars: int) -> str:
    """The first digits of the SHA-256 of a text, for keys that cannot hold the text itself."""
    return sha256(text.encode()).hexdigest()[:chars]


def copy_id(item_id: str, generation: int, attempt: int) -> str:
    """The message id of a scheduled copy; new for each generation and attempt, else duplicate
    detection would drop it."""
    return f"{item_id}:{generation}.{attempt}"

"""Keys and identifiers: how they are built, which ones we accept."""

import re
from base64 import b32encode
from hashlib import sha256

ID_CHARS_MAX = 255  # Stripe advises to allow that many
EVENT_ID_CHARS_MAX = 120  # a message id has 128, of which the generation and attempt need a few

REFERENCE_CHARS = 20  # what `PaymentReference` holds
REFERENCE_PREFIX = "ST"  # so that a reader knows whose reference it is

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


def reference_of(key: str) -> str:
    """The short form of a key that survives posting: `ST` and 18 signs, the same each time.

    The first 90 bits of the SHA-256 in base 32, since Dynamics compares without case. No part of
    an id: cut ids of one account begin or end alike. Among n keys two share a reference with a
    probability below n**2 / 2**91: 4 in 10,000,000,000 at a thousand million lines.
    """
    digest = b32encode(sha256(key.encode()).digest()).decode()
    return REFERENCE_PREFIX + digest[: REFERENCE_CHARS - len(REFERENCE_PREFIX)]


def short_hash(text: str, chars: int) -> str:
    """The first digits of the SHA-256 of a text, for keys that cannot hold the text itself."""
    return sha256(text.encode()).hexdigest()[:chars]


def copy_id(item_id: str, generation: int, attempt: int) -> str:
    """The message id of a scheduled copy; new for each generation and attempt, else duplicate
    detection would drop it."""
    return f"{item_id}:{generation}.{attempt}"

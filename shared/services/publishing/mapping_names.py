"""The codes of what publishing refuses, and how people name a set of mapping documents."""

import re
from collections.abc import Sequence

from shared.errors import TieoutError
from shared.mapping.problems import Problem
from shared.stores.mapping_store import PRODUCT_ALONE, MappingStore

ACTIVE, PRODUCT = "active", "product"  # names for the set in force, and for no documents at all
HASH_CHARS_MIN = 8

CODES = (
    "malformed",  # the request itself
    "unknown",  # no such set
    "stale",  # the preview is older than what it was compared with
    "lost_race",  # somebody else changed the pointer first
    "already_active",
    "invalid",  # the documents; `problems` says where
    "not_previewed",
    "same_person",
    "nothing_before",  # to roll back to
    "never_published",
)


class PublishRefused(TieoutError):
    """A request about mappings is refused. `code` is one of `CODES`; `problems`: of documents."""

    def __init__(self, code: str, text: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(text)
        self.code = code
        self.problems = tuple(problems)


async def set_named(store: MappingStore, text: str) -> str:
    """The hash of the set that is meant: `active`, `product`, or the hash of a set or of a
    version, of which the first `HASH_CHARS_MIN` characters do when no other begins so.

    Raises `PublishRefused`.
    """
    if text == ACTIVE:
        return (await store.pointer()).set
    if text in (PRODUCT, PRODUCT_ALONE):
        return PRODUCT_ALONE
    if not re.fullmatch(f"[0-9a-f]{{{HASH_CHARS_MIN},64}}", text):
        reason = f"a set is named by {HASH_CHARS_MIN} to 64 characters of its hash (0-9, a-f), "
        raise PublishRefused("malformed", f"{reason}or by the words {ACTIVE} or {PRODUCT}")
    hashes = await store.beginning(text)
    if not hashes:
        raise PublishRefused("unknown", f"no set or version begins with {text}")
    if len(hashes) > 1:
        raise PublishRefused("malformed", f"several sets begin with {text}; give more of it")
    return hashes[0]

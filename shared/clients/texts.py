"""Vendors' JSON, without the characters that stores and other vendors refuse."""

import re
from typing import Any

from shared.errors import clean_text

_SUSPECT = re.compile(
    rb"\\u(?:[dD][89a-fA-F]|00[01789])|\\[bf]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]"
)
"""Bytes of a body that may stand for half a surrogate pair or a control character. Most bodies hold
none, and are not walked through."""


def cleaned(body: bytes, value: Any) -> Any:  # noqa: ANN401 - JSON
    """`value`, which was parsed from `body`, with every text and name in it cleaned
    (`clean_text`). Raises RecursionError for what is nested too deeply."""
    return _cleaned(value) if _SUSPECT.search(body) else value


def _cleaned(value: Any) -> Any:  # noqa: ANN401 - JSON
    match value:
        case str():
            return clean_text(value)
        case dict():
            return {clean_text(name): _cleaned(member) for name, member in value.items()}
        case list():
            return [_cleaned(element) for element in value]
    return value

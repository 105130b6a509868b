"""`*DisplayValue` fields: segments joined by the tenant's delimiter, escaped inside a segment."""

import re
from collections.abc import Sequence

ESCAPE = "\\"


def segments_of(display: str, delimiter: str) -> list[str]:
    """The segments of a display value, un-escaped: `US\\-001` under `-` is one, `US-001`."""
    parts = re.split(rf"(?<!\\){re.escape(delimiter)}", display)
    return [part.replace(f"{ESCAPE}{delimiter}", delimiter) for part in parts]


def display_of(segments: Sequence[str], delimiter: str) -> str:
    """The display value of segments: the inverse of `segments_of`."""
    return delimiter.join(part.replace(delimiter, f"{ESCAPE}{delimiter}") for part in segments)

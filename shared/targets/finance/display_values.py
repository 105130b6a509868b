"""`*DisplayValue` fields: segments joined by the tenant's delimiter, escaped inside a segment."""

import re

ESCAPE = "\\"


def segments_of(display: str, delimiter: str) -> list[str]:
    """The segments of a display value, un-escaped: `US\\-001` under `-` is one, `US-001`."""
    parts = re.split(rf"(?<!\\){re.escape(delimiter)}", display)
    return [part.replace(f"{ESCAPE}{delimiter}", delimiter) for part in parts]

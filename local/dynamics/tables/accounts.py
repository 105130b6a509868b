r"""`*DisplayValue` fields: segments joined by a delimiter, which values escape with a backslash.

A customer `US-001` under the delimiter `-` travels as `US\-001`; without the backslash it reads
as the account `US` with a dimension `001`.
"""

ESCAPE = "\\"
DELIMITERS = {
    "-": "Hyphen",
    ".": "Period",
    "_": "Underscore",
    "|": "Bar",
    "~": "Tilde",
    "--": "DoubleHyphen",
    "..": "DoublePeriod",
    "__": "DoubleUnderscore",
    "||": "DoubleBar",
    "~~": "DoubleTilde",
}
"""The symbols of `DimensionParameters.DimensionSegmentDelimiter`."""


def split(display: str, delimiter: str) -> list[str]:
    """The segments of a display value, un-escaped. A trailing backslash stands for itself."""
    segments, current, index = [], "", 0
    while index < len(display):
        if display.startswith(ESCAPE + delimiter, index):
            current += delimiter
            index += len(ESCAPE) + len(delimiter)
        elif display.startswith(delimiter, index):
            segments.append(current)
            current = ""
            index += len(delimiter)
        else:
            current += display[index]
            index += 1
    return [*segments, current]


def join(segments: list[str], delimiter: str) -> str:
    """The display value of segments, each escaped."""
    return delimiter.join(part.replace(delimiter, ESCAPE + delimiter) for part in segments)

"""JSON as exports hold it: one value, one value a line, or values one after the other."""

import codecs
import json
import math
import re
from collections.abc import Iterator
from typing import Any

DEPTH_MAX = 100
INTEGER_MAX = 2**63
NOT_JSON = "not JSON in UTF-8"
UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # as PowerShell redirects output


class UnusableError(ValueError):
    """JSON that no Stripe object is made of; the text says why."""


def values(raw: bytes, *, is_lines: bool = False) -> Iterator[tuple[int, Any, str]]:
    """The values of a file as (line, value, ""), and what cannot be read as (line, None, reason).

    `line` is 0 where the file is one value. `is_lines`: its name says that it holds one a line.
    """
    try:
        text = raw.decode("utf-16" if raw.startswith(UTF_16_MARKS) else "utf-8-sig")
    except UnicodeDecodeError as error:
        yield 0, None, f"{NOT_JSON}: {error}"
        return
    if not is_lines:
        value, reason, is_json = _read(text)
        if is_json:
            yield 0, value, reason
            return
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if is_lines or (len(lines) > 1 and _holds_object(lines[0][1])):
        for number, line in lines:
            value, reason, _ = _read(line)
            yield number, value, reason
    else:
        yield from _one_after_the_other(text, reason)


def _read(text: str) -> tuple[Any, str, bool]:
    """A value, the reason why there is none, and whether the text is JSON."""
    try:
        return _DECODER.decode(text), "", True
    except UnusableError as error:
        return None, str(error), True
    except (ValueError, RecursionError) as error:
        return None, f"{NOT_JSON}: {error}", False


def _holds_object(line: str) -> bool:
    return isinstance(_read(line)[0], dict)


def _one_after_the_other(text: str, reason: str) -> Iterator[tuple[int, Any, str]]:
    """Values with nothing but white space between them; the rest of a broken one is not read."""
    place, line = _past_space(text, 0), 1
    line += text.count("\n", 0, place)
    while place < len(text):
        try:
            value, end = _DECODER.raw_decode(text, place)
            yield line, value, ""
        except UnusableError as error:
            yield line, None, str(error)
            return
        except (ValueError, RecursionError) as error:
            yield (line, None, f"{NOT_JSON}: {error}") if place else (0, None, reason)
            return
        end = _past_space(text, end)
        line += text.count("\n", place, end)
        place = end
    if not text.strip():
        yield 0, None, reason


def _past_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _constant(name: str) -> None:
    raise UnusableError(f"holds {name}, which is not JSON")


_SPACE = re.compile(r"\s*")
_DECODER = json.JSONDecoder(parse_constant=_constant)


def clean(text: str) -> str:
    """Text that can be encoded: halves of surrogate pairs become `?`."""
    return text.encode(errors="replace").decode()


def usable(value: Any, depth: int = DEPTH_MAX) -> Any:  # noqa: ANN401 - any JSON
    """The value with texts that can be encoded. Raises `UnusableError`."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, int) and abs(value) >= INTEGER_MAX:
        raise UnusableError("holds a number that is too large")
    if isinstance(value, float) and not math.isfinite(value):
        raise UnusableError("holds a number that is too large")
    if isinstance(value, dict | list) and not depth:
        raise UnusableError(f"is nested more than {DEPTH_MAX} levels deep")
    if isinstance(value, dict):
        return {clean(key): usable(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [usable(item, depth - 1) for item in value]
    return value

"""Reading requests: a malformed part raises `BadRequest` with a sentence."""

import json
from collections.abc import Mapping
from typing import Any

import azure.functions as func

BODY_BYTES_MAX = 4 * 1024 * 1024
DIGITS_MAX = 9


class BadRequest(ValueError):
    """The request is not one that the route takes: a 400."""


def json_body(req: func.HttpRequest) -> Mapping[str, Any]:
    """The JSON object in the body. Raises `BadRequest`."""
    raw = req.get_body()
    if len(raw) > BODY_BYTES_MAX:
        raise BadRequest(f"the body has more than {BODY_BYTES_MAX} bytes")
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise BadRequest("the body must be JSON, not nested too deep") from None
    if not isinstance(value, dict):
        raise BadRequest("the body must be a JSON object")
    return value


def text_in(body: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """A text of the body or query; without a default it has to be there. Raises `BadRequest`."""
    value = body.get(name, default)
    if not isinstance(value, str):
        raise BadRequest(f"{name} is missing, or is not a text")
    return value


def whole_in(body: Mapping[str, Any], name: str, default: int) -> int:
    """A whole number of the body or query. Raises `BadRequest`."""
    value = body.get(name, default)
    digits = isinstance(value, str) and value.isascii() and value.isdecimal()
    if digits and len(value) <= DIGITS_MAX:
        return int(value)
    if type(value) is not int:
        raise BadRequest(f"{name} must be a whole number")
    return value

"""Form bodies and query strings with bracket keys, and the typed reading of their parameters.

`a=1`, `a[b]=1`, `a[]=1`, `a[0][b]=1` as https://docs.stripe.com/api takes them. Reading names
every parameter a route knows; anything else is refused.
"""

import re
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

from local.stripe import currencies
from local.stripe.errors import ApiError, invalid, missing_parameter, unknown_parameters
from shared.ports import Json

FIELDS_MAX = 1_000
DEPTH_MAX = 8
METADATA_KEYS_MAX = 50
METADATA_KEY_CHARS_MAX = 40
METADATA_VALUE_CHARS_MAX = 500
TEXT_CHARS_MAX = 5_000
INTEGER_MAX = 99_999_999_999  # more minor units than any charge may have, and any time stamp

type Reader = Callable[[object, str], object]
type Spec = Mapping[str, Reader]

_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")
_INTEGER = re.compile(r"-?[0-9]{1,15}")


def parse(text: str) -> Json:
    """The nested parameters of a form body or query string. Raises `ApiError`."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX)
    except ValueError as error:
        raise ApiError(400, f"Invalid request: the parameters cannot be read ({error}).") from error
    tree: Json = {}
    for key, value in pairs:
        _place(tree, key, value)
    return {name: _lists(value) for name, value in tree.items()}


def texts_of(value: object) -> object:
    """Parameters as a form would carry them: numbers and booleans as text, None empty.

    Raises `TypeError` for what no form can carry.
    """
    if isinstance(value, dict):
        return {name: texts_of(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [texts_of(item) for item in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, str | int):
        return "" if value is None else str(value)
    raise TypeError(f"no form can carry {value!r}")


def _place(tree: Json, key: str, value: str) -> None:
    match = _KEY.fullmatch(key)
    if match is None:
        raise invalid(f"Invalid parameter name: {key}", key)
    parts = [match[1], *_PART.findall(match[2])]
    if len(parts) > DEPTH_MAX:
        raise invalid(f"Parameter is nested too deeply: {key}", key)
    node = tree
    for part in parts[:-1]:
        child = node.setdefault(part or str(len(node)), {})
        if not isinstance(child, dict):
            raise invalid(f"Invalid parameter: {key} is both a value and an object", key)
        node = child
    last = parts[-1] or str(len(node))
    if isinstance(node.get(last), dict):
        raise invalid(f"Invalid parameter: {key} is both a value and an object", key)
    node[last] = value


def _lists(node: object) -> object:
    if not isinstance(node, dict):
        return node
    items = {name: _lists(value) for name, value in node.items()}
    if items and all(name.isdigit() for name in items):
        return [items[name] for name in sorted(items, key=int)]
    return items


def read(raw: Json, spec: Spec, required: tuple[str, ...] = (), within: str = "") -> Json:
    """The parameters in their types; `within` is the parameter that holds them, if one does.

    Raises `ApiError` for unknown, missing or wrong ones.
    """
    full = {name: f"{within}[{name}]" if within else name for name in (*raw, *required)}
    unknown = [full[name] for name in raw if name not in spec]
    if unknown:
        raise unknown_parameters(unknown)
    for name in required:
        if raw.get(name) in (None, ""):
            raise missing_parameter(full[name])
    return {name: spec[name](value, full[name]) for name, value in raw.items()}


def text(value: object, param: str) -> str | None:
    """A string; an empty one unsets."""
    if not isinstance(value, str):
        raise invalid(f"Invalid string: {value}", param)
    if len(value) > TEXT_CHARS_MAX:
        raise invalid(f"Invalid string: must be at most {TEXT_CHARS_MAX} characters", param)
    return value or None


def integer(value: object, param: str) -> int:
    """A whole number."""
    if not isinstance(value, str) or not _INTEGER.fullmatch(value):
        raise invalid(f"Invalid integer: {value}", param, "parameter_invalid_integer")
    number = int(value)
    if abs(number) > INTEGER_MAX:
        raise invalid(f"Invalid integer: {value}", param, "parameter_invalid_integer")
    return number


def positive(value: object, param: str) -> int:
    """An amount: at least 1, in minor units."""
    number = integer(value, param)
    if number < 1:
        text = "This value must be greater than or equal to 1."
        raise invalid(text, param, "parameter_invalid_integer")
    return number


def boolean(value: object, param: str) -> bool:
    """`true` or `false`."""
    if value not in ("true", "false"):
        raise invalid(f"Invalid boolean: {value}", param)
    return bool(value == "true")


def object_(value: object, param: str) -> Json | None:
    """A nested object, its values left as text; an empty string unsets."""
    if value == "":
        return None
    if not isinstance(value, dict):
        raise invalid("Invalid object", param)
    return value


def texts(value: object, param: str) -> list[str]:
    """A list of strings."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise invalid("Invalid array", param)
    return value


def any_value(value: object, _param: str) -> object:
    """Taken and ignored."""
    return value


def metadata(value: object, param: str) -> dict[str, str]:
    """Key-value pairs; an empty value removes its key, an empty string all of them."""
    if value == "":
        return {}
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise invalid("Invalid object", param)
    if len(value) > METADATA_KEYS_MAX:
        raise invalid(f"You can have at most {METADATA_KEYS_MAX} metadata keys", param)
    for key, item in value.items():
        if len(key) > METADATA_KEY_CHARS_MAX:
            raise invalid(f"Metadata keys can have up to 40 characters: {key}", param)
        if len(item) > METADATA_VALUE_CHARS_MAX:
            raise invalid(f"Metadata values can have up to 500 characters: {key}", param)
    return value


def currency(value: object, param: str) -> str:
    """A currency Stripe supports, in lower case."""
    code = value.lower() if isinstance(value, str) else ""
    if code not in currencies.SUPPORTED:
        raise invalid(
            f"Invalid currency: {value}. Stripe currently supports these currencies: "
            f"{', '.join(currencies.SUPPORTED)}",
            param,
        )
    return code


def one_of(*choices: str) -> Reader:
    """One of the given words."""

    def read_choice(value: object, param: str) -> str:
        if not isinstance(value, str) or value not in choices:
            words = f"{', '.join(choices[:-1])}, or {choices[-1]}" if choices[1:] else choices[0]
            raise invalid(f"Invalid {param}: must be one of {words}", param)
        return value

    return read_choice


def moments(value: object, param: str) -> dict[str, int]:
    """A moment or a range of moments (`gt`, `gte`, `lt`, `lte`), in Unix seconds."""
    if not isinstance(value, dict):
        moment = integer(value, param)
        return {"gte": moment, "lte": moment}
    unknown = [f"{param}[{name}]" for name in value if name not in ("gt", "gte", "lt", "lte")]
    if unknown:
        raise unknown_parameters(unknown)
    return {name: integer(item, f"{param}[{name}]") for name, item in value.items()}

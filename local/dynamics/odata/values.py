"""Values of properties: from a JSON payload or a key in a URL into Python, and back.

Text is `str`, amounts `Decimal`, whole numbers `int`, dates aware `datetime`s at noon UTC, enum
members their symbol. See dynamics data entities, "Data types":
https://learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/odata.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import Any

import simplejson

from local.dynamics.odata.errors import NAMESPACE, Refusal, bad_body
from local.dynamics.odata.schema import NO_DATE, EntitySetSchema, Schema

type Stored = str | int | Decimal | datetime | None

DECIMAL_PLACES = 6  # a real column of F&O: numeric(32, 6)
DECIMAL_MAX = Decimal(10) ** 26
INT_MAX = {"Int32": 2**31 - 1, "Int64": 2**63 - 1}
MOMENT_SUFFIXES = ("ValidFrom", "ValidTo", "DateTime")  # times of day, not plain dates
JSON_DEPTH_MAX = 20
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_SYMBOL = re.compile(r"[A-Za-z_]\w{0,80}")
HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")
_PLACES = Decimal(1).scaleb(-DECIMAL_PLACES)
_WIDE = Context(prec=40)  # a column holds more digits than Python's default context


def load(schema: Schema, entity_set: EntitySetSchema, name: str, value: object) -> Stored:
    """One value of a payload as it is stored. Refuses with 400 and F&O's text."""
    kind = entity_set.type_of(name)
    if value is None:
        blank: Stored = entity_set.blank[name]  # F&O keeps no nulls: text "", the empty date, 0
        return blank
    match kind:
        case "String":
            return _text(name, value)
        case "Decimal":
            return _decimal(name, value)
        case "Int32" | "Int64":
            if isinstance(value, bool) or not isinstance(value, int) or abs(value) > INT_MAX[kind]:
                raise _inconvertible(value, kind)
            return value
        case "DateTimeOffset":
            return _moment(value, keep_time=name.endswith(MOMENT_SUFFIXES))
        case _:
            return _member(schema, kind, value)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise _inconvertible(value, "String")
    if "\x00" in value:
        raise bad_body(f"The value of property '{name}' holds a character that is not allowed.")
    return value


def _decimal(name: str, value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise _inconvertible(value, "Decimal")
    number = Decimal(value)
    if not number.is_finite() or abs(number) >= DECIMAL_MAX:
        raise bad_body(f"The value of property '{name}' is too large for a Decimal.")
    return plain(number)


def plain(number: Decimal) -> Decimal:
    """The number at the scale of the database, without trailing zeros or an exponent."""
    rounded = number.quantize(_PLACES, context=_WIDE)
    whole = rounded.to_integral_value()
    if rounded == whole:
        return whole.quantize(Decimal(1), context=_WIDE)
    return rounded.normalize(_WIDE)


def _moment(value: object, *, keep_time: bool) -> datetime:
    if not isinstance(value, str) or not _DATE.match(value):
        raise _inconvertible(value, "DateTimeOffset")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise _inconvertible(value, "DateTimeOffset") from error
    if "T" in value and moment.tzinfo is None:
        raise _inconvertible(value, "DateTimeOffset")
    try:
        moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except OverflowError as error:
        raise _inconvertible(value, "DateTimeOffset") from error
    if keep_time:
        return moment
    if moment.year <= NO_DATE.year:
        return NO_DATE
    return moment.replace(hour=12, minute=0, second=0, microsecond=0)


def _member(schema: Schema, kind: str, value: object) -> str:
    members = schema.enums.get(kind)
    if isinstance(value, str):
        if members is not None and value in members:
            return value
        if members is None and _SYMBOL.fullmatch(value):
            return value
    raise _inconvertible(value, f"{NAMESPACE}.{kind}")


def _inconvertible(value: object, kind: str) -> Refusal:
    qualified = kind if "." in kind else f"Edm.{kind}"
    shown = str(value)[:80]
    return bad_body(f"Cannot convert the literal '{shown}' to the expected type '{qualified}'.")


def dump(value: Stored) -> str | int | Decimal | None:
    """A stored value as JSON holds it."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return value


def fold(value: Stored) -> Stored:
    """The value as keys compare it: text ignores case, as the SQL collation does."""
    return value.casefold() if isinstance(value, str) else value


def read_json(body: bytes) -> dict[str, Any]:
    """The payload of a POST or PATCH: one JSON object. Refuses everything else with 400."""
    try:
        text = body.decode("utf-8")
        if _nesting(text) > JSON_DEPTH_MAX:
            raise bad_body("The payload is nested too deeply.")
        value = simplejson.loads(text, use_decimal=True, parse_constant=_refuse_constant)
        if HALF_PAIR.search(text):
            to_json([value])
    except UnicodeEncodeError as error:
        text = "An error occurred while reading the payload: a text is no valid Unicode."
        raise bad_body(text) from error
    except (UnicodeDecodeError, simplejson.JSONDecodeError, ArithmeticError) as error:
        raise bad_body("An error occurred while reading the payload: it is not JSON.") from error
    except ValueError as error:
        raise bad_body(f"An error occurred while reading the payload: {error}") from error
    if not isinstance(value, dict):
        raise bad_body("An error occurred while reading the payload: it is not a JSON object.")
    return value


def _nesting(text: str) -> int:
    """How deep brackets nest, so that a hostile payload never reaches a recursive parser."""
    depth = deepest = 0
    for character in text:
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _refuse_constant(name: str) -> Any:  # noqa: ANN401 - the parser's own signature
    raise ValueError(f"{name} is not a JSON number")


def to_json(value: Mapping[str, Any] | list[Any]) -> bytes:
    """JSON with exact numbers."""
    return simplejson.dumps(value, use_decimal=True, ensure_ascii=False).encode()

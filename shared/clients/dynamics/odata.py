"""Dynamics' rendering of keys, values, filters and accounts in OData, and back.

https://learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/odata
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import simplejson

from shared.clients.dynamics.errors import SYSTEM
from shared.clients.dynamics.transport import DATA_PATH
from shared.clients.texts import cleaned
from shared.errors import Refused
from shared.ports import Json, Lookup, Symbol, Value, Write

ENUM_NAMESPACE = "Microsoft.Dynamics.DataEntities"
COMPANY_FIELD = "dataAreaId"
CROSS_COMPANY = "cross-company=true"
DELIMITER = "-"  # DimensionParameters.DimensionSegmentDelimiter: Hyphen
DELIMITERS = ("-", "--", ".", "..", "_", "__", "|", "||", "~", "~~")
ESCAPE = "\\"

ANY_OF_VALUES_MAX = 20  # an OData service limits a filter to 100 nodes by default; a value has 4
QUERY_CHARS_MAX = 2_000  # IIS limits a query string to 2,048 by default

ACCOUNT_TYPES = MappingProxyType(
    {
        "AccountDisplayValue": "AccountType",
        "OffsetAccountDisplayValue": "OffsetAccountType",
    }
)
"""Fields that hold one account, and the field that tells its type. A ledger account comes with
its dimensions, whose delimiters must stay; every other account is one segment, and a delimiter
inside it is escaped. Without the type the account counts as one segment."""
LEDGER = "Ledger"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


@dataclass(frozen=True, slots=True)
class BatchOperation:
    """A write, ready for the wire. `target` is `/data/...`, percent-encoded."""

    method: str
    target: str
    body: bytes

    @property
    def what(self) -> str:
        """The request in a few words, for error texts."""
        return f"{self.method} {self.target.removeprefix(DATA_PATH).partition('?')[0]}"


def operation_of(write: Write, delimiter: str = DELIMITER) -> BatchOperation:
    """Render a write. Raises `Refused` for what Dynamics could only misunderstand."""
    entity_set = _name(write.entity_set)
    if COMPANY_FIELD in write.key or COMPANY_FIELD in write.fields:
        raise Refused(SYSTEM, f"{entity_set}: {COMPANY_FIELD} is the company of the write")
    if write.method == "POST":
        if write.key:
            raise Refused(SYSTEM, f"POST {entity_set}: a new record has fields, no key")
        return BatchOperation("POST", f"{DATA_PATH}{entity_set}", _body(write, delimiter))
    if not write.key:
        raise Refused(SYSTEM, f"{write.method} {entity_set}: the key is missing")
    key = {COMPANY_FIELD: write.company, **write.key} if write.company else write.key
    query = f"?{CROSS_COMPANY}" if write.company else ""
    target = f"{DATA_PATH}{entity_set}({key_text(key)}){query}"
    if write.method == "DELETE":
        if write.fields:
            raise Refused(SYSTEM, f"DELETE {entity_set}: a deletion has no fields")
        return BatchOperation("DELETE", target, b"")
    return BatchOperation("PATCH", target, _body(write, delimiter))


def key_text(key: Mapping[str, Value]) -> str:
    """The key predicate `Name='value',Number=1`, percent-encoded for a path."""
    return ",".join(
        f"{_name(name)}={_percent(_literal(name, value))}" for name, value in key.items()
    )


def json_of(name: str, value: Value) -> str | int | Decimal:
    """A field's value in a request body. Dates travel as noon UTC, enums as their symbol.

    Raises `Refused` for other types: floats lose cents, booleans are `NoYes` symbols.
    """
    match value:
        case bool() | datetime():
            raise Refused(SYSTEM, f"{name}: {type(value).__name__} is not a type of Dynamics here")
        case str():
            return _text(name, value)
        case int():
            return value
        case Decimal() if value.is_finite():
            return value
        case date():
            return f"{value.isoformat()}T12:00:00Z"
        case Symbol(_, symbol):
            return symbol
    raise Refused(SYSTEM, f"{name}: {value!r} has no representation in Dynamics")


def queries(lookup: Lookup, delimiter: str = DELIMITER) -> Iterator[str]:
    """The targets whose results together answer a lookup.

    One, unless `any_of` has more values than a request should carry; none when it has no value.
    Values that Dynamics compares as equal (it ignores case) are asked once.
    """
    tests = [] if not lookup.company else [f"{COMPANY_FIELD} eq {_string(lookup.company)}"]
    for operator, fields in (
        ("eq", lookup.equals),
        ("ge", lookup.at_least),
        ("le", lookup.at_most),
    ):
        for name, value in fields.items():
            tests.append(_test(name, operator, _rendered(name, value, lookup.equals, delimiter)))
    if lookup.any_of is None:
        yield _target(lookup, tests)
        return
    field, values = lookup.any_of
    choices: dict[str, str] = {}
    for value in values:
        test = _test(field, "eq", _rendered(field, value, lookup.equals, delimiter))
        choices.setdefault(test.lower(), test)
    room = QUERY_CHARS_MAX - len(_target(lookup, [*tests, "()"]))
    for some in _portions(list(choices.values()), room):
        yield _target(lookup, [*tests, f"({' or '.join(some)})"])


def rows_of(body: bytes, delimiter: str = DELIMITER) -> tuple[list[Json], str]:
    """The records of a page and its `@odata.nextLink` ("" on the last one).

    Raises `ValueError` when this is no page of records.
    """
    match cleaned(body, simplejson.loads(body, use_decimal=True)):
        case {"value": list(rows), "@odata.nextLink": str(next_link)}:
            return [_record(row, delimiter) for row in rows], next_link
        case {"value": list(rows), **rest} if rest.get("@odata.nextLink") is None:
            return [_record(row, delimiter) for row in rows], ""
    raise ValueError("not a page of records")


def record_of(body: bytes, delimiter: str = DELIMITER) -> Json:
    """One record as Dynamics returned it, without annotations, accounts un-escaped.

    Raises `ValueError` when this is no record.
    """
    return _record(cleaned(body, simplejson.loads(body, use_decimal=True)), delimiter)


def escaped(account: str, delimiter: str = DELIMITER) -> str:
    r"""An account as one segment: `US-001` -> `US\-001`."""
    return account.replace(delimiter, ESCAPE + delimiter)


def unescaped(account: str, delimiter: str = DELIMITER) -> str:
    """The inverse of `escaped`."""
    return account.replace(ESCAPE + delimiter, delimiter)


def _body(write: Write, delimiter: str) -> bytes:
    fields: dict[str, Any] = {}
    if write.company and write.method == "POST":  # else the key names it
        fields[COMPANY_FIELD] = write.company
    for name, value in write.fields.items():
        rendered = json_of(name, _rendered(name, value, write.fields, delimiter))
        fields[_name(name)] = (
            simplejson.RawJSON(format(rendered, "f"))  # plain digits, never an exponent
            if isinstance(rendered, Decimal)
            else rendered
        )
    return simplejson.dumps(
        fields, use_decimal=True, ensure_ascii=False, separators=(",", ":")
    ).encode()


def _record(row: object, delimiter: str) -> Json:
    if not isinstance(row, dict):
        raise ValueError("not a record")  # noqa: TRY004 (one error for all malformed answers)
    record = {name: value for name, value in row.items() if "@odata." not in name}
    for field, type_field in ACCOUNT_TYPES.items():
        account = record.get(field)
        if isinstance(account, str) and record.get(type_field) != LEDGER:
            record[field] = unescaped(account, delimiter)
    return record


def _rendered(name: str, value: Value, fields: Mapping[str, Value], delimiter: str) -> Value:
    type_field = ACCOUNT_TYPES.get(name)
    if type_field is None or not isinstance(value, str):
        return value
    kind = fields.get(type_field)
    is_ledger = (kind.name if isinstance(kind, Symbol) else kind) == LEDGER
    return value if is_ledger else escaped(value, delimiter)


def _test(name: str, operator: str, value: Value) -> str:
    if isinstance(value, str) and "*" in value:
        raise Refused(SYSTEM, f"{name}: '*' in a filter is a wildcard: {value!r}")
    if isinstance(value, Symbol) and operator != "eq":
        raise Refused(SYSTEM, f"{name}: Dynamics compares enums by equality only")
    return f"{_name(name)} {operator} {_literal(name, value)}"


def _literal(name: str, value: Value) -> str:
    match value:
        case Symbol(enum, symbol):
            return f"{ENUM_NAMESPACE}.{_name(enum)}{_string(_name(symbol))}"
        case str():
            return _string(_text(name, value))
        case date():
            return str(json_of(name, value))
    return format(json_of(name, value), "f" if isinstance(value, Decimal) else "d")


def _string(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _text(name: str, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Refused(SYSTEM, f"{name}: the text holds half a character (a surrogate)") from error
    return text


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise Refused(SYSTEM, f"{text!r} is not a name of Dynamics")
    return text


def _percent(text: str) -> str:
    return quote(text, safe="'")


def _target(lookup: Lookup, tests: Sequence[str]) -> str:
    options = []
    if lookup.company:
        options.append(CROSS_COMPANY)
    if lookup.select:
        options.append("$select=" + ",".join(_name(name) for name in lookup.select))
    if tests:
        options.append("$filter=" + quote(" and ".join(tests), safe="'()"))
    if lookup.limit is not None:
        options.append(f"$top={lookup.limit:d}")
    query = "?" + "&".join(options) if options else ""
    return f"{DATA_PATH}{_name(lookup.entity_set)}{query}"


def _portions(tests: list[str], room: int) -> Iterator[list[str]]:
    """Split into portions of at most `ANY_OF_VALUES_MAX` tests and `room` encoded characters;
    a test longer than that goes alone."""
    portion: list[str] = []
    used = 0
    for test in tests:
        size = len(quote(f" or {test}", safe="'()"))
        if portion and (len(portion) == ANY_OF_VALUES_MAX or used + size > room):
            yield portion
            portion, used = [], 0
        portion.append(test)
        used += size
    if portion:
        yield portion

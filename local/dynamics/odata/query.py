"""The address of a request: path segments, key predicates and the query options."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import parse_qsl, unquote

from local.dynamics.odata.errors import bad_query, unknown_property
from local.dynamics.odata.lined import headers_of
from local.dynamics.odata.schema import EntitySetSchema, Schema
from local.dynamics.odata.store import StoredRow
from local.dynamics.odata.values import Stored, fold, load

KEY_CHARS_MAX = 2_000
WHOLE_MAX = 2**31 - 1
EXPAND = re.compile(r"(\w+)(?:\(\$select=([\w,\s]+)\))?")
_KEY_PART = re.compile(
    r"\s*(?:(?P<name>\w+)\s*=\s*)?(?:'(?P<text>(?:[^']|'')*)'|(?P<bare>[^',()\s]+))\s*(?P<end>,|$)"
)
_SEGMENT = re.compile(r"(?P<set>[^()]+)(?:\((?P<key>.*)\))?", re.DOTALL)
_ORDER = re.compile(r"\s*(\w+)(?:\s+(asc|desc))?\s*")
OPTIONS = ("$filter", "$select", "$orderby", "$top", "$skip", "$count", "$expand", "$skiptoken")


@dataclass(frozen=True, slots=True)
class ResourcePath:
    """What a path names: a set, perhaps one key, perhaps its `$count`."""

    segment: str
    key: str | None
    count: bool


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """The query options of a read, checked."""

    cross_company: bool = False
    filter: str = ""
    select: tuple[str, ...] = ()
    orderby: tuple[tuple[str, bool], ...] = ()
    top: int | None = None
    skip: int = 0
    count: bool = False
    expand: tuple[tuple[str, tuple[str, ...]], ...] = ()


def parse_target(path: str) -> ResourcePath:
    """`CustomersV3`, `CustomersV3(...)` or `CustomersV3/$count`, percent-encoded as sent."""
    first, _, rest = path.partition("/")
    match = _SEGMENT.fullmatch(unquote(first))
    if match is None or rest not in ("", "$count"):
        raise bad_query(f"The path '{unquote(path)[:200]}' is not valid.")
    return ResourcePath(match["set"], match["key"], rest == "$count")


def parse_key(text: str, entity_set: EntitySetSchema, schema: Schema) -> tuple[Stored, ...]:
    """The values of a key predicate in the order of the set's key. Refuses with 400."""
    given: dict[str, Stored] = {}
    position = 0
    if len(text) > KEY_CHARS_MAX:
        raise bad_query("The key predicate is too long.")
    while position < len(text):
        match = _KEY_PART.match(text, position)
        if match is None:
            raise bad_query(f"Bad Request: the key predicate '({text})' has a syntax error.")
        name = match["name"] or (entity_set.key[0] if len(entity_set.key) == 1 else "")
        if name not in entity_set.key or name in given:
            raise bad_query(f"'{name}' cannot stand in the key of '{entity_set.name}'.")
        given[name] = _key_value(match, name, entity_set, schema)
        position = match.end()
    if len(given) != len(entity_set.key) or text.rstrip().endswith(","):
        raise bad_query(
            "The number of keys specified in the URI does not match number of key properties for "
            f"the resource '{entity_set.type_name}'."
        )
    return tuple(given[name] for name in entity_set.key)


def _key_value(
    match: re.Match[str], name: str, entity_set: EntitySetSchema, schema: Schema
) -> Stored:
    kind = entity_set.type_of(name)
    text, bare = match["text"], match["bare"]
    if (text is not None) != (kind == "String"):
        raise bad_query(f"The key value of '{name}' is not of type 'Edm.{kind}'.")
    if text is not None:
        return text.replace("''", "'")
    number: object = bare
    if kind in ("Decimal", "Int32", "Int64"):
        if not re.fullmatch(r"-?\d{1,30}(\.\d{1,12})?", bare, re.ASCII):
            raise bad_query(f"The key value of '{name}' is not of type 'Edm.{kind}'.")
        number = Decimal(bare) if kind == "Decimal" or "." in bare else int(bare)
    return load(schema, entity_set, name, number)


def parse_options(query: str, entity_set: EntitySetSchema) -> QueryOptions:
    """The query options. Unknown `$` options are refused, others are ignored as F&O does."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=50)
    except (ValueError, UnicodeDecodeError) as error:
        raise bad_query("The query string cannot be decoded.") from error
    given: dict[str, str] = {}
    for name, value in pairs:
        if name.startswith("$") and name not in OPTIONS:
            raise bad_query(f"The query parameter '{name}' is not supported.")
        if name in given:
            raise bad_query(f"The query parameter '{name}' is specified more than once.")
        given[name] = value
    token = given.get("$skiptoken")
    return QueryOptions(
        cross_company=given.get("cross-company", "").casefold() == "true",
        filter=given.get("$filter", ""),
        select=_names(given.get("$select", ""), entity_set),
        orderby=_orderby(given.get("$orderby", ""), entity_set),
        top=_whole("$top", given["$top"]) if "$top" in given else None,
        skip=_whole("$skip", given.get("$skip", "0")) if token is None else _skiptoken(token),
        count=_boolean(given.get("$count", "false")),
        expand=_expand(given.get("$expand", ""), entity_set),
    )


def _whole(name: str, text: str) -> int:
    if not re.fullmatch(r"\d{1,10}", text, re.ASCII) or int(text) > WHOLE_MAX:
        raise bad_query(f"Invalid value '{text[:80]}' for {name} query option found.")
    return int(text)


def _skiptoken(text: str) -> int:
    if not re.fullmatch(r"n-\d{1,10}", text, re.ASCII):
        raise bad_query(f"The $skiptoken '{text[:80]}' is not one of this service.")
    return int(text.removeprefix("n-"))


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise bad_query(f"Invalid value '{text[:80]}' for $count query option found.")
    return text == "true"


def _names(text: str, entity_set: EntitySetSchema) -> tuple[str, ...]:
    names = [name.strip() for name in text.split(",")] if text.strip() else []
    if "*" in names:
        return ()
    for name in names:
        entity_set.type_of(name)
    return tuple(names)


def _orderby(text: str, entity_set: EntitySetSchema) -> tuple[tuple[str, bool], ...]:
    if not text.strip():
        return ()
    order = []
    for part in text.split(","):
        match = _ORDER.fullmatch(part)
        if match is None:
            raise bad_query(f"Syntax error in '{part[:80]}' of $orderby.")
        entity_set.type_of(match[1])
        order.append((match[1], match[2] == "desc"))
    return tuple(order)


def _expand(text: str, entity_set: EntitySetSchema) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not text.strip():
        return ()
    parts = re.split(r",(?![^()]*\))", text)
    expanded = []
    for part in parts:
        match = EXPAND.fullmatch(part.strip())
        if match is None:
            raise bad_query(f"$expand '{part[:80]}' is not supported: first level only.")
        navigation, select = match[1], match[2] or ""
        pair = headers_of(entity_set.name)
        if pair is None or navigation != pair.navigation:
            raise unknown_property(navigation, entity_set.type_name)
        expanded.append((navigation, tuple(n.strip() for n in select.split(",") if n.strip())))
    return tuple(expanded)


def ordered(rows: Sequence[StoredRow], orderby: tuple[tuple[str, bool], ...]) -> list[StoredRow]:
    """The rows in the asked order; ties stay in the order of creation."""
    result = list(rows)
    for name, descending in reversed(orderby):
        result.sort(key=lambda row: _sortable(row.fields[name]), reverse=descending)
    return result


def _sortable(value: Stored) -> tuple[bool, Stored]:
    return (False, 0) if value is None else (True, fold(value))

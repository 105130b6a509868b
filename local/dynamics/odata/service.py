"""The OData service on one record set: reads, creates, changes, deletes.

A request is first `prepare`d (its address and payload understood, nothing done) and later
`execute`d; between the two the peer lets time pass, as a server does. What an operation is
about to touch is known in between: see `RecordOperation.headers`.

https://learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/odata
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote

from local.dynamics.odata.errors import (
    Infolog,
    Refusal,
    missing_record,
    unknown_segment,
    unsupported,
    write_failed,
)
from local.dynamics.odata.filters import compile_filter
from local.dynamics.odata.lined import Lined, headers_of, lines_of
from local.dynamics.odata.query import (
    QueryOptions,
    ordered,
    parse_key,
    parse_options,
    parse_target,
)
from local.dynamics.odata.schema import COMPANY, EntitySetSchema
from local.dynamics.odata.store import Fields, RecordStore, StoredRow
from local.dynamics.odata.values import dump, fold, load, read_json, to_json
from local.dynamics.odata.wire import Request, Response, json_response
from local.dynamics.settings import DynamicsSettings

READS = ("GET",)
WRITES = ("POST", "PATCH", "DELETE")
PRECONDITION_FAILED = "The condition specified using HTTP conditional header(s) is not met."


@dataclass(frozen=True, slots=True)
class RecordOperation:
    """One understood request. `headers`: header rows its line write will touch, with the
    version each had when the request came in."""

    method: str
    entity_set: EntitySetSchema
    key: tuple[Any, ...] | None
    options: QueryOptions
    count_only: bool = False
    fields: Fields = field(default_factory=dict)
    if_match: str = ""
    representation: bool = False
    headers: tuple[tuple[StoredRow, int], ...] = ()


class WritesRecords(Protocol):
    """How records get written: by the rules of their tables. Raises `Infolog` or `Refusal`."""

    def create(self, entity_set: EntitySetSchema, given: Fields) -> StoredRow:
        """Insert a record from the values of a payload."""
        ...

    def change(self, entity_set: EntitySetSchema, row: StoredRow, given: Fields) -> None:
        """Change a record."""
        ...

    def remove(self, entity_set: EntitySetSchema, row: StoredRow) -> None:
        """Delete a record."""
        ...

    def conflict(self, entity_set: EntitySetSchema) -> str:
        """The reason to refuse a write to a record that somebody else changed meanwhile."""
        ...


class Service:
    """Executes operations against the store. Raises `Refusal`, nothing else."""

    def __init__(
        self, store: RecordStore, settings: DynamicsSettings, writer: WritesRecords, host: str
    ) -> None:
        self._store = store
        self._settings = settings
        self._writer = writer
        self._host = host

    def prepare(self, request: Request, path: str) -> RecordOperation:
        """Understand a request. `path` is what follows `/data/`."""
        target = parse_target(path)
        if target.segment == "$metadata":
            raise unsupported("$metadata")
        entity_set = self._store.schema.set_of(target.segment)
        if entity_set.name in self._settings.not_public:
            raise unknown_segment(target.segment)
        options = parse_options(request.query, entity_set)
        key = None
        if target.key is not None:
            key = parse_key(target.key, entity_set, self._store.schema)
        method = request.method
        keyed = key is not None
        if method not in READS + WRITES or (method != "GET" and keyed == (method == "POST")):
            raise Refusal(405, f"The HTTP method {method} is not allowed for this resource.")
        fields = self._load(entity_set, request.body) if method in ("POST", "PATCH") else {}
        preferred = request.headers.get("prefer", "").replace(" ", "")
        return RecordOperation(
            method,
            entity_set,
            key,
            options,
            target.count,
            fields,
            request.headers.get("if-match", ""),
            "return=representation" in preferred,
            tuple(self._headers(entity_set, key, fields)) if method in WRITES else (),
        )

    def _load(self, entity_set: EntitySetSchema, body: bytes) -> Fields:
        payload = read_json(body)
        schema = self._store.schema
        return {
            name: load(schema, entity_set, name, value)
            for name, value in payload.items()
            if "@odata." not in name
        }

    def _headers(
        self, entity_set: EntitySetSchema, key: tuple[Any, ...] | None, fields: Mapping[str, Any]
    ) -> Iterable[tuple[StoredRow, int]]:
        pair = lines_of(entity_set.name)
        if pair is None:
            return
        named = fields
        if key is not None:
            row = self._store.find(entity_set.name, *key)
            named = row.fields if row else dict(zip(entity_set.key, key, strict=True))
        header = self._store.find(pair.headers, named.get(COMPANY, ""), named.get(pair.number, ""))
        if header is not None:
            yield header, header.version

    def execute(self, operation: RecordOperation) -> Response:
        """Do it. Writes run inside the caller's transaction."""
        if operation.method == "GET":
            return self._read(operation)
        deleting = operation.method == "DELETE"
        try:
            if operation.method == "POST":
                row = self._writer.create(operation.entity_set, operation.fields)
                return self._created(operation, row)
            row = self._existing(operation)
            if operation.if_match not in ("", "*", row.etag):
                raise Refusal(412, PRECONDITION_FAILED)
            if deleting:
                self._writer.remove(operation.entity_set, row)
                return Response(204, b"", {"OData-Version": "4.0"})
            self._writer.change(operation.entity_set, row, operation.fields)
        except Infolog as infolog:
            raise self.failure(operation, infolog.reasons) from infolog
        if operation.representation:
            return json_response(200, to_json(self._single(operation.entity_set, row, ())))
        return Response(204, b"", {"OData-Version": "4.0", "ETag": row.etag})

    def failure(self, operation: RecordOperation, reasons: tuple[str, ...]) -> Refusal:
        """A refused write, in F&O's envelope."""
        status, deleting = self._settings.failure_status, operation.method == "DELETE"
        return write_failed(status, operation.entity_set.entity, reasons, deleting=deleting)

    def check_conflict(self, operations: Iterable[RecordOperation]) -> None:
        """Refuse when somebody wrote to one of the headers, or their lines, since the requests
        came in. What is closed meanwhile is refused for that reason, by its own rules."""
        for operation in operations:
            for header, version in operation.headers:
                closed, value = _pair(header.entity_set).closed
                if header.version != version and header.fields[closed] != value:
                    reason = self._writer.conflict(header.entity_set)
                    raise self.failure(operation, (reason,))

    def _created(self, operation: RecordOperation, row: StoredRow) -> Response:
        location = f"{self._host}/data/{self._address(operation.entity_set, row)}"
        body = to_json(self._single(operation.entity_set, row, ()))
        return json_response(201, body, {"Location": location, "ETag": row.etag})

    def _address(self, entity_set: EntitySetSchema, row: StoredRow) -> str:
        parts = []
        for name in entity_set.key:
            value = dump(row.fields[name])
            text = str(value)
            if entity_set.properties[name] == "String":
                text = "'" + quote(text.replace("'", "''"), safe="") + "'"
            parts.append(f"{name}={text}")
        return f"{entity_set.name}({','.join(parts)})"

    def _existing(self, operation: RecordOperation) -> StoredRow:
        entity_set, key = operation.entity_set, operation.key or ()
        row = self._store.find(entity_set.name, *key)
        if row is None:
            raise missing_record(entity_set.type_name)
        return row

    def _read(self, operation: RecordOperation) -> Response:
        entity_set, options = operation.entity_set, operation.options
        if operation.key is not None:
            row = self._existing(operation)
            if not self._visible(entity_set, row, options):
                raise missing_record(entity_set.type_name)
            return json_response(200, to_json(self._single(entity_set, row, options.select)))
        matching = self._matching(entity_set, options)
        if operation.count_only:
            return Response(200, str(len(matching)).encode(), {"Content-Type": "text/plain"})
        return json_response(200, to_json(self._page(entity_set, options, matching)))

    def _visible(self, entity_set: EntitySetSchema, row: StoredRow, options: QueryOptions) -> bool:
        if options.cross_company or not entity_set.company_specific:
            return True
        return bool(fold(row.fields[COMPANY]) == fold(self._settings.default_company))

    def _matching(self, entity_set: EntitySetSchema, options: QueryOptions) -> list[StoredRow]:
        rows: Iterable[StoredRow] = self._store.table(entity_set.name).values()
        if options.filter.strip():
            wanted = compile_filter(options.filter, entity_set, self._store.schema)
            rows = self._store.candidates(entity_set, wanted.among)
            rows = [row for row in rows if wanted.matches(row.fields)]
        visible = [row for row in rows if self._visible(entity_set, row, options)]
        return ordered(visible, options.orderby)

    def _page(
        self, entity_set: EntitySetSchema, options: QueryOptions, matching: list[StoredRow]
    ) -> dict[str, Any]:
        left = len(matching) - options.skip
        wanted = left if options.top is None else min(left, options.top)
        size = min(wanted, self._settings.page_rows_max)
        page = matching[options.skip : options.skip + max(size, 0)]
        body: dict[str, Any] = {"@odata.context": self._context(entity_set, "")}
        if options.count:
            body["@odata.count"] = len(matching)
        body["value"] = [self._render(entity_set, row, options) for row in page]
        if wanted > size:
            body["@odata.nextLink"] = self._next_link(entity_set, options, size, wanted - size)
        return body

    def _next_link(
        self, entity_set: EntitySetSchema, options: QueryOptions, size: int, left: int
    ) -> str:
        given = {
            "$filter": options.filter,
            "$select": ",".join(options.select),
            "$orderby": ",".join(f"{n} desc" if down else n for n, down in options.orderby),
            "$expand": ",".join(
                f"{name}($select={','.join(select)})" if select else name
                for name, select in options.expand
            ),
            "$top": str(left) if options.top is not None else "",
            "cross-company": "true" if options.cross_company else "",
            "$skiptoken": f"n-{options.skip + size}",
        }
        query = "&".join(f"{name}={quote(value)}" for name, value in given.items() if value)
        return f"{self._settings.link_host}/data/{entity_set.name}?{query}"

    def _context(self, entity_set: EntitySetSchema, suffix: str) -> str:
        return f"{self._host}/data/$metadata#{entity_set.name}{suffix}"

    def _single(
        self, entity_set: EntitySetSchema, row: StoredRow, select: tuple[str, ...]
    ) -> dict[str, Any]:
        context = {"@odata.context": self._context(entity_set, "/$entity")}
        return context | _shown(entity_set, row, select)

    def _render(
        self, entity_set: EntitySetSchema, row: StoredRow, options: QueryOptions
    ) -> dict[str, Any]:
        shown = _shown(entity_set, row, options.select)
        for navigation, select in options.expand:
            related = self._store.schema.set_of(_pair(entity_set).lines)
            for name in select:
                related.type_of(name)
            lines = self._store.group(related.name, *(row.fields[n] for n in entity_set.key))
            shown[navigation] = [_shown(related, line, select) for line in lines.values()]
        return shown


def _shown(entity_set: EntitySetSchema, row: StoredRow, select: tuple[str, ...]) -> dict[str, Any]:
    names = select or entity_set.properties
    return {"@odata.etag": row.etag} | {name: dump(row.fields[name]) for name in names}


def _pair(headers: EntitySetSchema) -> Lined:
    pair = headers_of(headers.name)
    if pair is None:
        raise KeyError(f"{headers.name} has no lines")
    return pair

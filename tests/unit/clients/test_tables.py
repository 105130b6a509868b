"""The client of Azure Tables on the wire, against a server that answers as it is told.

What the service does with well-formed requests is in `tests/contract/test_tables.py`.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from aiohttp import web

from shared.clients.table_rules import CELLS_MAX, ENTITY_BYTES_MAX, KEY_CHARS_MAX, RowRefused
from shared.clients.tables import AzureTables
from shared.errors import Refused, StorageUnavailable, TableConflict, TieoutError
from shared.outcomes import Kind, outcome_of
from shared.ports import (
    CELL_CHARS_MAX,
    QUERY_ROWS_MAX,
    Cell,
    Delete,
    Insert,
    Operation,
    Put,
    Replace,
    Tables,
)

KEY = base64.b64encode(b"key").decode()
ETAG = "W/\"datetime'2026-11-01T00%3A00%3A00.0000000Z'\""

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Service:
    """Creates every table; `answer` replies to the rest. `seen` are method, path and query."""

    def __init__(self, answer: Handler) -> None:
        self._answer = answer
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.bodies: list[str] = []
        self.created = 0

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if request.method == "POST" and request.path.endswith("/Tables"):
            self.created += 1
            return error(409, "TableAlreadyExists") if self.created > 1 else created()
        self.seen.append((request.method, request.path, dict(request.query)))
        self.bodies.append(await request.text())
        return await self._answer(request)


@asynccontextmanager
async def tables_on(answer: Handler, **options: Any) -> AsyncIterator[tuple[AzureTables, Service]]:
    service = Service(answer)
    runner = web.ServerRunner(web.Server(service), shutdown_timeout=0.01)  # type: ignore[arg-type]
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    tables = AzureTables(connection_string=connection(runner.addresses[0][1]), **options)
    try:
        yield tables, service
    finally:
        await tables.close()
        await runner.cleanup()


def connection(port: int) -> str:
    return (
        f"DefaultEndpointsProtocol=http;AccountName=local;AccountKey={KEY};"
        f"TableEndpoint=http://127.0.0.1:{port}/local;"
    )


def created() -> web.Response:
    return web.json_response({"TableName": "links"}, status=201)


def error(status: int, code: str, **headers: str) -> web.Response:
    body = {"odata.error": {"code": code, "message": {"lang": "en-US", "value": f"{code} text"}}}
    return web.json_response(body, status=status, headers=headers)


def batch(*parts: str) -> web.Response:
    """The answer to a transaction: one changeset of parts."""
    inner = "".join(
        "--changesetresponse_1\r\nContent-Type: application/http\r\n"
        f"Content-Transfer-Encoding: binary\r\n\r\n{part}\r\n"
        for part in parts
    )
    text = (
        "--batchresponse_1\r\nContent-Type: multipart/mixed; boundary=changesetresponse_1\r\n\r\n"
        f"{inner}--changesetresponse_1--\r\n--batchresponse_1--\r\n"
    )
    return web.Response(
        status=202,
        body=text.encode(),
        headers={"Content-Type": "multipart/mixed; boundary=batchresponse_1"},
    )


def done(etag: str = "") -> str:
    return "HTTP/1.1 204 No Content\r\n" + (f"ETag: {etag}\r\n" if etag else "") + "\r\n"


def failed(status: int, code: str) -> str:
    body = f'{{"odata.error":{{"code":"{code}","message":{{"lang":"en","value":"0:{code}"}}}}}}'
    return f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n\r\n{body}\r\n"


def always(make: Callable[[], web.StreamResponse]) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        return make()

    return answer


async def unreachable(request: web.Request) -> web.StreamResponse:
    raise AssertionError("nothing should be asked")


# --- reading --------------------------------------------------------------------------------


async def test_a_row_comes_with_plain_types_and_its_etag() -> None:
    entity = {
        "odata.etag": ETAG,
        "PartitionKey": "p",
        "RowKey": "r",
        "Timestamp@odata.type": "Edm.DateTime",
        "Timestamp": "2026-11-01T00:00:00Z",
        "n@odata.type": "Edm.Int64",
        "n": "9223372036854775807",
        "small": 7,
        "yes": True,
        "text": "Zoë",
        "at@odata.type": "Edm.DateTime",
        "at": "2026-11-01T01:02:03.1234567Z",
        "whole@odata.type": "Edm.DateTime",
        "whole": "2026-11-01T01:02:03Z",
    }
    async with tables_on(always(lambda: web.json_response(entity))) as (tables, _):
        row = await tables.get("links", "p", "r")
    assert row is not None
    assert (row.partition, row.row, row.etag) == ("p", "r", ETAG)
    assert row.cells == {
        "n": 2**63 - 1,
        "small": 7,
        "yes": True,
        "text": "Zoë",
        "at": datetime(2026, 11, 1, 1, 2, 3, 123456, tzinfo=UTC),
        "whole": datetime(2026, 11, 1, 1, 2, 3, tzinfo=UTC),
    }
    assert [type(cell) for cell in row.cells.values()] == [int, int, bool, str, datetime, datetime]


async def test_a_table_is_created_once() -> None:
    async with tables_on(always(lambda: web.json_response({"value": []}))) as (tables, service):
        await tables.query("links")
        await tables.query("links")
        assert service.created == 1
        await tables.query("events")
        assert service.created == 2


async def test_a_table_that_went_away_is_created_again() -> None:
    answers = [lambda: error(404, "TableNotFound"), lambda: web.json_response({"value": []})]

    async def answer(request: web.Request) -> web.StreamResponse:
        return answers.pop(0)()

    async with tables_on(answer) as (tables, service):
        with pytest.raises(StorageUnavailable, match="TableNotFound"):
            await tables.get("links", "p", "r")
        assert await tables.query("links") == []
        assert service.created == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, None),
        ({"partition": "it's"}, "PartitionKey eq 'it''s'"),
        (
            {"partition": "p", "prefix": "link~"},
            "PartitionKey eq 'p' and RowKey ge 'link~' and RowKey lt 'link\x7f'",
        ),
        ({"partition": "p", "after": ("p", "r")}, "PartitionKey eq 'p' and RowKey gt 'r'"),
        ({"partition": "p", "after": ("a", "r")}, "PartitionKey eq 'p'"),
        (
            {"after": ("p", "@after")},
            "PartitionKey gt 'p' or PartitionKey eq 'p' and RowKey gt '@after'",
        ),
    ],
)
async def test_a_query_is_an_odata_filter(arguments: dict[str, Any], words: str | None) -> None:
    async with tables_on(always(lambda: web.json_response({"value": []}))) as (tables, service):
        await tables.query("links", limit=7, **arguments)
    (_, path, query), *_ = service.seen
    assert path == "/local/links()"
    assert query.get("$filter") == words
    assert query["$top"] == "7"


async def test_a_page_behind_its_partition_asks_nothing() -> None:
    async with tables_on(unreachable) as (tables, service):
        assert await tables.query("links", partition="p", after=("q", "r")) == []
    assert service.created == 0


async def test_a_query_goes_on_over_pages_and_stops_at_its_limit() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        first = int(request.query.get("NextRowKey", "0"))
        entities = [
            {"odata.etag": ETAG, "PartitionKey": "p", "RowKey": f"{n}"} for n in (first, first + 1)
        ]
        following = {
            "x-ms-continuation-NextPartitionKey": "p",
            "x-ms-continuation-NextRowKey": f"{first + 2}",
        }
        return web.json_response({"value": entities}, headers=following)

    async with tables_on(answer) as (tables, service):
        rows = await tables.query("links", limit=5)
    assert [row.row for row in rows] == ["0", "1", "2", "3", "4"]
    assert len(service.seen) == 3


@pytest.mark.parametrize("limit", [0, -1, QUERY_ROWS_MAX + 1])
async def test_a_page_outside_its_limits_is_refused(limit: int) -> None:
    async with tables_on(unreachable) as (tables, _):
        with pytest.raises(RowRefused, match="limit is 1 to 1000"):
            await tables.query("links", limit=limit)


async def test_a_prefix_needs_a_partition_and_an_end() -> None:
    async with tables_on(unreachable) as (tables, _):
        with pytest.raises(RowRefused, match="needs a partition"):
            await tables.query("links", prefix="x")
        for prefix in ("😀", "\ud7ff"):
            with pytest.raises(RowRefused, match="cannot end in"):
                await tables.query("links", partition="p", prefix=prefix)


# --- writing --------------------------------------------------------------------------------


async def test_each_operation_has_its_request_and_its_etag() -> None:
    answer = batch(done("W/1"), done("W/2"), done("W/3"), done(), done())
    async with tables_on(always(lambda: answer)) as (tables, service):
        etags = await tables.transact(
            "links",
            "p",
            [
                Insert("a", {"n": 1}),
                Replace("b", {"n": 2}, ETAG),
                Put("c", {"at": datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))}),
                Delete("d"),
                Delete("e", ETAG),
            ],
        )
    assert etags == ("W/1", "W/2", "W/3", "", "")
    ((method, path, _),) = service.seen
    assert (method, path) == ("POST", "/local/$batch")
    parts = service.bodies[0].split("Content-Type: application/http")[1:]
    lines = [part.strip().split("\r\n\r\n", 1)[1].lstrip() for part in parts]
    assert [line.split(" ", 1)[0] for line in lines] == ["POST", "PUT", "PUT", "DELETE", "DELETE"]
    matches = [
        next((h[10:] for h in line.split("\r\n") if h.lower().startswith("if-match: ")), None)
        for line in lines
    ]
    assert matches == [None, ETAG, None, "*", ETAG]
    assert '"n": "1", "n@odata.type": "Edm.Int64"' in lines[0]
    assert '"at": "2026-01-01T00:00:00.000000Z"' in lines[2]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (409, "EntityAlreadyExists"),
        (412, "UpdateConditionNotSatisfied"),
        (412, "ConditionNotMet"),
        (404, "ResourceNotFound"),
        (404, "EntityNotFound"),
    ],
)
async def test_a_failed_condition_is_a_conflict(status: int, code: str) -> None:
    async with tables_on(always(lambda: batch(failed(status, code)))) as (tables, _):
        with pytest.raises(TableConflict, match=f"links: 0:{code}"):
            await tables.transact("links", "p", [Replace("r", {}, ETAG)])


BATCH_ANSWERS: list[tuple[Callable[[], web.StreamResponse], type[TieoutError]]] = [
    (lambda: batch(failed(400, "PropertyValueTooLarge")), RowRefused),
    (lambda: batch(failed(413, "EntityTooLarge")), RowRefused),
    (lambda: error(413, "RequestBodyTooLarge"), RowRefused),
    (lambda: error(400, "InvalidInput"), RowRefused),
    (lambda: batch(failed(500, "InternalError")), StorageUnavailable),
    (lambda: batch(failed(503, "ServerBusy")), StorageUnavailable),
    (lambda: batch(failed(404, "TableNotFound")), StorageUnavailable),
    (lambda: error(401, "InvalidAuthenticationInfo"), StorageUnavailable),
    (lambda: error(403, "AuthenticationFailed"), StorageUnavailable),
    (lambda: error(503, "ServerBusy"), StorageUnavailable),
    (lambda: web.Response(status=502, text="<html>gateway</html>"), StorageUnavailable),
    (lambda: web.Response(status=500), StorageUnavailable),
]


@pytest.mark.parametrize(("make", "expected"), BATCH_ANSWERS)
async def test_every_other_answer_is_told_apart_and_asked_for_once(
    make: Callable[[], web.StreamResponse], expected: type[TieoutError]
) -> None:
    async with tables_on(always(make)) as (tables, service):
        with pytest.raises(expected) as caught:
            await tables.transact("links", "p", [Insert("r", {"n": 1})])
    assert type(caught.value) is expected
    assert len(service.seen) == 1


async def test_a_write_whose_answer_is_lost_is_not_sent_again() -> None:
    async def drop(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async with tables_on(drop) as (tables, service):
        with pytest.raises(StorageUnavailable):
            await tables.transact("links", "p", [Insert("r", {"n": 1})])
    assert len(service.seen) == 1


async def test_a_read_is_tried_again() -> None:
    answers = [lambda: error(503, "ServerBusy"), lambda: web.json_response({"value": []})]

    async def answer(request: web.Request) -> web.StreamResponse:
        return answers.pop(0)()

    async with tables_on(answer) as (tables, _):
        assert await tables.query("links") == []


async def test_a_service_that_hangs_is_given_up_in_time() -> None:
    async def hang(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        return web.Response()

    async with tables_on(hang, call_seconds_max=0.1) as (tables, _):
        for call in (
            tables.get("links", "p", "r"),
            tables.query("links"),
            tables.transact("links", "p", [Delete("r")]),
        ):
            with pytest.raises(StorageUnavailable, match=r"no answer within 0\.1 s"):
                await call


async def test_a_service_that_is_not_there_is_unavailable() -> None:
    tables = AzureTables(connection_string=connection(9), call_seconds_max=0.3)
    with pytest.raises(StorageUnavailable):
        await tables.get("links", "p", "r")
    await tables.close()


# --- refusals before anything is sent -------------------------------------------------------

BIG: dict[str, Cell] = {f"c{n}": "x" * CELL_CHARS_MAX for n in range(17)}
REFUSED: list[tuple[list[Operation], str]] = [
    ([], "1 to 100 operations, got 0"),
    ([Put(f"{n}", {}) for n in range(101)], "1 to 100 operations, got 101"),
    ([Put("r", {}), Delete("r")], "row 'r' twice"),
    ([Put("a/b", {})], "a row key holds none of"),
    ([Put("x" * (KEY_CHARS_MAX + 1), {})], "a row key has at most 512"),
    ([Put("\ud800", {})], "half a surrogate pair"),
    ([Replace("r", {}, "*")], "is not an ETag"),
    ([Replace("r", {}, "")], "is not an ETag"),
    ([Delete("r", "*")], "is not an ETag"),
    ([Put("r", {"RowKey": "x"})], "'RowKey' is not a name"),
    ([Put("r", {"etag": "x"})], "'etag' is not a name"),
    ([Put("r", {"two words": "x"})], "'two words' is not a name"),
    ([Put("r", {"a@odata.type": "x"})], "is not a name"),
    ([Put("r", {"x" * 256: 1})], "at most 255 characters"),
    ([Put("r", {f"c{n}": n for n in range(CELLS_MAX + 1)})], "at most 252 cells"),
    ([Put("r", {"a": 2**63})], "does not fit 64 bits"),
    ([Put("r", {"a": -(2**63) - 1})], "does not fit 64 bits"),
    ([Put("r", {"a": "x" * (CELL_CHARS_MAX + 1)})], "more than 32000 characters"),
    ([Put("r", {"a": "😀" * (CELL_CHARS_MAX // 2 + 1)})], "more than 32000 characters"),
    ([Put("r", {"a": "\udfff"})], "half a surrogate pair"),
    ([Put("r", {"a": datetime(2026, 1, 1)})], "needs a time zone"),  # noqa: DTZ001
    ([Put("r", {"a": datetime(1600, 12, 31, tzinfo=UTC)})], "is before 1601"),
    ([Put("r", {"a": None})], "got None"),  # type: ignore[dict-item]
    ([Put("r", {"a": 1.5})], "got 1.5"),  # type: ignore[dict-item]
    ([Put("r", BIG)], f"at most {ENTITY_BYTES_MAX} bytes"),
]


@pytest.mark.parametrize(("operations", "text"), REFUSED)
async def test_what_no_table_can_hold_is_refused_unsent(
    operations: list[Operation], text: str
) -> None:
    async with tables_on(unreachable) as (tables, service):
        with pytest.raises(RowRefused, match=text):
            await tables.transact("links", "p", operations)
    assert (service.created, service.seen) == (0, [])


@pytest.mark.parametrize("table", ["", "ab", "1links", "my-links", "x" * 64, "links\n"])
async def test_a_bad_table_name_is_refused(table: str) -> None:
    async with tables_on(unreachable) as (tables, _):
        for call in (
            tables.get(table, "p", "r"),
            tables.query(table),
            tables.transact(table, "p", [Delete("r")]),
        ):
            with pytest.raises(RowRefused, match="a table name is"):
                await call


def test_a_refused_row_parks_and_is_a_value_error() -> None:
    refused = RowRefused("too large")
    assert isinstance(refused, Refused)
    assert isinstance(refused, ValueError)
    outcome = outcome_of(refused)
    assert (outcome.kind, outcome.cause) == (Kind.PARK, "refused")
    assert str(refused) == "storage refuses: too large"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"endpoint": "https://x.table.core.windows.net"},
        {"connection_string": connection(1), "endpoint": "https://x.table.core.windows.net"},
    ],
)
def test_tables_need_one_way_to_sign_in(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="a connection string, or an endpoint and a credential"):
        AzureTables(**options)  # type: ignore[arg-type]


async def test_it_is_the_port() -> None:
    tables = AzureTables(connection_string=connection(9))
    port: Tables = tables
    assert port is tables
    await tables.close()

"""The gateway: one result a write, never an exception, never more certain than the answer."""

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from shared.clients.dynamics.batch import BATCH_OPERATIONS_MAX
from shared.clients.dynamics.finance import FinanceGateway
from shared.clients.dynamics.transport import DynamicsHttp
from shared.errors import (
    CredentialsRefused,
    DuplicateKey,
    LeaseOver,
    Refused,
    Throttled,
    Unavailable,
    UncertainWrite,
)
from shared.ports import DynamicsGateway, Lookup, Symbol, Write, WriteFailed, Written

NOW = datetime(2026, 7, 15, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
DUPLICATE = {
    "error": {
        "innererror": {
            "message": "Infolog: Error: Cannot create a record in X. The record already exists.",
            "type": "Microsoft.Dynamics.Platform.Integration.Services.OData.AxODataWriteException",
        }
    }
}
REQUEST_LINE = re.compile(r"^(\w+) https://env\.example(/data/\S+) HTTP/1\.1\r$", re.MULTILINE)

type Script = Callable[[httpx.Request], httpx.Response]


class Clock:
    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> datetime:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class Tokens:
    async def token(self, refused: str = "") -> str:
        return refused + "T"


class Environment:
    """A Dynamics that creates what it is sent; `scripts` answer the first requests instead."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.requests: list[httpx.Request] = []
        self.running = 0
        self.clock = Clock()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        assert self.running == 0, "two requests overlap"
        self.running += 1
        await asyncio.sleep(0)
        self.running -= 1
        self.requests.append(request)
        if self.scripts:
            return self.scripts.pop(0)(request)
        return do(request)

    @property
    def gateway(self) -> FinanceGateway:
        client = httpx.AsyncClient(transport=httpx.MockTransport(self))
        http = DynamicsHttp("https://env.example", Tokens(), client, self.clock)
        return FinanceGateway(http, self.clock)

    @property
    def sent(self) -> list[int]:
        """How many operations each request carried."""
        return [
            len(REQUEST_LINE.findall(request.content.decode()))
            if request.url.path.endswith("$batch")
            else 1
            for request in self.requests
        ]


def do(request: httpx.Request) -> httpx.Response:
    """Succeed: a created record has its fields and a generated `Number`."""
    if request.url.path != "/data/$batch":
        if request.method == "POST":
            return httpx.Response(201, json={**json.loads(request.content), "Number": "N-1"})
        return httpx.Response(204)
    return batch_answer(request.content.decode())


def batch_answer(text: str, fail: Sequence[int] = (), length: int | None = None) -> httpx.Response:
    """Answer a batch; the changesets at the positions `fail` are refused as duplicates."""
    parts = []
    content_id = 0
    for number, changeset in enumerate(text.split("--batch_tieout\r\n")[1:]):
        answers = ""
        for at, part in enumerate(changeset.split("Content-Type: application/http\r\n")[1:]):
            content_id += 1
            method = next(line for line in part.splitlines() if line.endswith("HTTP/1.1"))
            body = next((line for line in part.splitlines() if line.startswith("{")), "")
            status = "201 Created" if method.startswith("POST") else "204 No Content"
            if number in fail:
                status, body = "400 Bad Request", json.dumps(DUPLICATE)
            answer = (
                f"Content-Type: application/http\r\nContent-ID: {content_id}\r\n\r\n"
                f"HTTP/1.1 {status}\r\nX: y\r\n\r\n{body if '204' not in status else ''}\r\n"
            )
            if number not in fail:
                answers += "--c\r\n" + answer
            elif at == 0:
                answers = answer
        head = "" if number in fail else "Content-Type: multipart/mixed; boundary=c\r\n\r\n"
        parts.append(head + answers + ("" if number in fail else "--c--\r\n"))
    body = "".join(f"--b\r\n{part}" for part in parts) + "--b--\r\n"
    content = body.encode()[:length]
    return httpx.Response(
        200, content=content, headers={"Content-Type": "multipart/mixed;boundary=b"}
    )


def raising(error: Exception) -> Script:
    def script(_: httpx.Request) -> httpx.Response:
        raise error

    return script


def answering(status: int, **keywords: Any) -> Script:
    return lambda _: httpx.Response(status, **keywords)


def failing(*changesets: int) -> Script:
    return lambda request: batch_answer(request.content.decode(), changesets)


def cut(length: int) -> Script:
    return lambda request: batch_answer(request.content.decode(), length=length)


def post(number: int, group: str | None = None) -> Write:
    return Write("POST", "Sets", "usmf", {"N": number}, group=group)


def posts(count: int) -> list[Write]:
    return [post(number) for number in range(count)]


def told(results: Sequence[Written | WriteFailed]) -> list[Any]:
    """The number each write got back, or the type of its error."""
    return [
        result.fields.get("N", "done") if isinstance(result, Written) else type(result.error)
        for result in results
    ]


async def test_it_is_a_dynamics_gateway_and_does_nothing_for_nothing() -> None:
    environment = Environment()
    gateway: DynamicsGateway = environment.gateway
    assert await gateway.apply([], LATER) == []
    assert environment.requests == []


async def test_a_single_write_goes_as_a_plain_request() -> None:
    environment = Environment()
    results = await environment.gateway.apply([post(7, group="a")], LATER)
    assert results == [Written({"dataAreaId": "usmf", "N": 7, "Number": "N-1"})]
    (request,) = environment.requests
    assert (request.method, request.url.path) == ("POST", "/data/Sets")
    assert request.headers["Content-Type"].startswith("application/json")


async def test_a_patch_and_a_deletion_bring_no_fields() -> None:
    environment = Environment()
    patch = Write("PATCH", "Sets", "usmf", {"A": "x"}, {"K": "1"})
    delete = Write("DELETE", "Sets", "usmf", {}, {"K": "1"})
    for writes in ([patch], [delete], [patch, delete]):
        assert await environment.gateway.apply(writes, LATER) == [Written({})] * len(writes)
    assert [request.method for request in environment.requests] == ["PATCH", "DELETE", "POST"]


async def test_a_hundred_writes_need_one_request() -> None:
    environment = Environment()
    assert told(await environment.gateway.apply(posts(100), LATER)) == list(range(100))
    assert environment.sent == [100]


async def test_more_writes_go_in_several_requests_in_order() -> None:
    environment = Environment()
    assert told(await environment.gateway.apply(posts(201), LATER)) == list(range(201))
    assert environment.sent == [100, 100, 1]


async def test_results_come_in_the_order_of_the_writes_whatever_the_groups() -> None:
    writes = [post(n, group) for n, group in enumerate([None, "a", "b", "a", None, "b"])]
    environment = Environment()
    assert told(await environment.gateway.apply(writes, LATER)) == list(range(6))


async def test_a_failed_group_fails_whole_and_alone() -> None:
    writes = [post(n, group) for n, group in enumerate(["a", None, "a", "b", "b"])]
    environment = Environment(failing(0))
    results = await environment.gateway.apply(writes, LATER)
    assert told(results) == [DuplicateKey, 1, DuplicateKey, 3, 4]
    assert isinstance(results[0], WriteFailed)
    assert "POST Sets" in str(results[0].error)


async def test_a_refused_write_does_not_stop_the_requests_behind_it() -> None:
    environment = Environment(failing(5))
    results = told(await environment.gateway.apply(posts(150), LATER))
    assert results[5] is DuplicateKey
    assert results[:5] + results[6:] == [n for n in range(150) if n != 5]


async def test_a_write_that_cannot_be_spelled_is_refused_and_its_group_with_it() -> None:
    writes = [post(0), post(1, "a"), Write("POST", "Sets", "usmf", {"N": 1.5}, group="a"), post(3)]  # type: ignore[dict-item]
    environment = Environment()
    assert told(await environment.gateway.apply(writes, LATER)) == [0, Refused, Refused, 3]
    assert environment.sent == [2]


async def test_a_group_larger_than_a_request_is_refused() -> None:
    writes = [post(0), *(post(1, "big") for _ in range(BATCH_OPERATIONS_MAX + 1)), post(2)]
    results = await Environment().gateway.apply(writes, LATER)
    assert told(results) == [0] + [Refused] * (BATCH_OPERATIONS_MAX + 1) + [2]
    assert isinstance(results[1], WriteFailed)
    assert "101" in str(results[1].error)


@pytest.mark.parametrize(
    ("script", "first", "rest"),
    [
        (raising(httpx.ReadTimeout("late")), UncertainWrite, Unavailable),
        (raising(httpx.ConnectError("down")), Unavailable, Unavailable),
        (raising(RuntimeError("a bug below us")), UncertainWrite, Unavailable),
        (answering(500), UncertainWrite, Unavailable),
        (answering(502, content=b"<html>Bad gateway</html>"), UncertainWrite, Unavailable),
        (answering(200, json={}), UncertainWrite, Unavailable),
        (answering(429, headers={"Retry-After": "9"}), Throttled, Throttled),
        (answering(403), CredentialsRefused, CredentialsRefused),
    ],
)
async def test_nothing_more_is_sent_after_a_request_failed(
    script: Script, first: type[Exception], rest: type[Exception]
) -> None:
    environment = Environment(script)
    results = await environment.gateway.apply(posts(250), LATER)
    assert told(results) == [first] * 100 + [rest] * 150
    assert environment.sent == [100]


async def test_a_cut_answer_leaves_only_its_end_uncertain_and_stops() -> None:
    environment = Environment(cut(1000))
    results = told(await environment.gateway.apply(posts(150), LATER))
    known = results.index(UncertainWrite)
    assert 0 < known < 20
    assert results == [*range(known), *[UncertainWrite] * (100 - known), *[Unavailable] * 50]
    assert environment.sent == [100]


@pytest.mark.parametrize("length", [0, 1, 100])
async def test_a_cut_answer_never_fails_the_call(length: int) -> None:
    results = told(await Environment(cut(length)).gateway.apply(posts(3), LATER))
    assert results == [UncertainWrite] * 3


async def test_nothing_is_sent_after_the_lease() -> None:
    environment = Environment()
    results = await environment.gateway.apply(posts(3), NOW + timedelta(seconds=59))
    assert told(results) == [LeaseOver] * 3
    assert environment.requests == []


async def test_the_lease_may_end_between_two_requests() -> None:
    environment = Environment()

    def slow(request: httpx.Request) -> httpx.Response:
        environment.clock.moment += timedelta(seconds=30)
        return do(request)

    environment.scripts = [slow]
    results = await environment.gateway.apply(posts(150), NOW + timedelta(seconds=80))
    assert told(results) == [*range(100), *[LeaseOver] * 50]


@pytest.mark.parametrize(
    "script",
    [
        answering(201),
        answering(201, content=b'{"N": '),
        answering(200, content=b"<html>"),
        answering(204),
        answering(202),
    ],
)
async def test_a_creation_without_its_record_is_uncertain(script: Script) -> None:
    assert told(await Environment(script).gateway.apply([post(1)], LATER)) == [UncertainWrite]


async def test_a_plain_refusal_is_read_like_one_inside_a_batch() -> None:
    environment = Environment(answering(500, json=DUPLICATE))
    assert told(await environment.gateway.apply([post(1)], LATER)) == [DuplicateKey]


async def test_find_follows_every_page_on_our_own_host() -> None:
    link = "https://internal:444/data/Sets?$skiptoken=2"
    environment = Environment(
        answering(200, json={"value": [{"A": 1}, {"A": 2}], "@odata.nextLink": link}),
        answering(200, content=b'{"value":[{"A":3.10,"AccountDisplayValue":"US\\\\-001"}]}'),
    )
    rows = await environment.gateway.find(Lookup("Sets", "usmf", equals={"B": "x"}, select=("A",)))
    assert rows == [{"A": 1}, {"A": 2}, {"A": Decimal("3.10"), "AccountDisplayValue": "US-001"}]
    assert [str(request.url.host) for request in environment.requests] == ["env.example"] * 2
    assert environment.requests[1].url.params["$skiptoken"] == "2"


async def test_find_asks_for_many_values_in_several_requests() -> None:
    environment = Environment(*[answering(200, json={"value": [{"A": n}]}) for n in range(3)])
    lookup = Lookup("Sets", "usmf", any_of=("A", [f"txn_{n}" for n in range(45)]))
    assert await environment.gateway.find(lookup) == [{"A": 0}, {"A": 1}, {"A": 2}]


@pytest.mark.parametrize(
    "content", [b"", b'{"value":[{"A"', b"<html>", b"[]", b'{"value":[],"@odata.nextLink":"/x"}']
)
async def test_a_page_that_is_none_is_unavailable(content: bytes) -> None:
    with pytest.raises(Unavailable):
        await Environment(answering(200, content=content)).gateway.find(Lookup("Sets", ""))


async def test_pages_that_never_end_are_refused() -> None:
    page = {"value": [], "@odata.nextLink": "https://env.example/data/Sets?$skip=1"}
    environment = Environment(*[answering(200, json=page)] * 1_001)
    with pytest.raises(Refused, match="pages"):
        await environment.gateway.find(Lookup("Sets", ""))


async def test_find_raises_our_errors() -> None:
    body = {"error": {"message": "Resource not found for the segment 'Sets'."}}
    with pytest.raises(Refused, match="segment 'Sets'"):
        await Environment(answering(404, json=body)).gateway.find(Lookup("Sets", ""))
    with pytest.raises(Refused, match="wildcard"):
        await Environment().gateway.find(Lookup("Sets", "", equals={"A": "*"}))


async def test_enums_come_back_as_their_symbols() -> None:
    environment = Environment(answering(200, json={"value": [{"IsPosted": "Yes"}]}))
    lookup = Lookup("Sets", "", equals={"IsPosted": Symbol("NoYes", "Yes")})
    assert await environment.gateway.find(lookup) == [{"IsPosted": "Yes"}]


def test_an_unknown_delimiter_is_refused_at_the_start() -> None:
    clock = Clock()
    http = DynamicsHttp("https://env.example", Tokens(), httpx.AsyncClient(), clock)
    with pytest.raises(ValueError, match="delimiter"):
        FinanceGateway(http, clock, delimiter="+")


async def test_halves_of_characters_and_controls_do_not_come_in() -> None:
    page = b'{"value": [{"CustomerAccount": "C1", "Name": "Bro\\ud83dken\\u0001"}]}'
    environment = Environment(lambda _: httpx.Response(200, content=page))
    (row,) = await environment.gateway.find(Lookup("CustomersV3", "usmf"))
    assert row["Name"] == "Bro?ken "

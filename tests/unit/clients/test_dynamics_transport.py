"""One request to Dynamics: caps, token, lease, and whether a failure is certain."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from local.telemetry import MemoryTelemetry
from shared import telemetry
from shared.clients.dynamics.auth import TokenSource
from shared.clients.dynamics.transport import DynamicsHttp, data_path_of
from shared.errors import (
    CredentialsRefused,
    LeaseOver,
    Refused,
    Throttled,
    TieoutError,
    Unavailable,
    UncertainWrite,
)

NOW = datetime(2026, 7, 15, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
SET = "/data/CustomersV3"

type Handler = Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]


class Clock:
    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> datetime:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class Tokens:
    def __init__(self) -> None:
        self.refused: list[str] = []
        self.number = 1

    async def token(self, refused: str = "") -> str:
        if refused:
            self.refused.append(refused)
            self.number += 1
        return f"T{self.number}"


def dynamics(
    handler: Handler,
    *,
    tokens: TokenSource | None = None,
    clock: Clock | None = None,
    concurrency_max: int = 8,
    timeout_seconds: float = 60.0,
) -> DynamicsHttp:
    return DynamicsHttp(
        "https://env.example/",
        tokens or Tokens(),
        httpx.AsyncClient(transport=httpx.MockTransport(handler)),
        clock or Clock(),
        concurrency_max=concurrency_max,
        timeout_seconds=timeout_seconds,
    )


def answering(
    *answers: httpx.Response | Exception, seen: list[httpx.Request] | None = None
) -> Handler:
    left = list(answers)

    async def handle(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return handle


async def test_a_request_carries_token_versions_and_its_target_unchanged() -> None:
    seen: list[httpx.Request] = []
    http = dynamics(answering(httpx.Response(200, content=b"{}"), seen=seen))
    target = "/data/Sets(dataAreaId='usmf',K='a''%2Fb')?cross-company=true&$filter=A%20eq%20'%2B'"
    assert (await http.read(target)).body == b"{}"
    (request,) = seen
    assert request.url.raw_path.decode() == target
    assert request.url.host == "env.example"
    assert request.headers["Authorization"] == "Bearer T1"
    assert request.headers["OData-Version"] == "4.0"


async def test_a_write_carries_its_body_and_headers() -> None:
    seen: list[httpx.Request] = []
    http = dynamics(answering(httpx.Response(204), seen=seen))
    answer = await http.write("PATCH", SET, b"{1}", LATER, {"Content-Type": "application/json"})
    assert answer.status == 204
    assert seen[0].content == b"{1}"
    assert seen[0].headers["Content-Type"] == "application/json"


async def test_a_request_for_which_nobody_gives_a_token_counts_as_denied() -> None:
    """An expired client secret is refused by Entra: Dynamics never hears of it."""

    class NoTokens:
        async def token(self, refused: str = "") -> str:
            raise CredentialsRefused("dynamics", "AADSTS7000222: the secret has expired")

    memory, seen = MemoryTelemetry(Clock()), list[httpx.Request]()
    telemetry.use(memory)
    with pytest.raises(CredentialsRefused):
        await dynamics(answering(httpx.Response(200), seen=seen), tokens=NoTokens()).read(SET)
    assert seen == []
    assert memory.total("tieout.vendor.requests", vendor="dynamics", result="denied") == 1


async def test_a_401_is_answered_by_one_new_token() -> None:
    tokens, seen = Tokens(), list[httpx.Request]()
    handler = answering(httpx.Response(401), httpx.Response(200, content=b"{}"), seen=seen)
    await dynamics(handler, tokens=tokens).read(SET)
    assert tokens.refused == ["T1"]
    assert [request.headers["Authorization"] for request in seen] == ["Bearer T1", "Bearer T2"]


async def test_a_second_401_is_a_refusal_of_our_credentials() -> None:
    seen: list[httpx.Request] = []
    with pytest.raises(CredentialsRefused):
        await dynamics(answering(httpx.Response(401), seen=seen)).write("POST", SET, b"", LATER)
    assert len(seen) == 2


async def test_a_redirect_is_not_followed() -> None:
    seen: list[httpx.Request] = []
    redirect = httpx.Response(302, headers={"Location": "https://login.example/"})
    with pytest.raises(Unavailable, match="address"):
        await dynamics(answering(redirect, seen=seen)).read(SET)
    assert len(seen) == 1


@pytest.mark.parametrize(("header", "seconds"), [("17", 17.0), (None, 30.0), ("soon", 30.0)])
async def test_a_429_says_how_long_to_wait(header: str | None, seconds: float) -> None:
    headers = {"Retry-After": header} if header else {}
    with pytest.raises(Throttled) as caught:
        await dynamics(answering(httpx.Response(429, headers=headers))).read(SET)
    assert caught.value.retry_after_seconds == seconds


CERTAIN: list[Exception] = [
    httpx.ConnectError("refused"),
    httpx.ConnectTimeout("late"),
    httpx.PoolTimeout("busy"),
    httpx.ProxyError("proxy"),
    httpx.UnsupportedProtocol("gopher"),
]
LOST: list[Exception] = [
    httpx.ReadTimeout("late"),
    httpx.WriteTimeout("late"),
    httpx.ReadError("reset"),
    httpx.WriteError("pipe"),
    httpx.CloseError("close"),
    httpx.RemoteProtocolError("peer closed connection without sending complete message body"),
    httpx.LocalProtocolError("state"),
    httpx.DecodingError("gzip"),
    TimeoutError(),
    ConnectionResetError(),
]


@pytest.mark.parametrize("error", CERTAIN, ids=repr)
async def test_a_connection_that_never_came_about_is_certain(error: Exception) -> None:
    with pytest.raises(Unavailable, match="POST CustomersV3"):
        await dynamics(answering(error)).write("POST", SET, b"{}", LATER)


@pytest.mark.parametrize("error", LOST, ids=repr)
async def test_a_lost_answer_leaves_a_write_uncertain(error: Exception) -> None:
    with pytest.raises(UncertainWrite, match="POST CustomersV3"):
        await dynamics(answering(error)).write("POST", SET, b"{}", LATER)


@pytest.mark.parametrize("error", CERTAIN + LOST, ids=repr)
async def test_a_read_is_never_uncertain(error: Exception) -> None:
    with pytest.raises(Unavailable):
        await dynamics(answering(error)).read(SET)


@pytest.mark.parametrize(("method", "kind"), [("GET", Unavailable), ("POST", UncertainWrite)])
async def test_a_request_as_a_whole_has_a_time_limit(method: str, kind: type[TieoutError]) -> None:
    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(3600)
        return httpx.Response(200)

    http = dynamics(hang, timeout_seconds=0.01)
    with pytest.raises(kind):
        await (http.read(SET) if method == "GET" else http.write("POST", SET, b"", LATER))


async def test_a_write_that_could_outlive_its_lease_is_not_sent() -> None:
    seen: list[httpx.Request] = []
    http = dynamics(answering(httpx.Response(204), seen=seen), timeout_seconds=60)
    with pytest.raises(LeaseOver, match="POST CustomersV3"):
        await http.write("POST", SET, b"", NOW + timedelta(seconds=59))
    assert seen == []
    await http.write("POST", SET, b"", NOW + timedelta(seconds=60))
    assert len(seen) == 1


async def test_the_lease_is_checked_again_before_the_second_sending() -> None:
    clock, seen = Clock(), list[httpx.Request]()

    async def slow_refusal(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        await clock.sleep(30)
        return httpx.Response(401)

    with pytest.raises(LeaseOver):
        await dynamics(slow_refusal, clock=clock).write("POST", SET, b"", NOW + timedelta(0, 80))
    assert len(seen) == 1


async def test_the_lease_is_checked_after_waiting_for_a_slot() -> None:
    clock, release = Clock(), asyncio.Event()

    async def handle(_: httpx.Request) -> httpx.Response:
        await release.wait()
        return httpx.Response(204)

    http = dynamics(handle, clock=clock, concurrency_max=1)
    first = asyncio.create_task(http.write("POST", SET, b"", LATER))
    second = asyncio.create_task(http.write("POST", SET, b"", NOW + timedelta(seconds=61)))
    await asyncio.sleep(0)
    await clock.sleep(5)
    release.set()
    assert (await first).status == 204
    with pytest.raises(LeaseOver):
        await second


async def test_only_so_many_requests_are_under_way_at_a_time() -> None:
    running, most = 0, 0

    async def handle(_: httpx.Request) -> httpx.Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return httpx.Response(200, content=b"{}")

    http = dynamics(handle, concurrency_max=3)
    await asyncio.gather(*(http.read(SET) for _ in range(20)))
    assert most == 3


async def test_a_failure_gives_its_slot_back() -> None:
    http = dynamics(answering(httpx.ReadTimeout("late")), concurrency_max=1)
    for _ in range(3):
        with pytest.raises(Unavailable):
            await http.read(SET)


async def test_an_address_too_long_to_send_is_refused() -> None:
    with pytest.raises(Refused):
        await dynamics(answering(httpx.Response(200))).read(SET + "?x=" + "y" * 70_000)


def test_only_the_path_of_a_next_link_is_kept() -> None:
    link = "https://aos-internal:444/data/CustomersV3?$skiptoken=1%2C2"
    assert data_path_of(link) == "/data/CustomersV3?$skiptoken=1%2C2"
    with pytest.raises(Unavailable):
        data_path_of("https://elsewhere/odata/CustomersV3")

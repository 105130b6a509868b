import asyncio
from datetime import UTC, datetime

import httpx
import pytest
import stripe

from shared.clients.stripe.http import HttpxTransport

URL = "https://api.stripe.com/v1/balance"


class FakeClock:
    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 11, 1, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


async def test_an_answer_is_body_status_and_headers() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(418, content=request.content + b"!", headers={"Request-Id": "req_1"})

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    transport = HttpxTransport(http, FakeClock())
    body, status, headers = await transport.request_async("post", URL, {"X": "1"}, "a=1")
    assert (body, status) == (b"a=1!", 418)
    assert headers["request-id"] == headers["Request-Id"] == "req_1"


async def test_an_answer_without_end_is_cut_off() -> None:
    async def hang(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        return httpx.Response(200, request=request)

    http = httpx.AsyncClient(transport=httpx.MockTransport(hang))
    with pytest.raises(stripe.APIConnectionError, match="TimeoutError"):
        await HttpxTransport(http, FakeClock(), request_seconds_max=0.01).request_async(
            "get", URL, {}
        )


async def test_synchronous_and_streaming_calls_are_not_there() -> None:
    transport = HttpxTransport(httpx.AsyncClient(), FakeClock())
    with pytest.raises(NotImplementedError):
        transport.request("get", URL, {})
    with pytest.raises(NotImplementedError):
        await transport.request_stream_async("get", URL, {})


async def test_the_sdk_sleeps_on_our_clock() -> None:
    clock = FakeClock()
    await HttpxTransport(httpx.AsyncClient(), clock).sleep_async(3)
    assert clock.slept == [3]


async def test_closing_closes_the_injected_client() -> None:
    http = httpx.AsyncClient()
    await HttpxTransport(http, FakeClock()).close_async()
    assert http.is_closed

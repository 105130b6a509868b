"""How a peer's broken connections reach an HTTP client, with and without sockets.

An ASGI application cannot express "the answer never came". A peer raises `PeerFault` instead:
`PeerTransport` (virtual time, in process) turns it into the error httpx would raise; under a real
server `break_connection` ends the connection in the middle of an answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import httpx

from shared.ports import Clock

type Scope = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
type Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
type Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

EXTENSION = "tieout.peer"
"""In `scope["extensions"]`: the caller understands `PeerFault`."""


class PeerFault(Exception):
    """The client gets no (whole) answer. `committed`: the work was done, as far as known now."""

    def __init__(self, *, committed: bool) -> None:
        super().__init__(f"{type(self).__name__}(committed={committed})")
        self.committed = committed


class PeerTimeout(PeerFault):
    """No answer comes at all: the client waits until its own time-out."""


class PeerDropped(PeerFault):
    """The connection ends before the answer does."""


async def break_connection(scope: Scope, send: Send, fault: PeerFault) -> None:
    """Let a fault reach the client. Raises it where the caller understands it, else starts an
    answer that never ends, whereupon a server closes the connection."""
    if EXTENSION in scope.get("extensions", {}):
        raise fault
    headers = [(b"content-type", b"application/octet-stream"), (b"content-length", b"1024")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": True})


class PeerTransport(httpx.AsyncBaseTransport):
    """httpx straight into an ASGI application; `clock` must be that of the running loop.

    The client's read time-out is kept, and as in reality the peer goes on with a request whose
    client gave up or was cancelled. Raises `httpx.ReadTimeout` and
    `httpx.RemoteProtocolError`.
    """

    def __init__(self, app: Asgi, clock: Clock) -> None:
        self._app = app
        self._clock = clock
        self._running: dict[int, asyncio.Task[httpx.Response]] = {}
        self._count = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        timeout_seconds = request.extensions.get("timeout", {}).get("read")
        started_at = self._clock.now()
        answer = self._start(request)
        done, _ = await asyncio.wait({answer}, timeout=timeout_seconds)
        if not done:
            raise httpx.ReadTimeout("the peer did not answer in time", request=request)
        try:
            return answer.result()
        except PeerTimeout as fault:
            if timeout_seconds is not None:
                passed_seconds = (self._clock.now() - started_at).total_seconds()
                await self._clock.sleep(max(timeout_seconds - passed_seconds, 0.0))
            raise httpx.ReadTimeout("the peer did not answer", request=request) from fault
        except PeerDropped as fault:
            text = "peer closed connection without sending complete message body"
            raise httpx.RemoteProtocolError(text, request=request) from fault

    def _start(self, request: httpx.Request) -> asyncio.Task[httpx.Response]:
        """The request as a task of its own, kept until it ends."""
        self._count += 1
        number = self._count
        task = asyncio.create_task(_exchange(self._app, request), name=f"peer-{number}")
        self._running[number] = task

        def finished(task: asyncio.Task[httpx.Response]) -> None:
            del self._running[number]
            if not task.cancelled():
                task.exception()  # a client that gave up never asks for it

        task.add_done_callback(finished)
        return task


async def _exchange(app: Asgi, request: httpx.Request) -> httpx.Response:
    """One request straight through an ASGI application. (`httpx.ASGITransport` does the same and
    looks for a second async library at each request.)"""
    url = request.url
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "scheme": url.scheme,
        "path": url.path,
        "raw_path": url.raw_path.split(b"?")[0],
        "query_string": url.query,
        "server": (url.host, url.port),
        "client": ("127.0.0.1", 123),
        "root_path": "",
        "extensions": {EXTENSION: {}},
    }
    unread = [await request.aread()]
    answered = asyncio.Event()
    head: list[tuple[int, list[tuple[bytes, bytes]]]] = []
    parts: list[bytes] = []

    async def receive() -> MutableMapping[str, Any]:
        if unread:
            return {"type": "http.request", "body": unread.pop(), "more_body": False}
        await answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            head.append((message["status"], list(message.get("headers", ()))))
            return
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            answered.set()

    await app(scope, receive, send)
    if not head or not answered.is_set():
        raise RuntimeError(f"the application did not answer {request.method} {url}")
    ((status, headers),) = head
    return httpx.Response(status, headers=headers, content=b"".join(parts), request=request)

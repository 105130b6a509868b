"""The HTTP front: an ASGI app that turns requests into invocations.

It answers as the real host does: 404 without a route, 401 without a key where keys are
configured, and a bare 500 when the function raises (the text stays in the log).
"""

import hmac
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote

from azure_functions_runtime.bindings.datumdef import Datum

from local.host.engine import Function, InvocationOutcome, text_datum
from local.host.invoker import Invoker
from local.host.routes import routes_of

BODY_BYTES_MAX = 100 * 1024 * 1024  # the platform's default request limit
ADMIN_PATH = ("admin", "functions")

type Scope = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
type Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
type Headers = list[tuple[bytes, bytes]]
type Answer = tuple[int, Headers, bytes]
type Fire = Callable[[str], bool]


class _ClientGone(Exception):
    """The client went away before its request was whole: nobody waits for an answer."""


class HttpFront:
    """Routes requests to the HTTP functions of an app.

    `function_key` None: keys are ignored, whatever the auth level of a function. `fire(name)`
    starts a timer function by hand and tells whether there is one of this name.
    """

    def __init__(
        self,
        functions: Sequence[Function],
        invoker: Invoker,
        *,
        route_prefix: str,
        function_key: str | None,
        fire: Fire,
    ) -> None:
        self._routes = routes_of(functions)
        self._invoker = invoker
        self._prefix = tuple(part for part in route_prefix.lower().split("/") if part)
        self._key = function_key
        self._fire = fire

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        if scope["type"] != "http":
            raise ValueError(f"the local host does not serve {scope['type']}")
        try:
            status, headers, body = await self._answer(scope, receive)
        except _ClientGone:
            return
        if not any(name.lower() == b"content-length" for name, _ in headers):
            headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        shown = b"" if scope["method"] == "HEAD" else body
        await send({"type": "http.response.body", "body": shown})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        parts = [unquote(part) for part in _raw_path(scope).strip("/").split("/")]
        body = await _body(receive)
        if body is None:
            return 413, [], b""
        if tuple(parts[:2]) == ADMIN_PATH:
            return self._admin(scope, parts[2:])
        count = len(self._prefix)
        if tuple(part.lower() for part in parts[:count]) != self._prefix:
            return 404, [], b""
        method = scope["method"].upper()
        allowed: list[str] = []
        for route in self._routes:
            values = route.match(parts[count:])
            if values is None:
                continue
            if route.methods and method not in route.methods:
                allowed += route.methods
                continue
            if not self._may_call(route.function, scope):
                return 401, [], b""
            request = _request(scope, method, values, body)
            return _response(await self._invoker.invoke(route.function, request))
        if allowed:
            return 405, [(b"allow", ", ".join(sorted(allowed)).encode())], b""
        return 404, [], b""

    def _admin(self, scope: Scope, rest: Sequence[str]) -> Answer:
        if len(rest) != 1:
            return 404, [], b""
        if scope["method"] != "POST":
            return 405, [(b"allow", b"POST")], b""
        if self._key is not None and not self._has_key(scope):
            return 401, [], b""
        return (202 if self._fire(rest[0]) else 404), [], b""

    def _may_call(self, function: Function, scope: Scope) -> bool:
        is_open = str(function.trigger.get("authLevel", "FUNCTION")).upper() == "ANONYMOUS"
        return is_open or self._key is None or self._has_key(scope)

    def _has_key(self, scope: Scope) -> bool:
        given = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1"))).get("code", "")
        for name, value in scope["headers"]:
            if name.lower() == b"x-functions-key":
                given = value.decode("latin-1")
        return hmac.compare_digest(given.encode(), (self._key or "").encode())


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _raw_path(scope: Scope) -> str:
    """The path before decoding, so that an encoded slash stays within its segment."""
    raw = scope.get("raw_path")
    text = raw.decode("latin-1") if raw else str(scope["path"])
    return text.partition("?")[0]


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or None when it is larger than the platform takes."""
    chunks: list[bytes] = []
    size_bytes = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClientGone
        chunk = message.get("body", b"")
        size_bytes += len(chunk)
        if size_bytes <= BODY_BYTES_MAX:
            chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks) if size_bytes <= BODY_BYTES_MAX else None


def _request(scope: Scope, method: str, params: dict[str, str], body: bytes) -> Datum:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    query_string = scope.get("query_string", b"").decode("latin-1")
    query: dict[str, str] = {}
    for name, value in parse_qsl(query_string, keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    host = headers.get("host", "localhost")
    url = f"{scope.get('scheme', 'http')}://{host}{_raw_path(scope)}"
    return Datum(
        {
            "method": text_datum(method),
            "url": text_datum(f"{url}?{query_string}" if query_string else url),
            "headers": {name: text_datum(value) for name, value in headers.items()},
            "params": {name: text_datum(value) for name, value in params.items()},
            "query": {name: text_datum(value) for name, value in query.items()},
            "body": Datum(body, "bytes"),
        },
        "http",
    )


def _response(outcome: InvocationOutcome) -> Answer:
    result = outcome.result
    if not outcome.ok:
        return 500, [], b""
    if result is None or result.value is None:
        return 204, [], b""
    if result.type != "http":
        text = str(result.value).encode()
        return 200, [(b"content-type", b"text/plain; charset=utf-8")], text
    value = result.value
    headers: Headers = [
        (name.lower().encode("latin-1"), datum.value.encode("latin-1"))
        for name, datum in value["headers"].items()
    ]
    for cookies in value.get("cookies") or ():
        for morsel in cookies.values():
            headers.append((b"set-cookie", morsel.OutputString().encode("latin-1")))
    body = value["body"].value
    return (
        int(value["status_code"].value),
        headers,
        body if isinstance(body, bytes) else body.encode(),
    )

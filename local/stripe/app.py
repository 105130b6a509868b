"""The peer as an ASGI application: keys, faults, idempotency, and the way to a handler."""

import random
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

from local.stripe.control import StripeControl
from local.stripe.core import Core
from local.stripe.errors import (
    ApiError,
    idempotency,
    rate_limited,
    server_error,
    too_late,
    unrecognized,
)
from local.stripe.forms import parse
from local.stripe.ids import Ids
from local.stripe.keys import Keys, RestrictedKey
from local.stripe.routes import match, perform
from local.stripe.wire import to_bytes
from shared.ports import Json

BODY_BYTES_MAX = 32 * 1024 * 1024  # a stored world may be large
IDEMPOTENCY_KEY_CHARS_MAX = 255
IDEMPOTENCY_SECONDS = 86_400
FORM = "application/x-www-form-urlencoded"

type Scope = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
type Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class StripeRequest:
    """A request, its body read whole. Header names are lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class StripeAnswer:
    """An answer with a JSON body."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Remembered:
    path: str
    body: bytes
    answer: StripeAnswer
    at: datetime


class StripeApp:
    """ASGI. `/v1/...` is the API, `/_peer/...` the control routes (no key needed there).

    `requests` counts API requests by method and route. `ids` numbers them, apart from the objects:
    what clients ask must not change what the account makes.
    """

    def __init__(
        self,
        core: Core,
        control: StripeControl,
        rng: random.Random,
        *,
        ids: Ids,
        keys: Keys,
        api_version: str,
    ) -> None:
        self._core = core
        self._control = control
        self._rng = rng
        self._ids = ids
        self._keys = keys
        self._api_version = api_version
        self._remembered: dict[str, _Remembered] = {}
        self.requests: dict[str, int] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            raise NotImplementedError(f"the Stripe peer speaks HTTP, not {scope['type']}")
        body = await _body(receive)
        raw_path = scope.get("raw_path") or scope["path"].encode()
        request = StripeRequest(
            method=scope["method"],
            path=unquote(raw_path.decode("latin-1").split("?")[0]),
            query=scope.get("query_string", b"").decode("latin-1"),
            headers={k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]},
            body=b"" if body is None else body,
        )
        if body is None:
            error = ApiError(413, f"The request body is larger than {BODY_BYTES_MAX} bytes.")
            answer = StripeAnswer(413, to_bytes(error.body()))
        elif request.path.startswith("/_peer/"):
            status, value = await self._control.answer(request.method, request.path, request.body)
            answer = StripeAnswer(status, to_bytes(value))
        else:
            answer = await self._api(request)
        await _reply(send, answer)

    async def _api(self, request: StripeRequest) -> StripeAnswer:
        id = self._ids.new("req")
        headers = {"Request-Id": id, "Stripe-Version": self._version(request)}
        try:
            key = self._keys.authenticate(request.headers)
            late = await self._fault()
            answer = self._idempotent(request, id, key)
            if late:
                await self._core.clock.sleep(self._core.faults.timeout_seconds)
                answer = StripeAnswer(504, to_bytes(too_late().body()))
        except ApiError as error:
            answer = StripeAnswer(error.status, to_bytes(error.body()), error.headers)
        return StripeAnswer(answer.status, answer.body, headers | answer.headers)

    def _version(self, request: StripeRequest) -> str:
        return request.headers.get("stripe-version") or self._api_version

    async def _fault(self) -> bool:
        """Suffer the faults that are set. True: the answer of this request is to be lost."""
        faults = self._core.faults
        draws = [self._rng.random() for _ in range(4)]  # always four: one moves no other
        if faults.latency_seconds and self._struck("latency", 1.0, 0.0):
            await self._core.clock.sleep(draws[0] * faults.latency_seconds)
        if self._struck("rate_limit", faults.rate_limit, draws[1]):
            raise rate_limited()
        if self._struck("server_error", faults.server_error, draws[2]):
            raise server_error()
        return self._struck("timeout", faults.timeout, draws[3])

    def _struck(self, name: str, rate: float, draw: float) -> bool:
        strikes = self._core.strikes
        return draw < rate if strikes is None else strikes(name, rate)

    def _idempotent(self, request: StripeRequest, id: str, api_key: RestrictedKey) -> StripeAnswer:
        key = request.headers.get("idempotency-key")
        if key is None or request.method != "POST":
            return self._handle(request, id, None, api_key)
        if len(key) > IDEMPOTENCY_KEY_CHARS_MAX:
            raise idempotency(
                f"Idempotency keys can be at most {IDEMPOTENCY_KEY_CHARS_MAX} characters long."
            )
        now = self._core.clock.now()
        old = self._remembered.get(key)
        if old is not None and now - old.at < timedelta(seconds=IDEMPOTENCY_SECONDS):
            if old.path != request.path:
                raise idempotency(
                    "Keys for idempotent requests can only be used for the same endpoint they "
                    f"were first used for ('{old.path}' vs '{request.path}'). Try using a key "
                    f"other than '{key}' if you meant to execute a different request."
                )
            if old.body != request.body:
                raise idempotency(
                    "Keys for idempotent requests can only be used with the same parameters they "
                    f"were first used with. Try using a key other than '{key}' if you meant to "
                    "execute a different request."
                )
            return StripeAnswer(
                old.answer.status,
                old.answer.body,
                old.answer.headers | {"Idempotency-Key": key, "Idempotent-Replayed": "true"},
            )
        answer = self._handle(request, id, key, api_key)
        self._remembered[key] = _Remembered(request.path, request.body, answer, now)
        return StripeAnswer(answer.status, answer.body, answer.headers | {"Idempotency-Key": key})

    def _handle(
        self, request: StripeRequest, id: str, key: str | None, api_key: RestrictedKey
    ) -> StripeAnswer:
        if not request.path.startswith("/v1/"):
            raise unrecognized(request.method, request.path)
        route, ids = match(request.method, request.path)
        name = f"{route.method} {route.path}"
        self.requests[name] = self.requests.get(name, 0) + 1
        self._keys.permit(api_key, route.method, route.path)
        raw = parameters(request)
        try:
            with self._core.events.on_request(id, key):
                value = perform(self._core, route, ids, request.path, raw)
        except ApiError as error:
            return StripeAnswer(error.status, to_bytes(error.body()), error.headers)
        return StripeAnswer(200, to_bytes(value))


def parameters(request: StripeRequest) -> Json:
    """The parameters of query string and form body. Raises `ApiError`."""
    raw = parse(request.query)
    if not request.body:
        return raw
    content_type = request.headers.get("content-type", FORM).split(";")[0].strip().lower()
    if content_type != FORM:
        raise ApiError(
            400,
            "Invalid request (check that your POST content type is "
            "application/x-www-form-urlencoded). If you have questions, we can help at "
            "https://support.stripe.com/.",
        )
    try:
        return raw | parse(request.body.decode())
    except UnicodeDecodeError as error:
        raise ApiError(400, "Invalid request: the body is not UTF-8.") from error


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None when it is too large."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > BODY_BYTES_MAX:
            return None
        if not message.get("more_body", False):
            return bytes(body)


async def _reply(send: Send, answer: StripeAnswer) -> None:
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(answer.body)),
        **answer.headers,
    }
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": answer.body})


async def _lifespan(receive: Receive, send: Send) -> None:
    """Answer the server's questions; the peer starts and stops with its world, not with it."""
    while True:
        message = await receive()
        kind = message["type"].removeprefix("lifespan.")
        await send({"type": f"lifespan.{kind}.complete"})
        if kind == "shutdown":
            return

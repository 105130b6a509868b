"""One HTTP request to Dynamics 365: caps, bearer token, time-outs, and what a failure means.

One question classifies a request that fails: may Dynamics have executed it? If the connection was
never made, it has not (`Unavailable`). After the first byte was sent, it may have: a write raises
`UncertainWrite`, a read raises `Unavailable` all the same.

https://learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/odata
https://learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/service-protection-api-limits
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

import httpx

from shared import telemetry
from shared.clients.dynamics.auth import TokenSource
from shared.clients.dynamics.errors import RETRY_AFTER_SECONDS_MAX, SYSTEM, error_of
from shared.clients.retry_after import retry_after_seconds
from shared.clients.vendor_requests import answered, unanswered
from shared.errors import LeaseOver, Refused, TieoutError, Unavailable, UncertainWrite
from shared.ports import Clock

CONCURRENCY_MAX = 8  # requests of one process at a time
TIMEOUT_SECONDS = 60.0  # of one request as a whole
CONNECT_SECONDS_MAX = 10.0  # to get a connection, from the pool or a new one
SENDS_MAX = 2  # the request, and once more with a new token after a 401

DATA_PATH = "/data/"
ODATA_HEADERS = MappingProxyType(
    {
        "Accept": "application/json;odata.metadata=minimal",
        "OData-Version": "4.0",
        "OData-MaxVersion": "4.0",
    }
)

NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
"""Failures before the first byte of the request: certainly not executed."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A successful answer (2xx), read to its end."""

    status: int
    content_type: str
    body: bytes


class DynamicsHttp:
    """Sends single requests to the OData endpoint of one Dynamics 365 environment.

    `base_url` is the environment without a path (`https://<env>.operations.dynamics.com`). At
    most `concurrency_max` requests are under way at a time. Redirects are not followed.
    """

    def __init__(
        self,
        base_url: str,
        tokens: TokenSource,
        http: httpx.AsyncClient,
        clock: Clock,
        *,
        concurrency_max: int = CONCURRENCY_MAX,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._tokens = tokens
        self._http = http
        self._clock = clock
        self._slots = asyncio.Semaphore(concurrency_max)
        self._timeout_seconds = timeout_seconds
        connect_seconds = min(CONNECT_SECONDS_MAX, timeout_seconds)
        self._timeout = httpx.Timeout(
            timeout_seconds, connect=connect_seconds, pool=connect_seconds
        )

    async def read(self, target: str) -> HttpAnswer:
        """GET a target (`/data/...`, percent-encoded).

        Raises `Throttled`, `Unavailable`, `CredentialsRefused`, `Refused`.
        """
        return await self._send("GET", target, b"", {}, None)

    async def write(
        self,
        method: str,
        target: str,
        body: bytes,
        not_after: datetime,
        headers: Mapping[str, str] | None = None,
    ) -> HttpAnswer:
        """POST, PATCH or DELETE a target; `body` may be empty.

        Nothing is sent when the longest wait for the answer would end after `not_after`: that
        raises `LeaseOver`. Else as `read`, and `UncertainWrite`, `UpdateConflict`,
        `JournalPosted`, `DuplicateKey`.
        """
        return await self._send(method, target, body, headers or {}, not_after)

    async def _send(
        self,
        method: str,
        target: str,
        body: bytes,
        headers: Mapping[str, str],
        not_after: datetime | None,
    ) -> HttpAnswer:
        what = f"{method} {target.removeprefix(DATA_PATH).partition('?')[0]}"
        writing = method != "GET"
        async with self._slots:
            refused = ""
            for _ in range(SENDS_MAX):
                token = await self._tokens.token(refused)
                bearer = {**headers, "Authorization": f"Bearer {token}"}
                request = self._request(method, target, body, bearer, what)
                self._check_lease(not_after, what)
                response = await self._exchange(request, what, writing=writing)
                if response.status_code != httpx.codes.UNAUTHORIZED:
                    break
                refused = token
        if response.is_success:
            content_type = response.headers.get("Content-Type", "")
            return HttpAnswer(response.status_code, content_type, response.content)
        retry_after = retry_after_seconds(
            response.headers.get("Retry-After", ""), self._clock.now(), RETRY_AFTER_SECONDS_MAX
        )
        raise error_of(
            response.status_code,
            response.content,
            what,
            writing=writing,
            retry_after_seconds=retry_after,
        )

    def _check_lease(self, not_after: datetime | None, what: str) -> None:
        """Right before each sending, since the slot and the token may have cost time."""
        if not_after is None:
            return
        if self._clock.now() + timedelta(seconds=self._timeout_seconds) > not_after:
            raise LeaseOver(f"not sent: {what} could end after {not_after.isoformat()}")

    def _request(
        self, method: str, target: str, body: bytes, headers: Mapping[str, str], what: str
    ) -> httpx.Request:
        try:
            return self._http.build_request(
                method,
                self.base_url + target,
                content=body,
                headers={**ODATA_HEADERS, **headers},
                timeout=self._timeout,
            )
        except httpx.InvalidURL as error:
            raise Refused(SYSTEM, f"{what}: {error}") from error

    async def _exchange(
        self, request: httpx.Request, what: str, *, writing: bool
    ) -> httpx.Response:
        try:
            with telemetry.span("dynamics", request=what.partition("(")[0]):
                async with asyncio.timeout(self._timeout_seconds):
                    response = await self._http.send(request, follow_redirects=False)
        except (httpx.HTTPError, OSError) as error:  # a time-out is an OSError
            unanswered(SYSTEM)
            raise _failure_of(error, what, writing=writing) from error
        answered(SYSTEM, response.status_code)
        return response


def data_path_of(next_link: str) -> str:
    """The `/data/...` part of an `@odata.nextLink`; its host may not be the public one.

    Raises `Unavailable` when there is no such part.
    """
    _, separator, rest = next_link.partition(DATA_PATH)
    if not separator:
        raise Unavailable(SYSTEM, f"a next link without {DATA_PATH}: {next_link}")
    return DATA_PATH + rest


def _failure_of(error: Exception, what: str, *, writing: bool) -> TieoutError:
    text = f"{what}: {type(error).__name__} {error}".rstrip()
    if isinstance(error, NEVER_SENT) or not writing:
        return Unavailable(SYSTEM, text)
    return UncertainWrite(f"{SYSTEM} may or may not have executed it, its answer is lost: {text}")

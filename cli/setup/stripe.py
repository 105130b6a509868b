"""Stripe with the key of a person: its account, and webhook endpoints.

https://docs.stripe.com/api/webhook_endpoints and https://docs.stripe.com/api/idempotent_requests
"""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import httpx

from cli.setup.endpoint import StripeEndpoint
from cli.setup.failure import SetupFailed

STRIPE_URL = "https://api.stripe.com"
PATH = "/v1/webhook_endpoints"
REQUEST_SECONDS_MAX = 30.0
TRIES_MAX = 3  # of a request that gets no answer, or a failure of Stripe
PAUSE_SECONDS = 1.0  # before the second try, then twice as long
PAGE_SIZE = 100
PAGES_MAX = 10
AGAIN = (HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS)
type Pause = Callable[[float], Awaitable[None]]
"""Waits for so many seconds."""

WRITE = "The key needs the permission Webhook Endpoints: write; or take a secret key (sk_...)."


class StripeWebhooks:
    """Requests of one run. The key stays in this object; no text that leaves it shows the key.
    Raises `SetupFailed`."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        key: str,
        api_version: str,
        *,
        url: str,
        pause: Pause,
    ) -> None:
        self._http = http
        self._key = key
        self._headers = {"Authorization": f"Bearer {key}", "Stripe-Version": api_version}
        self._url = url.rstrip("/")
        self._pause = pause

    async def account_id(self) -> str:
        """The account of the key; empty where a restricted key may not read it."""
        answer = await self._request("GET", "/v1/account")
        if answer.status_code == HTTPStatus.FORBIDDEN:
            return ""
        return str(self._object(answer).get("id", ""))

    async def endpoints(self) -> list[StripeEndpoint]:
        """All webhook endpoints, newest first."""
        found: list[StripeEndpoint] = []
        after: dict[str, str] = {}
        for _ in range(PAGES_MAX):
            params = {"limit": str(PAGE_SIZE), **after}
            page = self._object(await self._request("GET", PATH, params=params))
            try:
                found += [StripeEndpoint.of(each) for each in page["data"]]
                more = page["has_more"]
            except (KeyError, TypeError):
                raise SetupFailed("Stripe's list of webhook endpoints has another shape") from None
            if not more:
                return found
            after = {"starting_after": found[-1].id}
        raise SetupFailed(f"Stripe has more than {PAGES_MAX * PAGE_SIZE} webhook endpoints")

    async def create(self, form: Mapping[str, str]) -> tuple[StripeEndpoint, str]:
        """A new endpoint and its signing secret, which Stripe shows this once."""
        made = await self._post(PATH, form)
        secret = made.get("secret")
        try:
            endpoint = StripeEndpoint.of(made)
        except (KeyError, TypeError):
            raise SetupFailed("Stripe's answer about the new endpoint has another shape") from None
        if not isinstance(secret, str) or not secret:
            raise SetupFailed(
                f"Stripe made {endpoint.id} and showed no secret: copy it from the Dashboard"
            )
        return endpoint, secret

    async def update(self, id: str, form: Mapping[str, str]) -> None:
        """Change an endpoint."""
        await self._post(f"{PATH}/{id}", form)

    async def _post(self, path: str, form: Mapping[str, str]) -> Mapping[str, Any]:
        # One key for all tries: Stripe then repeats the first answer and makes nothing twice.
        headers = {"Idempotency-Key": f"tieout-setup-{uuid4().hex}"}
        answer = await self._request("POST", path, data=dict(form), headers=headers)
        return self._object(answer)

    async def _request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        problem = ""
        for attempt in range(TRIES_MAX):
            if attempt:
                await self._pause(PAUSE_SECONDS * 2 ** (attempt - 1))
            try:
                answer = await self._http.request(
                    method,
                    self._url + path,
                    headers={**self._headers, **(headers or {})},
                    params=params,
                    data=data,
                    timeout=REQUEST_SECONDS_MAX,
                )
            except httpx.HTTPError as error:
                problem = type(error).__name__  # its text may quote a header
                continue
            status = answer.status_code
            if status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in AGAIN:
                return answer
            problem = f"HTTP {status}"
        hint = ""
        if method == "POST":
            hint = "; it may have done it all the same: run tieout setup again, which looks first"
        raise SetupFailed(f"Stripe did not answer {method} {path} ({problem}){hint}")

    def _object(self, answer: httpx.Response) -> Mapping[str, Any]:
        try:
            body = answer.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise SetupFailed(f"{self._url} did not answer like Stripe (HTTP {answer.status_code})")
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            raise SetupFailed("Stripe refuses the key: it was deleted, has expired, or is cut off")
        if answer.status_code == HTTPStatus.FORBIDDEN:
            raise SetupFailed(f"the key may not do this at Stripe. {WRITE}")
        if answer.is_error:
            raise SetupFailed(f"Stripe refuses it: {self._message(body)}")
        return body

    def _message(self, body: Mapping[str, Any]) -> str:
        error = body.get("error")
        text = error.get("message") if isinstance(error, dict) else None
        return str(text or "no text").replace(self._key, "(the key)")

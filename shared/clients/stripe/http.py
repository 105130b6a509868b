"""The Stripe SDK over an injected `httpx.AsyncClient`.

`stripe.HTTPXClient` makes its own client and takes no transport; the embedded world and the
tests need one. https://github.com/stripe/stripe-python#configuring-an-http-client
"""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
import stripe

from shared import telemetry
from shared.clients.vendor_requests import answered, unanswered
from shared.ports import Clock

CONNECT_SECONDS_MAX = 5
REQUEST_SECONDS_MAX = 30


class HttpxTransport(stripe.HTTPClient):
    """Asynchronous requests only; the SDK's synchronous and streaming calls raise
    `NotImplementedError`. Raises `stripe.APIConnectionError` when there is no answer.
    """

    name = "httpx"
    vendor = "stripe"

    def __init__(
        self,
        http: httpx.AsyncClient,
        clock: Clock,
        *,
        request_seconds_max: float = REQUEST_SECONDS_MAX,
    ) -> None:
        super().__init__()
        self._http = http
        self._clock = clock
        self._request_seconds_max = request_seconds_max

    async def request_async(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        post_data: Any = None,  # noqa: ANN401 - the SDK's signature
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Body, status and headers of the answer, read whole within the time limit."""
        seconds_max = self._request_seconds_max
        limits = httpx.Timeout(seconds_max, connect=min(seconds_max, CONNECT_SECONDS_MAX))
        try:
            with telemetry.span("stripe", request=f"{method} {urlsplit(url).path}"):
                async with asyncio.timeout(seconds_max):  # httpx limits each read, not all
                    response = await self._http.request(
                        method, url, headers=headers, content=post_data, timeout=limits
                    )
        except (httpx.HTTPError, TimeoutError) as error:
            unanswered(self.vendor)
            # Only the type: the text of a protocol error may quote the header with the key.
            text = f"no answer: {type(error).__name__}"
            raise stripe.APIConnectionError(text) from error  # type: ignore[no-untyped-call]
        answered(self.vendor, response.status_code)
        return response.content, response.status_code, response.headers

    async def sleep_async(self, secs: float) -> None:
        """Wait on the application's clock."""
        await self._clock.sleep(secs)

    async def close_async(self) -> None:
        """Close the injected client."""
        await self._http.aclose()

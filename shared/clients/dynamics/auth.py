"""Bearer tokens for Dynamics 365 from Microsoft Entra ID.

Two sources of one protocol: a client secret (`ClientCredentials`) and a managed identity or any
other credential of azure-identity (`IdentityToken`). The application's client id must be
registered in Dynamics ("Microsoft Entra ID applications") and mapped to a user.

docs/dependencies.md says why the secret is not exchanged by azure-identity, too.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

import httpx
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError

from shared.clients.dynamics.errors import SYSTEM
from shared.errors import CredentialsRefused, TieoutError, Unavailable
from shared.ports import Clock

REFRESH_AHEAD_SECONDS = 300  # a token is renewed this long before it ends
TOKEN_TIMEOUT_SECONDS = 15.0  # of one request to the token endpoint
REFUSED_STATUSES = (httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED)
"""Entra ID: invalid_client, invalid_scope, unauthorized_client, ..."""


class TokenSource(Protocol):
    """Where the transport gets its bearer token."""

    async def token(self, refused: str = "") -> str:
        """A bearer token, valid now.

        `refused` is a token that Dynamics has just answered with 401: it is not given again.
        Raises `CredentialsRefused` or `Unavailable`.
        """


class ClientCredentials:
    """The client-credentials grant, cached until shortly before its end.

    However many callers wait, one request is on its way (single flight); they share its failure
    too. While the old token still holds, a failed renewal is not an error.
    """

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: str,
        scope: str,
        *,
        http: httpx.AsyncClient,
        clock: Clock,
    ) -> None:
        self._token_url = token_url
        self._form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
            "scope": scope,
        }
        self._http = http
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token = ""
        self._renew_at: datetime | None = None
        self._ends_at: datetime | None = None
        self._failures = 0
        self._failure: TieoutError | None = None

    async def token(self, refused: str = "") -> str:
        """See `TokenSource.token`."""
        if self._holds(self._renew_at, refused):
            return self._token
        failures_seen = self._failures
        async with self._lock:
            if self._holds(self._renew_at, refused):
                return self._token
            if self._failure is not None and self._failures != failures_seen:
                raise self._failure
            try:
                await self._renew()
            except TieoutError as error:
                self._failures += 1
                self._failure = error
                if not self._holds(self._ends_at, refused):
                    raise
            return self._token

    def _holds(self, until: datetime | None, refused: str) -> bool:
        return until is not None and self._clock.now() < until and self._token != refused

    async def _renew(self) -> None:
        asked_at = self._clock.now()
        try:
            async with asyncio.timeout(TOKEN_TIMEOUT_SECONDS):
                response = await self._http.post(self._token_url, data=self._form)
        except (httpx.HTTPError, OSError) as error:  # a time-out is an OSError
            raise Unavailable(SYSTEM, f"token endpoint: {type(error).__name__}") from error
        if response.status_code in REFUSED_STATUSES:
            raise CredentialsRefused(SYSTEM, _reason_of(response))
        if response.status_code != httpx.codes.OK:
            raise Unavailable(SYSTEM, f"token endpoint answers HTTP {response.status_code}")
        self._token, lifetime_seconds = _grant_of(response)
        ahead_seconds = min(REFRESH_AHEAD_SECONDS, lifetime_seconds // 2)
        self._ends_at = asked_at + timedelta(seconds=lifetime_seconds)
        self._renew_at = self._ends_at - timedelta(seconds=ahead_seconds)


class IdentityToken:
    """A token of azure-identity, such as `ManagedIdentityCredential`.

    The credential caches and renews by itself. It is made at the first use (nothing connects at
    start-up) and made anew when Dynamics refused its token, since it offers no forced renewal.

    https://learn.microsoft.com/python/api/azure-identity/azure.identity.aio
    """

    def __init__(self, credential_factory: Callable[[], AsyncTokenCredential], scope: str) -> None:
        self._factory = credential_factory
        self._scope = scope
        self._lock = asyncio.Lock()
        self._credential: AsyncTokenCredential | None = None

    async def token(self, refused: str = "") -> str:
        """See `TokenSource.token`."""
        async with self._lock:
            token = await self._ask()
            if token == refused:
                await self._close()
                token = await self._ask()
            return token

    async def aclose(self) -> None:
        """Close the credential's connections."""
        async with self._lock:
            await self._close()

    async def _ask(self) -> str:
        if self._credential is None:
            self._credential = self._factory()
        try:
            return (await self._credential.get_token(self._scope)).token
        except ClientAuthenticationError as error:
            raise CredentialsRefused(SYSTEM, f"identity: {error.message}") from error
        except (AzureError, OSError) as error:
            raise Unavailable(SYSTEM, f"identity: {type(error).__name__}") from error

    async def _close(self) -> None:
        credential, self._credential = self._credential, None
        if credential is not None:
            await credential.close()


def _grant_of(response: httpx.Response) -> tuple[str, int]:
    """The token and its lifetime in seconds."""
    try:
        grant = response.json()
        token, lifetime_seconds = grant["access_token"], int(grant["expires_in"])
    except (ValueError, KeyError, TypeError) as error:
        raise Unavailable(SYSTEM, "token endpoint: its answer is not a token") from error
    if not isinstance(token, str) or not token or lifetime_seconds <= 0:
        raise Unavailable(SYSTEM, "token endpoint: its answer is not a token")
    return token, lifetime_seconds


def _reason_of(response: httpx.Response) -> str:
    """Entra ID's `error` and the first line of its `error_description` (no trace ids)."""
    try:
        answer = response.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        answer = None
    if not isinstance(answer, dict):
        return f"token endpoint answers HTTP {response.status_code}"
    description = str(answer.get("error_description", "")).partition("\n")[0].strip()
    return f"{answer.get('error', response.status_code)}: {description}".rstrip(": ")

"""Bearer tokens: cached, renewed in time, asked for once at a time."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs

import httpx
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

from shared.clients.dynamics.auth import ClientCredentials, IdentityToken
from shared.errors import CredentialsRefused, Unavailable

URL = "https://login.example/t/oauth2/v2.0/token"
SCOPE = "https://env.example/.default"
SECRET = "very-secret"


class Clock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 7, 15, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class Entra:
    """A token endpoint: `answers` are used up in order, then tokens T1, T2, ..."""

    def __init__(self, *answers: httpx.Response | Exception, expires_in: Any = 3600) -> None:
        self.answers = list(answers)
        self.expires_in = expires_in
        self.forms: list[dict[str, list[str]]] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.forms.append(parse_qs(request.content.decode()))
        number = len(self.forms)
        await asyncio.sleep(0)
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        return httpx.Response(
            200, json={"access_token": f"T{number}", "expires_in": self.expires_in}
        )


def credentials(entra: Entra, clock: Clock | None = None) -> ClientCredentials:
    http = httpx.AsyncClient(transport=httpx.MockTransport(entra))
    return ClientCredentials(URL, "app", SECRET, SCOPE, http=http, clock=clock or Clock())


async def test_the_grant_is_asked_for_once_and_cached() -> None:
    entra = Entra()
    tokens = credentials(entra)
    assert [await tokens.token() for _ in range(3)] == ["T1"] * 3
    assert entra.forms == [
        {
            "grant_type": ["client_credentials"],
            "client_id": ["app"],
            "client_secret": [SECRET],
            "scope": [SCOPE],
        }
    ]


async def test_many_callers_share_one_request() -> None:
    entra = Entra()
    tokens = credentials(entra)
    assert set(await asyncio.gather(*(tokens.token() for _ in range(50)))) == {"T1"}
    assert len(entra.forms) == 1


async def test_many_callers_share_one_failure() -> None:
    entra = Entra(httpx.Response(500))
    tokens = credentials(entra)
    results = await asyncio.gather(*(tokens.token() for _ in range(20)), return_exceptions=True)
    assert {type(result) for result in results} == {Unavailable}
    assert len(entra.forms) == 1
    assert await tokens.token() == "T2"


async def test_a_token_is_renewed_before_it_ends() -> None:
    entra, clock = Entra(), Clock()
    tokens = credentials(entra, clock)
    await tokens.token()
    await clock.sleep(3600 - 301)
    assert await tokens.token() == "T1"
    await clock.sleep(2)
    assert await tokens.token() == "T2"


async def test_a_short_lived_token_is_still_cached() -> None:
    entra, clock = Entra(expires_in="60"), Clock()
    tokens = credentials(entra, clock)
    await tokens.token()
    await clock.sleep(29)
    assert await tokens.token() == "T1"
    await clock.sleep(2)
    assert await tokens.token() == "T2"


async def test_a_failed_renewal_is_no_error_while_the_old_token_holds() -> None:
    entra, clock = Entra(), Clock()
    tokens = credentials(entra, clock)
    await tokens.token()
    entra.answers = [httpx.Response(503), httpx.Response(503)]
    await clock.sleep(3400)
    assert await tokens.token() == "T1"
    await clock.sleep(201)
    with pytest.raises(Unavailable):
        await tokens.token()


async def test_a_refused_token_is_replaced_once_for_all_its_users() -> None:
    entra = Entra()
    tokens = credentials(entra)
    old = await tokens.token()
    assert set(await asyncio.gather(*(tokens.token(old) for _ in range(9)))) == {"T2"}
    assert len(entra.forms) == 2


@pytest.mark.parametrize("status", [400, 401])
async def test_a_wrong_secret_is_told_without_the_secret(status: int) -> None:
    text = "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 123"
    answer = httpx.Response(status, json={"error": "invalid_client", "error_description": text})
    with pytest.raises(CredentialsRefused) as caught:
        await credentials(Entra(answer)).token()
    assert str(caught.value).endswith(
        "invalid_client: AADSTS7000215: Invalid client secret provided."
    )
    assert caught.value.system == "dynamics"
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b"{}"])
async def test_a_refusal_in_any_other_shape_is_a_refusal(content: bytes) -> None:
    with pytest.raises(CredentialsRefused):
        await credentials(Entra(httpx.Response(401, content=content))).token()


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(429),
        httpx.Response(500),
        httpx.Response(302, headers={"Location": "https://elsewhere"}),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"access_token": "T"}),
        httpx.Response(200, json={"access_token": "", "expires_in": 1}),
        httpx.Response(200, json={"access_token": 7, "expires_in": 1}),
        httpx.Response(200, json={"access_token": "T", "expires_in": 0}),
        httpx.Response(200, json={"access_token": "T", "expires_in": "soon"}),
        httpx.ConnectError("no route"),
        httpx.ReadTimeout("late"),
        TimeoutError(),
    ],
)
async def test_anything_else_is_unavailable(answer: httpx.Response | Exception) -> None:
    with pytest.raises(Unavailable):
        await credentials(Entra(answer)).token()


class Credential:
    """An azure-identity credential that gives its own number as the token."""

    def __init__(self, number: int, error: Exception | None = None) -> None:
        self.number, self.error, self.closed = number, error, False

    async def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **kwargs: Any,
    ) -> AccessToken:
        assert scopes == (SCOPE,)
        if self.error:
            raise self.error
        return AccessToken(f"I{self.number}", 0)

    async def close(self) -> None:
        self.closed = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.close()


def factory(made: list[Credential], error: Exception | None = None) -> Callable[[], Credential]:
    def make() -> Credential:
        made.append(Credential(len(made) + 1, error))
        return made[-1]

    return make


async def test_an_identity_is_made_at_first_use_and_kept() -> None:
    made: list[Credential] = []
    tokens = IdentityToken(factory(made), SCOPE)
    assert made == []
    assert [await tokens.token(), await tokens.token()] == ["I1", "I1"]
    assert len(made) == 1


async def test_an_identity_is_made_anew_when_its_token_is_refused() -> None:
    made: list[Credential] = []
    tokens = IdentityToken(factory(made), SCOPE)
    await tokens.token()
    assert await tokens.token("I1") == "I2"
    assert await tokens.token("I1") == "I2"
    assert [credential.closed for credential in made] == [True, False]
    await tokens.aclose()
    assert made[-1].closed


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ClientAuthenticationError("no identity"), CredentialsRefused),
        (ServiceRequestError("no route"), Unavailable),
        (OSError("no socket"), Unavailable),
    ],
)
async def test_an_identitys_errors_are_ours(error: Exception, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        await IdentityToken(factory([], error), SCOPE).token()

"""The signing secret in Key Vault, with the Azure login of the person.

https://learn.microsoft.com/rest/api/keyvault/secrets/set-secret/set-secret and
https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret/get-secret
"""

import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx

from cli.setup.failure import SetupFailed

API_VERSION = "7.4"
ZONE = "vault.azure.net"
ZONES = (ZONE, "vault.azure.cn", "vault.usgovcloudapi.net")  # nobody else gets a token
REQUEST_SECONDS_MAX = 30.0
CONTENT_TYPE = "Stripe webhook signing secrets"
SIGNING_PREFIX = "whsec_"
FIREWALL = "ForbiddenByFirewall"

_NAME = re.compile(r"[A-Za-z](?:-?[A-Za-z0-9]){2,23}")

type TokenSource = Callable[[str], Awaitable[str]]
"""An access token for a scope. Raises `SetupFailed`."""


class SecretStore(Protocol):
    """Where the app reads its secrets. Both raise `SetupFailed`."""

    async def read(self, name: str) -> str | None:
        """The value now; None where there is none."""

    async def write(self, name: str, value: str) -> None:
        """Set a value; older ones stay as earlier versions."""


class KeyVault:
    """A vault, by name or https address."""

    def __init__(self, http: httpx.AsyncClient, vault: str, token: TokenSource) -> None:
        self._http = http
        self._url = address_of(vault)
        self._token = token

    async def read(self, name: str) -> str | None:
        """The value now; None where there is none."""
        answer = await self._request("GET", name, None)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        value = self._checked(answer, "read", name).get("value")
        return value if isinstance(value, str) else None

    async def write(self, name: str, value: str) -> None:
        """Set a value; older ones stay as earlier versions."""
        body = {"value": value, "contentType": CONTENT_TYPE}
        self._checked(await self._request("PUT", name, body), "write", name)

    async def _request(self, method: str, name: str, body: dict[str, str] | None) -> httpx.Response:
        zone = (urlsplit(self._url).hostname or "").partition(".")[2]
        headers = {"Authorization": f"Bearer {await self._token(f'https://{zone}/.default')}"}
        try:
            return await self._http.request(
                method,
                f"{self._url}/secrets/{name}",
                params={"api-version": API_VERSION},
                json=body,
                headers=headers,
                timeout=REQUEST_SECONDS_MAX,
            )
        except httpx.HTTPError as error:
            raise SetupFailed(
                f"{self._url} does not answer ({type(error).__name__}): is that the name of the "
                "vault, and may this machine reach it?"
            ) from None

    def _checked(self, answer: httpx.Response, verb: str, name: str) -> dict[str, Any]:
        try:
            body = answer.json()
        except ValueError:
            body = None
        status = answer.status_code
        if status == HTTPStatus.FORBIDDEN and FIREWALL in answer.text:
            raise SetupFailed(
                f"the firewall of {self._url} refuses this machine: add its address to "
                "operatorAddresses (docs/deploy.md, Choices), or run this where it is allowed"
            )
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise SetupFailed(
                f"{self._url} does not let you {verb} the secret {name}: you need the role Key "
                "Vault Secrets Officer there (docs/deploy.md, Roles), in the tenant of your login"
            )
        if status == HTTPStatus.CONFLICT:
            raise SetupFailed(
                f"{self._url} keeps a deleted secret {name}: recover it (az keyvault secret "
                f"recover --name {name}), then run tieout setup again"
            )
        if answer.is_error or not isinstance(body, dict):
            raise SetupFailed(f"{self._url} refuses to {verb} the secret {name} (HTTP {status})")
        return body


def address_of(vault: str) -> str:
    """The https address of a vault. Raises `SetupFailed` for what names none."""
    text = vault.strip().rstrip("/")
    if _NAME.fullmatch(text):
        return f"https://{text}.{ZONE}"
    parts = urlsplit(text)
    name, _, zone = (parts.hostname or "").partition(".")
    is_vault = parts.scheme == "https" and zone in ZONES and _NAME.fullmatch(name)
    if not is_vault or parts.path or parts.query or parts.username or parts.port:
        raise SetupFailed(
            f"{vault!r} is no Key Vault: give its name, or its address https://NAME.{ZONE}"
        )
    return text


def with_secret(stored: str | None, secret: str) -> tuple[str, int]:
    """The comma-separated signing secrets with a new one first, and how many older ones stay: the
    app takes a delivery that any of them signed."""
    parts = [part.strip() for part in (stored or "").split(",")]
    older = [part for part in parts if part.startswith(SIGNING_PREFIX) and part != secret]
    return ",".join([secret, *older]), len(older)


def secret_name(alias: str, default: str) -> str:
    """The name of the secret of a Stripe account, as the templates have it."""
    return "stripe-webhook-secrets" if alias == default else f"stripe-{alias}-webhook-secrets"


async def azure_token(scope: str) -> str:
    """A token of the person who is signed in (`az login`, `azd auth login`)."""
    try:
        from azure.core.exceptions import AzureError

        from shared.clients.credentials import azure_credential
    except ModuleNotFoundError:
        raise SetupFailed(
            "--vault needs Microsoft's sign-in, which is not installed: pip install "
            "'tieout[azure]'. Without --vault the secret is printed once."
        ) from None
    try:
        async with azure_credential() as credential:
            return (await credential.get_token(scope)).token
    except AzureError:
        raise SetupFailed("you are not signed in to Azure: run az login, then try again") from None

"""The token endpoint of Microsoft Entra ID, as far as client credentials go.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

import hmac
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

from local.dynamics.odata import Request, Response, to_json
from local.dynamics.settings import DynamicsSettings
from shared.ports import Clock

FORM_FIELDS_MAX = 20
TOKENS_MAX = 10_000  # live at once


@dataclass(slots=True)
class TokenEndpoint:
    """Issues bearer tokens and knows which are still good."""

    clock: Clock
    rng: random.Random
    settings: DynamicsSettings
    client_id: str
    client_secret: str
    scope: str
    _expires: dict[str, datetime] = field(default_factory=dict)

    def answer(self, request: Request) -> Response:
        """The answer to a POST of the form."""
        if request.method != "POST":
            return _error(405, "invalid_request", 900144, "The endpoint takes POST only.")
        content_type = request.headers.get("content-type", "").partition(";")[0]
        if content_type != "application/x-www-form-urlencoded":
            return _error(400, "invalid_request", 900144, "The request body must be a form.")
        try:
            pairs = parse_qsl(
                request.body.decode(), errors="strict", max_num_fields=FORM_FIELDS_MAX
            )
        except ValueError:
            return _error(400, "invalid_request", 900144, "The request body cannot be read.")
        form = dict(pairs)
        for name in ("grant_type", "client_id", "client_secret", "scope"):
            if name not in form:
                text = f"The request body must contain the following parameter: '{name}'."
                return _error(400, "invalid_request", 900144, text)
        if form["grant_type"] != "client_credentials":
            text = f"The grant type '{form['grant_type'][:80]}' is not supported."
            return _error(400, "unsupported_grant_type", 70003, text)
        if form["client_id"] != self.client_id:
            text = f"Application with identifier '{form['client_id'][:80]}' was not found."
            return _error(400, "unauthorized_client", 700016, text)
        if not hmac.compare_digest(form["client_secret"].encode(), self.client_secret.encode()):
            return _error(401, "invalid_client", 7000215, "Invalid client secret provided.")
        if form["scope"] != self.scope:
            text = (
                f"The resource principal named by the scope '{form['scope'][:80]}' was not found."
            )
            return _error(400, "invalid_scope", 500011, text)
        return self._issue()

    def _issue(self) -> Response:
        now = self.clock.now()
        self._expires = {token: end for token, end in self._expires.items() if end > now}
        if len(self._expires) >= TOKENS_MAX:
            return _error(429, "temporarily_unavailable", 90055, "Too many tokens are live.")
        token = f"{self.rng.getrandbits(256):064x}"
        lifetime_seconds = self.settings.token_lifetime_seconds
        self._expires[token] = now + timedelta(seconds=lifetime_seconds)
        answer = {
            "token_type": "Bearer",
            "expires_in": lifetime_seconds,
            "ext_expires_in": lifetime_seconds,
            "access_token": token,
        }
        return Response(200, to_json(answer), {"Content-Type": "application/json"})

    def accepts(self, request: Request) -> bool:
        """Whether the request carries a token that has not ended."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        end = self._expires.get(token.strip())
        return scheme.lower() == "bearer" and end is not None and end > self.clock.now()

    def revoke_all(self) -> None:
        """End every token at once, as a restart or a rolled secret does."""
        self._expires.clear()


def _error(status: int, error: str, code: int, text: str) -> Response:
    body = {
        "error": error,
        "error_description": f"AADSTS{code}: {text}",
        "error_codes": [code],
        "error_uri": f"https://login.microsoftonline.com/error?code={code}",
    }
    return Response(status, to_json(body), {"Content-Type": "application/json"})

"""Who calls, and what they may do: the table of routes and roles, closed by default.

Each route but the webhook and liveness needs a function key, which the host checks. Where App
Service authentication is on (`TIEOUT_PLATFORM_AUTH`, and the platform says so itself), it tells
who has signed in: then the roles of that person decide as well. Elsewhere anybody can write that
header, so it is not read.
https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities
"""

import base64
import binascii
import functools
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import azure.functions as func

from functions.bodies import text_in
from functions.responses import error_response, refused
from shared import bootstrap, telemetry
from shared.errors import TieoutError

PRINCIPAL_HEADER = "x-ms-client-principal"
PRINCIPAL_CHARS_MAX = 32_768  # more than the platform lets through
CLAIMS_MAX = 1_000
ROLE_CLAIMS = ("roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role")
NAME_CLAIMS = (
    *("preferred_username", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"),
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
)
APP_CLAIMS = ("azp", "appid")  # of a service that signed in by itself
SAME_SITE = ("same-origin", "none")

type Handler = Callable[..., Awaitable[func.HttpResponse]]


class AppRole(StrEnum):
    """The app roles in Entra."""

    READ = "Tieout.Read"
    OPERATE = "Tieout.Operate"
    PUBLISH = "Tieout.Publish"
    ADMIN = "Tieout.Admin"


ENOUGH: Mapping[AppRole, tuple[AppRole, ...]] = MappingProxyType(
    {
        AppRole.READ: (AppRole.READ, AppRole.OPERATE, AppRole.PUBLISH, AppRole.ADMIN),
        AppRole.OPERATE: (AppRole.OPERATE, AppRole.ADMIN),
        AppRole.PUBLISH: (AppRole.PUBLISH, AppRole.ADMIN),
        AppRole.ADMIN: (AppRole.ADMIN,),
    }
)
"""By the role that a route needs: the roles of which one is enough."""

ROLES: Mapping[tuple[str, str], AppRole] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                *(("GET", "ready"), ("GET", "status"), ("GET", "payouts"), ("GET", "proof")),
                *(("GET", "receipts"), ("GET", "waiting"), ("GET", "inbox"), ("GET", "backfill")),
                *(("GET", "mappings"), ("GET", "mappings/history"), ("GET", "mappings/show")),
                *(
                    ("GET", "mappings/diff"),
                    ("GET", "audit"),
                    ("GET", "disputes"),
                    ("GET", "fees"),
                    ("GET", "setup"),
                ),
            ),
            AppRole.READ,
        ),
        **dict.fromkeys(
            (
                *(("POST", "inbox/retry"), ("POST", "inbox/resolve"), ("POST", "backfill")),
                *(("POST", "customers/{id}/accept"), ("POST", "reclass"), ("POST", "reverse")),
            ),
            AppRole.OPERATE,
        ),
        **dict.fromkeys(
            (
                *(("POST", "mappings"), ("POST", "mappings/preview"), ("POST", "mappings/publish")),
                *(("POST", "mappings/rollback"), ("POST", "mappings/reapply")),
            ),
            AppRole.PUBLISH,
        ),
        **dict.fromkeys(
            (("POST", "customers/{id}/erase"), ("POST", "setup"), ("POST", "probe")), AppRole.ADMIN
        ),
    }
)
"""By method and route (below `api/`). What is not here is refused to everybody who signed in."""


class AccessRefused(Exception):
    """The caller may not do this. `status`: 401 or 403; `code`: closed."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass(frozen=True, slots=True)
class Principal:
    """Who has signed in, as the platform tells it."""

    name: str
    roles: tuple[str, ...]


def guarded(route: str) -> Callable[[Handler], Handler]:
    """Let a handler be called only by those who may call its route."""

    def decorate(handler: Handler) -> Handler:
        @functools.wraps(handler)
        async def checked(
            req: func.HttpRequest,
            **bound: Any,  # noqa: ANN401 - other bindings
        ) -> func.HttpResponse:
            try:
                _check(req, route)
            except AccessRefused as error:
                telemetry.event("access_refused", logging.WARNING, route=route, code=error.code)
                return error_response(error.status, error.code, str(error))
            except TieoutError as error:
                return refused(error)
            return await handler(req, **bound)

        return checked

    return decorate


def who_in(req: func.HttpRequest, body: Mapping[str, Any], default: str | None = None) -> str:
    """The name to put on record: of who signed in, else the `who` that the caller with the key
    declares; empty where it declares nothing.

    Raises `BadRequest` where a key's caller has to declare a name (no `default`) and does not, and
    `AccessRefused`.
    """
    from shared.stores.audit_log import KEY_CALLER

    principal = _principal(req)
    if principal is not None:
        return principal.name
    name = text_in(body, "who", default).strip()
    return f"{KEY_CALLER} (declared: {name})" if name else ""


def _check(req: func.HttpRequest, route: str) -> None:
    """Raises `AccessRefused`."""
    principal = _principal(req)
    if principal is None:
        return  # called by key, or the host would not have called us
    needed = ROLES.get((req.method.upper(), route))
    if needed is None:
        raise AccessRefused(403, "role_missing", f"no role allows {req.method} {route}")
    if not any(role in principal.roles for role in ENOUGH[needed]):
        raise AccessRefused(
            403,
            "role_missing",
            f"{principal.name} needs the role {needed.value} for {req.method} {route}: assign it "
            "in Entra (Enterprise applications, Users and groups)",
        )
    site = req.headers.get("sec-fetch-site")
    if req.method.upper() != "GET" and site is not None and site not in SAME_SITE:
        raise AccessRefused(403, "cross_site", "another site made your browser send this")


def _principal(req: func.HttpRequest) -> Principal | None:
    """Who signed in; None where nobody did, or the platform does not watch the header."""
    header = req.headers.get(PRINCIPAL_HEADER)
    if header is None or not bootstrap.receiving_app().settings.trusts_principal:
        return None
    try:
        return _read(header)
    except (ValueError, RecursionError, binascii.Error, TypeError) as error:
        raise AccessRefused(
            401, "principal_unreadable", "the platform's note on who signed in cannot be read"
        ) from error


def _read(header: str) -> Principal:
    """Raises ValueError or TypeError for what is no principal."""
    if len(header) > PRINCIPAL_CHARS_MAX:
        raise ValueError("too long")
    noted = json.loads(base64.b64decode(header, validate=True))
    claims = [(str(claim["typ"]), str(claim["val"])) for claim in _claims(noted)]
    role_types = (str(noted.get("role_typ") or ""), *ROLE_CLAIMS)
    roles = tuple(value for type_, value in claims if type_ in role_types)
    name = _first(claims, (*NAME_CLAIMS, str(noted.get("name_typ") or "")))
    if not name:
        app = _first(claims, APP_CLAIMS)
        name = f"app {app}" if app else ""
    if not name:
        raise ValueError("without a name")
    return Principal(name, roles)


def _claims(noted: object) -> Sequence[Mapping[str, Any]]:
    claims = noted.get("claims") if isinstance(noted, dict) else None
    if not isinstance(claims, list) or len(claims) > CLAIMS_MAX:
        raise ValueError("no claims")
    if not all(isinstance(claim, dict) and {"typ", "val"} <= claim.keys() for claim in claims):
        raise ValueError("odd claims")
    return claims


def _first(claims: Sequence[tuple[str, str]], types: Sequence[str]) -> str:
    """The value of the first of these claims that has one."""
    for wanted in types:
        for type_, value in claims:
            if type_ == wanted and value.strip():
                return value.strip()
    return ""

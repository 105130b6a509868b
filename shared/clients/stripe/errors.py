"""What each failure of a Stripe read means for the application.

https://docs.stripe.com/api/errors and https://docs.stripe.com/rate-limits
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import stripe

from shared.clients.retry_after import retry_after_seconds
from shared.errors import (
    CredentialsRefused,
    ObjectMissing,
    Refused,
    Throttled,
    TieoutError,
    Unavailable,
)

SYSTEM = "stripe"
RETRY_AFTER_SECONDS_MAX = 3_600.0


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed read: HTTP status (None: no answer), Stripe's code, text, headers, and the entity
    and id that a `resource_missing` speaks of."""

    status: int | None
    code: str
    text: str
    headers: Mapping[str, str]
    entity: str
    id: str
    now: datetime


@dataclass(frozen=True, slots=True)
class StatusRow:
    """Statuses `first` to `last`, with `code` ("" = any)."""

    first: int
    last: int
    code: str
    make: Callable[[Failure], TieoutError]


def _throttled(failure: Failure) -> TieoutError:
    headers = failure.headers
    header = headers.get("retry-after") or headers.get("Retry-After") or ""
    return Throttled(SYSTEM, retry_after_seconds(header, failure.now, RETRY_AFTER_SECONDS_MAX))


def _unavailable(failure: Failure) -> TieoutError:
    return Unavailable(SYSTEM, _sentence(failure))


def _credentials(failure: Failure) -> TieoutError:
    return CredentialsRefused(SYSTEM, _sentence(failure))


def _missing(failure: Failure) -> TieoutError:
    return ObjectMissing(failure.entity, failure.id)


def _refused(failure: Failure) -> TieoutError:
    return Refused(SYSTEM, f"{failure.code or failure.status}: {_sentence(failure)}")


TABLE: tuple[StatusRow, ...] = (
    StatusRow(429, 429, "", _throttled),
    StatusRow(400, 400, "rate_limit", _throttled),  # what a 429 once was
    StatusRow(401, 401, "", _credentials),
    StatusRow(403, 403, "", _credentials),
    StatusRow(404, 404, "resource_missing", _missing),
    StatusRow(400, 400, "resource_missing", _missing),  # a filter of a list names a missing object
    StatusRow(408, 408, "", _unavailable),
    StatusRow(409, 409, "", _unavailable),  # lock_timeout: another request holds the object
    StatusRow(500, 599, "", _unavailable),
    StatusRow(200, 299, "", _unavailable),  # an answer that is not JSON: not Stripe's
    StatusRow(300, 499, "", _refused),
)


def translated(error: stripe.StripeError, entity: str, id: str, now: datetime) -> TieoutError:
    """The application's error for one of the SDK; `id` is of the object that was asked for."""
    failure = Failure(
        status=error.http_status,
        code=_code(error),
        text=error.user_message or "",
        headers=error.headers or {},
        entity=entity,
        id=id,
        now=now,
    )
    if failure.status is None:
        return _unavailable(failure)
    for row in TABLE:
        if row.first <= failure.status <= row.last and row.code in ("", failure.code):
            return row.make(failure)
    return _unavailable(failure)


def _code(error: stripe.StripeError) -> str:
    """`error.code` of the body: the SDK keeps it for some classes of errors only."""
    body: Any = error.json_body
    detail = body.get("error") if isinstance(body, dict) else None
    code = detail.get("code") if isinstance(detail, dict) else None
    return code if isinstance(code, str) else ""


def _sentence(failure: Failure) -> str:
    status = "" if failure.status is None else f" (HTTP {failure.status})"
    return f"{failure.text or 'no text'}{status}"

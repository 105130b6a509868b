"""Refusals in the shape of https://docs.stripe.com/api/errors."""

from collections.abc import Mapping
from typing import Any

from shared.ports import Json

DOC_URL = "https://stripe.com/docs/error-codes/{}"
KEY_CHARS_SHOWN_HEAD = 8
KEY_CHARS_SHOWN_TAIL = 4


class ApiError(Exception):
    """An answer of the API that is an error.

    `extra` are further members of the `error` object (`decline_code`, `charge`, ...).
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        self.error: Json = {"message": message, "type": type}
        if code is not None:
            self.error |= {"code": code, "doc_url": DOC_URL.format(code.replace("_", "-"))}
        if param is not None:
            self.error["param"] = param
        self.error |= dict(extra or {})

    def body(self) -> Json:
        """The JSON body."""
        return {"error": self.error}


def missing(noun: str, id: str, param: str, *, status: int = 404) -> ApiError:
    """`resource_missing`: 404 when the path names it, 400 when a parameter does."""
    return ApiError(status, f"No such {noun}: '{id}'", code="resource_missing", param=param)


def unrecognized(method: str, path: str) -> ApiError:
    """A route that does not exist here."""
    return ApiError(
        404,
        f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we "
        "can help at https://support.stripe.com/.",
    )


def retrieve_only(method: str, path: str, noun: str) -> ApiError:
    """A type that this peer keeps and shows, but does not act on."""
    return ApiError(
        404,
        f"Unrecognized request URL ({method}: {path}). The local Stripe peer stores and retrieves "
        f"`{noun}` objects but supports no other request on them.",
    )


def unknown_parameters(names: list[str]) -> ApiError:
    """Parameters the route does not take."""
    noun = "parameter" if len(names) == 1 else "parameters"
    text = f"Received unknown {noun}: {', '.join(names)}"
    return ApiError(400, text, code="parameter_unknown", param=names[0])


def missing_parameter(name: str) -> ApiError:
    """A required parameter is absent."""
    return ApiError(400, f"Missing required param: {name}.", code="parameter_missing", param=name)


def invalid(message: str, param: str, code: str | None = None) -> ApiError:
    """A parameter whose value cannot be used."""
    return ApiError(400, message, param=param, code=code)


def not_expandable(path: str) -> ApiError:
    """An `expand[]` path that leads nowhere."""
    return ApiError(400, f"This property cannot be expanded ({path}).", param="expand")


def key_missing() -> ApiError:
    """No API key in the request."""
    return ApiError(
        401,
        "You did not provide an API key. You need to provide your API key in the Authorization "
        "header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See "
        "https://stripe.com/docs/api#authentication for details, or we can help at "
        "https://support.stripe.com/.",
    )


def key_wrong(key: str) -> ApiError:
    """An API key that is not ours; only its ends are shown."""
    return ApiError(401, f"Invalid API Key provided: {_masked(key)}")


def not_permitted(key: str, account: str, permission: str) -> ApiError:
    """A restricted key that lacks a permission."""
    return ApiError(
        403,
        f"The provided key '{_masked(key)}' does not have the required permissions for this "
        f"endpoint on account '{account}'. Having the '{permission}' permission would allow this "
        "request to continue.",
    )


def _masked(key: str) -> str:
    head, tail = key[:KEY_CHARS_SHOWN_HEAD], key[-KEY_CHARS_SHOWN_TAIL:]
    hidden = max(len(key) - KEY_CHARS_SHOWN_HEAD - KEY_CHARS_SHOWN_TAIL, 0)
    return head + "*" * hidden + tail if hidden else "*" * len(key)


def rate_limited() -> ApiError:
    """Too many requests, as https://docs.stripe.com/rate-limits."""
    return ApiError(
        429,
        "Request rate limit exceeded. Learn more about rate limits here "
        "https://stripe.com/docs/rate-limits.",
        code="rate_limit",
        headers={"Stripe-Rate-Limited-Reason": "endpoint-rate"},
    )


def server_error() -> ApiError:
    """Stripe's own failure; nothing was done."""
    return ApiError(
        500,
        "An unknown error occurred. If you have any questions, we can help at "
        "https://support.stripe.com/.",
        type="api_error",
    )


def too_late() -> ApiError:
    """The answer of a request that was done, but not in time."""
    return ApiError(504, "The request took too long.", type="api_error")


def idempotency(message: str) -> ApiError:
    """An idempotency key that was used for another request."""
    return ApiError(400, message, type="idempotency_error")

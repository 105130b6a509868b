"""Requests and responses of the peer, below ASGI and inside `$batch` alike."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from local.dynamics.odata.errors import Refusal

JSON_TYPE = "application/json; odata.metadata=minimal"


@dataclass(frozen=True, slots=True)
class Request:
    """`path` percent-encoded as sent and without the query; header names in lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """`headers` as they go out."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """2xx."""
        return HTTPStatus(self.status).is_success

    @property
    def reason(self) -> str:
        """The phrase of the status line."""
        return HTTPStatus(self.status).phrase


def json_response(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> Response:
    """A response with a JSON body."""
    content = {"Content-Type": JSON_TYPE, "OData-Version": "4.0"}
    return Response(status, body, {**content, **(headers or {})})


def refused(refusal: Refusal) -> Response:
    """The response of a refusal."""
    return json_response(refusal.status, refusal.body(), refusal.headers)

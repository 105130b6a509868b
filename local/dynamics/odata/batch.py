"""`$batch`: reading multipart/mixed requests and writing the answer.

Layout: RFC 2046 parts of `application/http`; a nested multipart/mixed part is a changeset.
https://docs.oasis-open.org/odata/odata/v4.0/os/part1-protocol/odata-v4.0-os-part1-protocol.html
(section 11.7).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.message import Message
from urllib.parse import urlsplit

from local.dynamics.odata.errors import bad_body
from local.dynamics.odata.service import READS, WRITES
from local.dynamics.odata.wire import Request, Response

HEADERS_MAX = 50  # of one part
BOUNDARY_CHARS_MAX = 70  # RFC 2046
_REQUEST_LINE = re.compile(r"([A-Z]+) (\S+) HTTP/1\.1")
_REFERENCE = re.compile(r"/?\$\d+")


@dataclass(frozen=True, slots=True)
class BatchPart:
    """One operation of a batch. `content_id` comes back with its answer."""

    request: Request
    content_id: str


@dataclass(frozen=True, slots=True)
class Unit:
    """What stands or falls together: a changeset, or one operation alone."""

    parts: tuple[BatchPart, ...]
    changeset: bool


@dataclass(frozen=True, slots=True)
class UnitAnswer:
    """The answers of a unit; a failed changeset has one only."""

    unit: Unit
    responses: tuple[Response, ...]

    @property
    def failed(self) -> bool:
        """Whether the unit is not done."""
        return not all(response.ok for response in self.responses)


def parse_batch(content_type: str, body: bytes, operations_max: int) -> list[Unit]:
    """The units of a batch, in order. Refuses with 400 what cannot be read."""
    units, operations = [], 0
    for headers, content in _parts(_boundary(content_type), body):
        inner = headers.get("content-type", "")
        if inner.lower().startswith("multipart/mixed"):
            nested = tuple(_operation(h, c) for h, c in _parts(_boundary(inner), content))
            for part in nested:
                if part.request.method in READS:
                    raise bad_body("A GET operation was found in a change set.")
            unit = Unit(nested, changeset=True)
        else:
            unit = Unit((_operation(headers, content),), changeset=False)
        operations += len(unit.parts)
        if operations > operations_max:
            raise bad_body(
                f"The current batch message contains too many parts. A maximum number of "
                f"'{operations_max}' operations are allowed in a batch message."
            )
        units.append(unit)
    return units


def _boundary(content_type: str) -> bytes:
    message = Message()
    message["content-type"] = content_type.replace("\r", " ").replace("\n", " ")
    boundary = message.get_param("boundary")
    if message.get_content_type() != "multipart/mixed" or not isinstance(boundary, str):
        raise bad_body(
            "A batch needs the content type multipart/mixed with a boundary; JSON batches are not "
            "supported by this peer."
        )
    if not boundary.isascii() or not 0 < len(boundary) <= BOUNDARY_CHARS_MAX:
        raise bad_body("The boundary of this multipart/mixed content is not valid.")
    return boundary.encode()


def _parts(boundary: bytes, body: bytes) -> Iterable[tuple[dict[str, str], bytes]]:
    line = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    start: int | None = None
    for match in line.finditer(body):
        if start is not None:
            yield _headed(body[start : match.start()])
        if match[1]:
            return
        start = match.end()
    raise bad_body("The batch ends before its closing boundary.")


def _headed(block: bytes) -> tuple[dict[str, str], bytes]:
    """Headers and content of a part (or of the HTTP message in it)."""
    head, separator, content = re.sub(rb"\A\r?\n", b"", block).partition(b"\r\n\r\n")
    if not separator or b"\n\n" in head:
        head, separator, content = re.sub(rb"\A\r?\n", b"", block).partition(b"\n\n")
    return _headers(head.splitlines()), content


def _headers(lines: list[bytes]) -> dict[str, str]:
    if len(lines) > HEADERS_MAX:
        raise bad_body("A part of the batch has too many headers.")
    headers = {}
    for line in lines:
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or not name.strip():
            raise bad_body("A part of the batch has a malformed header.")
        headers[name.strip().lower()] = value.strip()
    return headers


def _operation(headers: Mapping[str, str], content: bytes) -> BatchPart:
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/http":
        raise bad_body("A part of the batch is not of the content type application/http.")
    first, _, rest = content.lstrip(b"\r\n").partition(b"\n")
    match = _REQUEST_LINE.fullmatch(first.decode("latin-1").strip())
    if match is None:
        raise bad_body("A part of the batch has no valid request line.")
    method, url = match.groups()
    if method not in READS + WRITES:
        raise bad_body(f"The method {method} is not allowed in a batch.")
    if _REFERENCE.match(url):
        raise bad_body("References to the Content-ID of another operation are not supported.")
    inner, body = _headed(b"\r\n" + rest) if rest.strip() else ({}, b"")
    try:
        address = urlsplit(url)
    except ValueError as error:
        raise bad_body("A part of the batch has an address that is not valid.") from error
    path = address.path.removeprefix("/data/")
    if path.startswith("/") or "$batch" in path:
        raise bad_body(f"The address '{url[:200]}' cannot stand in a batch.")
    return BatchPart(
        Request(method, path, address.query, inner, body), headers.get("content-id", "")
    )


def render_batch(answers: Iterable[UnitAnswer], token: str) -> Response:
    """The multipart answer, always 200. `token` makes the boundaries unique."""
    outer = f"batchresponse_{token}"
    lines: list[bytes] = []
    for number, answer in enumerate(answers):
        lines.append(f"--{outer}\r\n".encode())
        if answer.unit.changeset and not answer.failed:
            inner = f"changesetresponse_{token}_{number}"
            lines.append(f"Content-Type: multipart/mixed; boundary={inner}\r\n\r\n".encode())
            for part, response in zip(answer.unit.parts, answer.responses, strict=True):
                lines += [f"--{inner}\r\n".encode(), _rendered(response, part.content_id)]
            lines.append(f"--{inner}--\r\n".encode())
        else:
            content_id = "" if answer.unit.changeset else answer.unit.parts[0].content_id
            lines.append(_rendered(answer.responses[0], content_id))
    lines.append(f"--{outer}--\r\n".encode())
    headers = {"Content-Type": f"multipart/mixed; boundary={outer}", "OData-Version": "4.0"}
    return Response(200, b"".join(lines), headers)


def _rendered(response: Response, content_id: str) -> bytes:
    head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
    if content_id:
        head += f"Content-ID: {content_id}\r\n"
    head += f"\r\nHTTP/1.1 {response.status} {response.reason}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in response.headers.items())
    return head.encode("latin-1", "replace") + b"\r\n" + response.body + b"\r\n"

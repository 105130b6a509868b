"""The `$batch` request: many writes in one HTTP request, and who got which answer.

Layout (the one integrators use against live systems): `multipart/mixed` of changesets, each of
them `multipart/mixed` of `application/http` parts with a `Content-ID`. Every write travels in a
changeset: the writes of a group in one (atomic), a lone write in one of its own. A changeset is
a transaction, so lone writes stay independent of each other, and `Content-ID`, by which answers
are matched, is defined inside changesets only. `Prefer: odata.continue-on-error` asks to go on
behind a failed changeset.

The outer status is 200 even if everything failed; a failed changeset is answered by a single part.
A write without an unambiguous answer is an `UncertainWrite`.

https://docs.oasis-open.org/odata/odata/v4.0/os/part1-protocol/odata-v4.0-os-part1-protocol.html#_Toc372793748
https://learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/odata
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from types import MappingProxyType

import httpx

from shared.clients.dynamics.errors import SYSTEM
from shared.clients.dynamics.odata import BatchOperation
from shared.errors import UncertainWrite

BATCH_OPERATIONS_MAX = 100
BATCH_TARGET = "/data/$batch"
BOUNDARY = "batch_tieout"  # cannot occur in a body: JSON never starts a line with two hyphens
BATCH_HEADERS = MappingProxyType(
    {
        "Content-Type": f"multipart/mixed; boundary={BOUNDARY}",
        "Prefer": "odata.continue-on-error",
    }
)

type Unit = tuple[int, ...]
"""The positions of the writes of one changeset."""

_BOUNDARY_PARAMETER = re.compile(r'boundary=(?:"([^"]+)"|([^;\s"]+))', re.IGNORECASE)
_STATUS_LINE = re.compile(rb"HTTP/\d\.\d (\d{3})")
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True)
class PartAnswer:
    """The answer to one write inside a batch. `retry_after`: the header, or ""."""

    status: int
    body: bytes
    retry_after: str = ""
    content_id: int | None = None

    @property
    def is_success(self) -> bool:
        """A status of 2xx."""
        return httpx.codes.is_success(self.status)


def units_of(groups: Sequence[str | None]) -> list[Unit]:
    """The changesets of writes with these group names, in the order of their first write."""
    units: dict[str | int, list[int]] = {}
    for position, group in enumerate(groups):
        units.setdefault(position if group is None else group, []).append(position)
    return [tuple(positions) for positions in units.values()]


def requests_of(units: Sequence[Unit]) -> list[list[Unit]]:
    """Distribute changesets over requests of at most `BATCH_OPERATIONS_MAX` writes, in order.

    A changeset is never split; the caller refuses those that are too large.
    """
    requests: list[list[Unit]] = []
    room = 0
    for unit in units:
        if not requests or len(unit) > room:
            requests.append([])
            room = BATCH_OPERATIONS_MAX
        requests[-1].append(unit)
        room -= len(unit)
    return requests


def batch_body(operations: Sequence[Sequence[BatchOperation]], base_url: str) -> bytes:
    """The body of a `$batch` request: one changeset for each sequence of operations.

    `Content-ID` counts from 1 through the whole request.
    """
    pieces: list[bytes] = []
    content_id = 0
    for number, changeset in enumerate(operations, start=1):
        boundary = f"changeset_{number}"
        pieces.append(
            f"--{BOUNDARY}\r\nContent-Type: multipart/mixed; boundary={boundary}\r\n\r\n".encode()
        )
        for operation in changeset:
            content_id += 1
            pieces += (_part_head(boundary, content_id, operation, base_url), operation.body)
            pieces.append(b"\r\n")
        pieces.append(f"--{boundary}--\r\n".encode())
    pieces.append(f"--{BOUNDARY}--\r\n".encode())
    return b"".join(pieces)


def answers_of(
    content_type: str, body: bytes, sizes: Sequence[int]
) -> list[list[PartAnswer] | PartAnswer | UncertainWrite]:
    """One answer for each changeset of a request; `sizes` are their numbers of writes.

    A list: all is written, one answer a write. A single one: the error that undid the whole
    changeset. `UncertainWrite`: its answer is missing, cut or contradicts itself.
    """
    owners = [unit for unit, size in enumerate(sizes) for _ in range(size)]
    first_ids = list(accumulate(sizes, initial=1))
    answers: list[list[PartAnswer] | PartAnswer | UncertainWrite] = [
        UncertainWrite(
            f"{SYSTEM} may or may not have executed it: the batch's answer is incomplete"
        )
        for _ in sizes
    ]
    expected = 0
    for head, content in _parts_of(content_type, body):
        parts = _http_parts(head, content)
        named = [part.content_id for part in parts if part.content_id is not None]
        unit = expected
        if named and 1 <= named[0] <= len(owners):
            unit = owners[named[0] - 1]
        if not expected <= unit < len(sizes) or any(
            not 1 <= name <= len(owners) or owners[name - 1] != unit for name in named
        ):
            return [_contradiction() for _ in sizes]
        expected = unit + 1
        answers[unit] = _changeset_answer(parts, first_ids[unit], sizes[unit])
    return answers


def _part_head(boundary: str, content_id: int, operation: BatchOperation, base_url: str) -> bytes:
    json_type = "Content-Type: application/json;charset=utf-8\r\n" if operation.body else ""
    return (
        f"--{boundary}\r\n"
        "Content-Type: application/http\r\n"
        "Content-Transfer-Encoding: binary\r\n"
        f"Content-ID: {content_id}\r\n\r\n"
        f"{operation.method} {base_url}{operation.target} HTTP/1.1\r\n"
        "OData-Version: 4.0\r\nOData-MaxVersion: 4.0\r\n"
        "Accept: application/json;odata.metadata=minimal\r\n"
        f"{json_type}\r\n"
    ).encode()


def _changeset_answer(
    parts: Sequence[PartAnswer], first_id: int, size: int
) -> list[PartAnswer] | PartAnswer | UncertainWrite:
    failed = [part for part in parts if not part.is_success]
    if failed:
        return failed[0] if len(failed) == len(parts) else _contradiction()
    if len(parts) != size:
        return UncertainWrite(
            f"{SYSTEM} may or may not have executed it: {len(parts)} answers for {size} writes"
        )
    slots = [part.content_id for part in parts]
    if slots == [None] * size:
        return list(parts)
    if sorted(slot or 0 for slot in slots) != list(range(first_id, first_id + size)):
        return _contradiction()
    return sorted(parts, key=lambda part: part.content_id or 0)


def _contradiction() -> UncertainWrite:
    return UncertainWrite(
        f"{SYSTEM} may or may not have executed it: the batch's answer contradicts itself"
    )


def _http_parts(head: bytes, content: bytes) -> list[PartAnswer]:
    """The answers inside an outer part: a changeset's, or a single one."""
    content_type = _header(head, b"content-type")
    if not content_type.lower().startswith("multipart/"):
        return _answer_of(head, content)
    answers: list[PartAnswer] = []
    for inner_head, inner_content in _parts_of(content_type, content):
        answers += _answer_of(inner_head, inner_content)
    return answers


def _answer_of(head: bytes, content: bytes) -> list[PartAnswer]:
    """The HTTP answer inside a part, or nothing when it is malformed."""
    content = content.lstrip(b"\r\n")
    status = _STATUS_LINE.match(content)
    if status is None:
        return []
    inner_head, body = _head_and_body(content)
    content_id = _header(head, b"content-id") or _header(inner_head, b"content-id")
    return [
        PartAnswer(
            int(status[1]),
            body,
            _header(inner_head, b"retry-after"),
            int(content_id) if content_id.isascii() and content_id.isdigit() else None,
        )
    ]


def _parts_of(content_type: str, body: bytes) -> list[tuple[bytes, bytes]]:
    """Head and content of every part that is followed by a delimiter, that is: not cut."""
    parameter = _BOUNDARY_PARAMETER.search(content_type)
    if parameter is None or not content_type.lower().startswith("multipart/"):
        return []
    boundary = re.escape((parameter[1] or parameter[2]).encode())
    delimiter = re.compile(rb"(?:\A|\r?\n)--" + boundary + rb"(?:--|[ \t]*(?=\r?\n))")
    parts: list[tuple[bytes, bytes]] = []
    start: int | None = None
    for match in delimiter.finditer(body):
        if start is not None:
            parts.append(_head_and_body(body[start : match.start()].lstrip(b"\r\n")))
        if match[0].endswith(b"--"):
            break
        start = match.end()
    return parts


def _head_and_body(text: bytes) -> tuple[bytes, bytes]:
    blank = _BLANK_LINE.search(text)
    return (text, b"") if blank is None else (text[: blank.start()], text[blank.end() :])


def _header(head: bytes, name: bytes) -> str:
    for line in head.splitlines():
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip().decode("latin-1")
    return ""

"""AMQP messages to what the broker holds, and back.

Annotations and properties are those of
https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-protocol-guide
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import proton

from local.servicebus.amqp.sections import (
    DATA,
    FOOTER,
    HEADER,
    PROPERTIES,
    NotAMessage,
    Section,
    sections,
)
from local.servicebus.messages import MessageRefused, Outgoing, Stored

SCHEDULED = "x-opt-scheduled-enqueue-time"
BATCH_MESSAGES_MAX = 4500  # of one transfer, the limit of the service

_NULL, _UINT = 0x40, 0x70

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICKS_OF_EPOCH = 621_355_968_000_000_000


@dataclass(frozen=True, slots=True)
class Locked:
    """What a receiver learns about the lock of its message."""

    token: str
    until: datetime


def milliseconds(moment: datetime) -> proton.timestamp:
    """An AMQP timestamp."""
    return proton.timestamp((moment - _EPOCH) // timedelta(milliseconds=1))


def ticks(moment: datetime) -> int:
    """.NET's count of 100 ns since the year 1, in which the end of a session lock is told."""
    return _TICKS_OF_EPOCH + (moment - _EPOCH) // timedelta(microseconds=1) * 10


def moment_of(value: int) -> datetime:
    """Of an AMQP timestamp."""
    return _EPOCH + timedelta(milliseconds=value)


def decoded(data: bytes) -> proton.Message:
    """Raises `MessageRefused`."""
    message = proton.Message()
    try:
        message.decode(data)
    except (proton.ProtonException, ValueError) as error:
        raise MessageRefused(f"this is not an AMQP message: {error}") from error
    return message


def outgoing_of(data: bytes) -> tuple[Outgoing, ...]:
    """The messages of one transfer: one, or those of a batch. Raises `MessageRefused`.

    A batch is a message whose data sections are encoded messages. (Its message format says so too,
    which proton does not hand over. No JSON begins like a section.)
    """
    try:
        parts = sections(data)
        inner = [part.binary() for part in parts if part.code == DATA]
    except NotAMessage as error:
        raise MessageRefused(f"this is not an AMQP message: {error}") from error
    if inner and all(_is_message(item) for item in inner):
        if len(inner) > BATCH_MESSAGES_MAX:
            raise MessageRefused(f"a batch has at most {BATCH_MESSAGES_MAX} messages")
        return tuple(_outgoing(item, sections(item)) for item in inner)
    return (_outgoing(data, parts),)


def _is_message(data: bytes) -> bool:
    try:
        return bool(sections(data))
    except NotAMessage:
        return False


def _outgoing(data: bytes, parts: tuple[Section, ...]) -> Outgoing:
    message = decoded(data)
    at = (message.annotations or {}).get(SCHEDULED)
    body = b"".join(part.binary() for part in parts if part.code == DATA)
    if not any(part.code == DATA for part in parts):
        body = str(message.body).encode()
    return Outgoing(
        message_id=str(message.id) if message.id is not None else uuid4().hex,
        body=body,
        session_id=message.group_id,
        scheduled_at=moment_of(at) if at is not None else None,
        time_to_live_seconds=message.ttl or None,
        encoded=data,
    )


def encoded(message: Stored, dead_letter_source: str | None, locked: Locked | None = None) -> bytes:
    """A message as its receiver gets it: what the sender encoded behind a header and annotations of
    the broker. A peeked message has no lock."""
    original = message.encoded or _encoded_here(message)
    heading = decoded(original)
    annotations = {
        **(heading.annotations or {}),
        "x-opt-enqueued-time": milliseconds(message.enqueued_at),
        "x-opt-sequence-number": message.sequence_number,
        "x-opt-enqueue-sequence-number": message.sequence_number,
        "x-opt-message-state": proton.int32(0),
    }
    if locked is not None:
        annotations["x-opt-locked-until"] = milliseconds(locked.until)
        heading.instructions = _symbols({"x-opt-lock-token": UUID(hex=locked.token)})
    if dead_letter_source is not None:
        annotations["x-opt-deadletter-source"] = dead_letter_source
        heading.properties = {**(heading.properties or {}), **_reasons(message)}
    heading.annotations = _symbols(annotations)
    kept = DATA if dead_letter_source is not None else PROPERTIES
    head = [part for part in sections(bytes(heading.encode())) if HEADER < part.code < kept]
    body = [part for part in sections(original) if kept <= part.code <= FOOTER]
    return _header(message, heading.ttl) + b"".join(part.encoded for part in (*head, *body))


def _header(message: Stored, life_seconds: float) -> bytes:
    """Proton leaves out a delivery count of 0; the service tells it."""
    life_ms = round(life_seconds * 1000)
    life = struct.pack(">BI", _UINT, life_ms) if life_ms else bytes([_NULL])
    fields = bytes([_NULL, _NULL]) + life + bytes([_NULL])
    fields += struct.pack(">BI", _UINT, message.failures)
    return bytes([0, 0x53, HEADER, 0xC0, len(fields) + 1, 5]) + fields


def _encoded_here(message: Stored) -> bytes:
    made = proton.Message(
        id=message.message_id, body=message.body, inferred=True, content_type="application/json"
    )
    if message.session_id is not None:
        made.group_id = message.session_id
    return bytes(made.encode())


def _reasons(message: Stored) -> dict[str, str]:
    return {
        "DeadLetterReason": message.dead_letter_reason,
        "DeadLetterErrorDescription": message.dead_letter_text,
    }


def _symbols(values: Mapping[str, Any]) -> dict[Any, Any]:
    return {proton.symbol(name): value for name, value in values.items()}

"""What travels through the broker, and what it refuses."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

BODY_BYTES_MAX = 256 * 1024  # Standard tier, headers included; close enough for bodies of ids
MESSAGE_ID_CHARS_MAX = 128
SESSION_ID_CHARS_MAX = 128


class BrokerError(Exception):
    """Base of the broker's own errors; clients of the broker translate them."""


class QueueUnknown(BrokerError):
    """There is no queue of this name."""


class MessageRefused(BrokerError):
    """The broker does not take this message: no session, an id or a body too long."""


class MessageUnknown(BrokerError):
    """The queue holds no scheduled message of this sequence number."""


class LockLost(BrokerError):
    """The lock of a message or session ended before the call: the work may be given again."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message on its way into a queue. `scheduled_at`: not delivered before this moment.

    `properties`: its application properties. `encoded`: the AMQP message that a client sent, empty
    for one that was sent in process.
    """

    message_id: str
    body: bytes
    session_id: str | None = None
    scheduled_at: datetime | None = None
    time_to_live_seconds: float | None = None
    encoded: bytes = b""
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stored:
    """A message the broker holds. `failures` counts deliveries that came to nothing."""

    sequence_number: int
    message_id: str
    session_id: str | None
    body: bytes
    enqueued_at: datetime
    expires_at: datetime | None = None
    failures: int = 0
    dead_letter_reason: str = ""
    dead_letter_text: str = ""
    encoded: bytes = b""
    properties: Mapping[str, str] = field(default_factory=dict)

    def failed(self) -> "Stored":
        """The same message after one more delivery in vain."""
        return replace(self, failures=self.failures + 1)


@dataclass(slots=True)
class Lock:
    """A lease on a session or a message; `until` moves when it is renewed."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """A locked message in the hands of a receiver. `delivery_count` starts at 1."""

    message: Stored
    token: str
    lock: Lock
    delivery_count: int


@dataclass(frozen=True, slots=True)
class Depth:
    """Messages of one queue by state."""

    ready: int
    locked: int
    scheduled: int
    dead: int

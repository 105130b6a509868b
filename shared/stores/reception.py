"""How an event came in, by either door: when, and in which trace. Travels beside the envelope.

It stands in the message's application properties: so what it is for (telemetry) never decides what
becomes of an item, and versions that know more or less of it read each other's messages.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

RECEIVED_AT, TRACEPARENT = "tieout_received_at", "tieout_traceparent"
CHARS_MAX = 64  # of a property; what is longer is none of ours


@dataclass(frozen=True, slots=True)
class Reception:
    """The moment in which an event was received, and the trace of its delivery. Both are empty for
    what no event led to."""

    received_at: datetime | None = None
    traceparent: str = ""

    def properties(self) -> dict[str, str]:
        """As application properties of a message."""
        found = {TRACEPARENT: self.traceparent}
        if self.received_at is not None:
            found[RECEIVED_AT] = self.received_at.isoformat()
        return {name: text for name, text in found.items() if text}


def reception_in(properties: Mapping[str, object]) -> Reception:
    """What a message's application properties say. Anybody may send to a queue: what cannot be
    read is left out."""
    return Reception(_moment(properties.get(RECEIVED_AT)), _text(properties.get(TRACEPARENT)))


def _text(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= CHARS_MAX else ""


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(_text(value))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None

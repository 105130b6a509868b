"""The queues a broker holds, read from `infra/queues.json`, which deployment reads too.

Property names are those of the resource type:
https://learn.microsoft.com/azure/templates/microsoft.servicebus/namespaces/queues
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

LOCK_SECONDS_MAX = 300.0
DUPLICATE_WINDOW_SECONDS_MIN = 20.0
DUPLICATE_WINDOW_SECONDS_MAX = 7 * 86_400.0
MAX_DELIVERY_COUNT_DEFAULT = 10

_DURATION = re.compile(
    r"P(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_KNOWN = (
    "name",
    "requiresSession",
    "requiresDuplicateDetection",
    "duplicateDetectionHistoryTimeWindow",
    "lockDuration",
    "maxDeliveryCount",
    "deadLetteringOnMessageExpiration",
    "defaultMessageTimeToLive",
)


class QueuesRefused(ValueError):
    """The description of the queues is not one Service Bus would accept."""


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """One queue. `time_to_live_seconds` None: messages do not expire."""

    name: str
    requires_session: bool = False
    requires_duplicate_detection: bool = False
    duplicate_window_seconds: float = 600.0
    lock_seconds: float = 60.0
    max_delivery_count: int = MAX_DELIVERY_COUNT_DEFAULT
    dead_letters_expired: bool = False
    time_to_live_seconds: float | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise QueuesRefused("a queue needs a name")
        if not 0 < self.lock_seconds <= LOCK_SECONDS_MAX:
            raise QueuesRefused(
                f"queue {self.name}: lockDuration is at most PT5M, got {self.lock_seconds} s"
            )
        if self.max_delivery_count < 1:
            raise QueuesRefused(f"queue {self.name}: maxDeliveryCount is at least 1")
        window = self.duplicate_window_seconds
        if not DUPLICATE_WINDOW_SECONDS_MIN <= window <= DUPLICATE_WINDOW_SECONDS_MAX:
            raise QueuesRefused(
                f"queue {self.name}: duplicateDetectionHistoryTimeWindow is PT20S to P7D, "
                f"got {window} s"
            )


def load_queues(path: Path) -> tuple[QueueSettings, ...]:
    """Read the queues of a file: `{"defaults": {...}, "queues": [{"name": ...}, ...]}`, or the
    bare list. Raises `QueuesRefused`."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise QueuesRefused(f"{path} is not JSON: {error}") from error
    if isinstance(document, list):
        document = {"queues": document}
    defaults = document.get("defaults", {})
    queues = tuple(_queue({**defaults, **row}) for row in document["queues"])
    names = [queue.name for queue in queues]
    for name in names:
        if names.count(name) > 1:
            raise QueuesRefused(f"{path} names queue {name} twice")
    return queues


def seconds_of(duration: str) -> float:
    """Seconds of an ISO 8601 duration (`PT5M`, `P7D`). Raises `QueuesRefused`."""
    match = _DURATION.fullmatch(duration)
    parts = {
        name: float(text) for name, text in (match.groupdict() if match else {}).items() if text
    }
    if not parts:
        raise QueuesRefused(f"{duration!r} is not a duration such as PT5M or P7D")
    return timedelta(**parts).total_seconds()


def _queue(row: Mapping[str, Any]) -> QueueSettings:
    for key in row:
        if key not in _KNOWN:
            raise QueuesRefused(f"queue {row.get('name')}: the local broker does not know {key!r}")
    life = row.get("defaultMessageTimeToLive")
    return QueueSettings(
        name=row.get("name", ""),
        requires_session=row.get("requiresSession", False),
        requires_duplicate_detection=row.get("requiresDuplicateDetection", False),
        duplicate_window_seconds=seconds_of(
            row.get("duplicateDetectionHistoryTimeWindow", "PT10M")
        ),
        lock_seconds=seconds_of(row.get("lockDuration", "PT1M")),
        max_delivery_count=row.get("maxDeliveryCount", MAX_DELIVERY_COUNT_DEFAULT),
        dead_letters_expired=row.get("deadLetteringOnMessageExpiration", False),
        time_to_live_seconds=seconds_of(life) if life else None,
    )

"""Exported files as a course of time: what was sold comes before what was given back.

Files hold the last state of things and all events at once. Told at once they would be a shop in
which each refunded charge was refunded before anyone looked. So events go in the order they were
made, objects come into being with the first event that is no older, and a refund of a charge that
the same chapter tells of begins the next chapter.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from local.files import Exported
from shared.ports import Json

REFUND_EVENTS = ("charge.refunded", "refund.created")


@dataclass(slots=True)
class Chapter:
    """Objects to store, then events to deliver."""

    objects: list[Json] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)


def chapters(exported: Exported) -> list[Chapter]:
    """The files' chapters, at least one. Grows as n log n with events and objects.

    An object that events tell of is held as the state after the last of them.
    """
    events = sorted(exported.events, key=_created)
    found: list[Chapter] = [Chapter()]
    starts: list[int] = []  # of each event: its chapter
    last_told: dict[str, int] = {}  # of each id: the chapter of the last event about it
    for event in events:
        ids = tuple(_about(event))
        here = len(found) - 1
        if event["type"] in REFUND_EVENTS and any(last_told.get(id) == here for id in ids):
            found.append(Chapter())
            here += 1
        found[here].events.append(event)
        starts.append(here)
        last_told |= dict.fromkeys(ids, here)
    times = [_created(event) for event in events]
    for obj in exported.objects:
        index = bisect_left(times, _created(obj))
        born = starts[index] if index < len(events) else len(found) - 1
        found[max(born, last_told.get(obj["id"], 0))].objects.append(obj)
    return found


def in_order(parts: Sequence[Chapter]) -> list[Json]:
    """The events in the order in which they are delivered."""
    return [event for part in parts for event in part.events]


def _created(item: Json) -> int:
    """Seconds; 0, before all others, for what states none (a balance, a file's own events)."""
    created = item.get("created")
    return created if type(created) is int else 0


def _about(event: Json) -> Iterator[str]:
    """The ids of the event's object, and of the charge it belongs to."""
    obj = event["data"]["object"]
    for value in (obj.get("id"), obj.get("charge")):
        id = value.get("id") if isinstance(value, dict) else value
        if isinstance(id, str):
            yield id

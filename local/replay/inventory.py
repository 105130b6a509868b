"""The end of a replay's report: what was read, what was used, what was not, and what is missing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from local.replay.exported import Exported
from local.replay.missing import Missing, Told, missing_of
from local.replay.trace import Trace
from local.stripe import KEPT
from shared.ports import Json
from shared.registry import ENTITIES

AT_THE_DOOR = {
    "unknown_type": "Tieout does nothing for events of this type",
    "connected_account": "it is of a connected account",
    "no_object_id": "its object has no id",
    "other_object": "its object is of another type than the event",
    "other_mode": "it is of the other mode",
}
"""Why the webhook skips an event, as a reader of files is told it."""


@dataclass(frozen=True, slots=True)
class Unused:
    """Something that was read and led to nothing. `object`: its type."""

    id: str
    object: str
    where: str
    why: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """Counts by type, and lists.

    `problems`: parts that were not understood. `notes`: what was taken for something else, and why.
    """

    files: int
    events: int
    objects: Mapping[str, int]
    repeated: int
    problems: int
    used_events: int
    used_objects: Mapping[str, int]
    unused: tuple[Unused, ...]
    missing: tuple[Missing, ...]
    notes: tuple[str, ...]

    def figures(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "read": {
                "files": self.files,
                "events": self.events,
                "objects": dict(self.objects),
                "repeated": self.repeated,
                "not_understood": self.problems,
            },
            "used": {"events": self.used_events, "objects": dict(self.used_objects)},
            "unused": [asdict(each) for each in self.unused],
            "missing": [{**asdict(each), "named_by": list(each.named_by)} for each in self.missing],
            "notes": list(self.notes),
        }


def inventory(exported: Exported, parts: Sequence[Told]) -> Inventory:
    """What became of all that the files hold."""
    read = dict.fromkeys(id for part in parts for id in part.witness.read)
    used = [obj for obj in exported.objects if obj["id"] in read]
    traces = [each for part in parts for each in part.traces]
    idle = [each for each in traces if _reason(each)]
    notes = list(exported.notes)
    for part in parts:
        notes += [
            f"{id}: all that was available by then adds up to it, and counts as its transactions"
            for id in part.members.derived
        ]
    notes += _shared_ids(exported)
    notes += [
        f"{id} states no mode and nothing that does names it: taken for test mode"
        for id in exported.modeless
    ]
    return Inventory(
        exported.files,
        len(exported.events),
        _counts(exported.objects),
        exported.repeated,
        len(exported.problems),
        len(traces) - len(idle),
        _counts(used),
        (*_unused(exported, idle, read), *_unread(exported)),
        missing_of(exported, parts),
        tuple(notes),
    )


def _counts(objects: Sequence[Json]) -> dict[str, int]:
    found: dict[str, int] = {}
    for obj in objects:
        found[obj["object"]] = found.get(obj["object"], 0) + 1
    return dict(sorted(found.items()))


def _reason(trace: Trace) -> str:
    """Why an event was not taken; empty where it was."""
    if trace.outcome == "refused":
        return f"the webhook refuses it: {trace.text or trace.cause}"
    return AT_THE_DOOR.get(trace.cause, "") if trace.outcome == "skipped" else ""


def _unused(
    exported: Exported, idle: Sequence[Trace], read: Mapping[str, None]
) -> Iterator[Unused]:
    for trace in idle:
        where = exported.places.get(trace.delivered_as, "")
        yield Unused(trace.id, f"event {trace.type}", where, _reason(trace))
    for obj in exported.objects:
        if obj["id"] not in read:
            yield Unused(obj["id"], obj["object"], exported.places[obj["id"]], _why(obj["object"]))


def _why(kind: str) -> str:
    used = (*(entity.object for entity in ENTITIES), "checkout.session", "invoice_payment")
    if kind in used:
        return "nothing in the files leads to it"
    if kind in (*KEPT.values(), "payment_intent", "payment_method"):
        return "nothing is booked from objects of this type"
    return "Tieout does not know objects of this type"


def _unread(exported: Exported) -> Iterator[Unused]:
    for thin in exported.thin:
        yield Unused(
            thin.id,
            f"thin event {thin.type}",
            thin.where,
            f"a thin event only names its object, {thin.id_of_object or 'and this one names none'}",
        )
    for file in exported.unread:
        yield Unused("", "file", file.where, file.reason)


def _shared_ids(exported: Exported) -> Iterator[str]:
    counts: dict[str, int] = {}
    for id in exported.event_ids.values():
        counts[id] = counts.get(id, 1) + 1
    for id, count in counts.items():
        yield f"{count} different events have the id {id}: each was delivered under one of its own"

"""Exported files as a course of time: what was sold comes before what was given back.

Files hold the last state of things and all events at once. Told at once they would be a shop in
which each refunded charge was refunded before anyone looked. So events go in the order they were
made, objects come into being when they were created, and a refund of a charge that the same chapter
tells of begins the next one. Until then the charge is as it was before.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from local.replay.exported import Exported
from shared.entities.common.objects import elements, id_of
from shared.entities.common.refunding import DEAD_STATUSES
from shared.ports import Json
from shared.registry import REGISTRY

LOOKED_AT = ("charge", "dispute", "payout", "refund")  # they lead to their transactions
REFUND_EVENTS = ("charge.refunded", "refund.created")
CHAPTERS_MAX = 1_000  # then the last one holds all that is left
EVER = -1


@dataclass(slots=True)
class Chapter:
    """Objects to store, events to deliver, and objects to look at that no event tells of.

    `looked_at`: the type of each, by id.

    `start`: seconds; the refund that it begins with was made then.
    """

    start: int
    objects: list[Json] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)
    looked_at: dict[str, str] = field(default_factory=dict)


class _Rank(IntEnum):
    """What comes first in the same second."""

    CHARGE = 0
    EVENT = 1
    REFUND = 2


@dataclass(frozen=True, slots=True)
class _Moment:
    """Something that happened. `charges`: that it is about."""

    created: int
    rank: _Rank
    charges: tuple[str, ...]
    event: Json | None = None


@dataclass(frozen=True, slots=True)
class _Back:
    """What of a charge was given back: its refunds in the order they were made, and what its events
    say was refunded, as (seconds, minor units in all)."""

    refunds: tuple[Json, ...] = ()
    told: tuple[tuple[int, int], ...] = ()

    def moments(self) -> list[int]:
        """When something was given back."""
        return [_created(refund) for refund in self.refunds] + [at for at, _ in self.told]


NOTHING = _Back()


def chapters(exported: Exported) -> list[Chapter]:
    """The files' chapters, at least one. Grows as n log n with events and objects."""
    back = _given_back(exported)
    sold, found = _told(exported, back)
    starts = [chapter.start for chapter in found]
    for obj in exported.objects:
        if obj["object"] == "charge":
            given = back.get(obj["id"], NOTHING)
            changes = [bisect_right(starts, at) - 1 for at in given.moments()]
            born = sold[obj["id"]]
            for index in dict.fromkeys([born, *(each for each in changes if each > born)]):
                _keep_charge(obj, given, found, index)
        else:
            search = bisect_right if obj["object"] == "refund" else bisect_left
            chapter = found[max(search(starts, _created(obj)) - 1, 0)]
            chapter.objects.append(obj)
            if obj["object"] in LOOKED_AT:
                chapter.looked_at[obj["id"]] = obj["object"]
    for chapter in found:
        told = dict.fromkeys(id for event in chapter.events for id in _told_by(event))
        chapter.looked_at = {id: name for id, name in chapter.looked_at.items() if id not in told}
    return found


def in_order(parts: Sequence[Chapter]) -> list[Json]:
    """The events in the order in which they are delivered."""
    return [event for part in parts for event in part.events]


def as_of(charge: Json, back: _Back, moment: int) -> Json:
    """A charge as it was before what was given back at a moment or later."""
    if all(at < moment for at in back.moments()):
        return charge
    later = {refund["id"]: refund for refund in back.refunds if _created(refund) >= moment}
    whole = _whole(charge.get("amount_refunded"))
    known, taken = _alive(back.refunds), _alive(tuple(later.values()))
    # What no refund accounts for was given back when an event of the charge says so.
    unknown = max(whole - known, 0)
    told = max((amount for at, amount in back.told if at < moment), default=0)
    left = max(whole - unknown - taken, 0)
    if back.told:
        unknown = min(max(told - left, 0), unknown)
    changed: Json = {**charge, "amount_refunded": left + unknown}
    changed["refunded"] = bool(charge.get("refunded")) and left + unknown >= whole
    listed = charge.get("refunds")
    if isinstance(listed, dict):
        kept = [item for item in elements(listed) if id_of(item) not in later]
        changed["refunds"] = {**listed, "data": kept}
        if "total_count" in listed:
            changed["refunds"]["total_count"] = len(kept)
    return changed


def _alive(refunds: Sequence[Json]) -> int:
    """The sum of refunds that did not fail."""
    return sum(
        _whole(refund.get("amount"))
        for refund in refunds
        if refund.get("status") not in DEAD_STATUSES
    )


def _told(exported: Exported, back: Mapping[str, _Back]) -> tuple[dict[str, int], list[Chapter]]:
    """The chapter in which each charge of the objects is told first, and the chapters with their
    events."""
    found = [Chapter(EVER)]
    told: dict[str, None] = {}  # charges of the last chapter
    sold: dict[str, int] = {}
    for moment in sorted(_moments(exported, back), key=lambda each: (each.created, each.rank)):
        begins = moment.rank is _Rank.REFUND and any(id in told for id in moment.charges)
        if begins and len(found) < CHAPTERS_MAX:
            found.append(_next(found[-1], moment.created))
            told = {}
        if moment.event is not None:
            found[-1].events.append(moment.event)
        if moment.rank is not _Rank.REFUND:
            told |= dict.fromkeys(moment.charges)
        if moment.rank is _Rank.CHARGE:
            sold |= dict.fromkeys(moment.charges, len(found) - 1)
    return sold, found


def _next(last: Chapter, start: int) -> Chapter:
    """A chapter; refunds of the second that it begins with belong to it."""
    chapter = Chapter(start)
    while last.events and _created(last.events[-1]) == start and _is_refund(last.events[-1]):
        chapter.events.insert(0, last.events.pop())
    return chapter


def _moments(exported: Exported, back: Mapping[str, _Back]) -> Iterator[_Moment]:
    for event in exported.events:
        rank = _Rank.REFUND if _is_refund(event) else _Rank.EVENT
        yield _Moment(_created(event), rank, tuple(_charges_of(event)), event)
    for obj in exported.objects:
        if obj["object"] == "charge":
            yield _Moment(_created(obj), _Rank.CHARGE, (obj["id"],))
    for charge, given in back.items():
        for refund in given.refunds:
            yield _Moment(_created(refund), _Rank.REFUND, (charge,))


def _keep_charge(charge: Json, back: _Back, found: Sequence[Chapter], index: int) -> None:
    """The charge in a chapter, as it was at the end of that."""
    ends = [chapter.start for chapter in found[index + 1 : index + 2]]
    state = as_of(charge, back, ends[0]) if ends else charge
    found[index].objects.append(state)
    found[index].looked_at[charge["id"]] = "charge"


def _given_back(exported: Exported) -> dict[str, _Back]:
    """What objects and events show of refunds, by charge, with what is known of each last."""
    refunds: dict[str, dict[str, Json]] = {}
    told: dict[str, list[tuple[int, int]]] = {}
    for event in exported.events:
        obj = event["data"]["object"]
        if event["type"] == "charge.refunded":
            amount = _whole(obj.get("amount_refunded"))
            told.setdefault(id_of(obj), []).append((_created(event), amount))
    for obj in (*(event["data"]["object"] for event in exported.events), *exported.objects):
        charge, inside = id_of(obj.get("charge")), [obj]
        if obj.get("object") == "charge":
            charge, inside = id_of(obj), list(elements(obj.get("refunds")))
        for item in inside:
            if isinstance(item, dict) and item.get("object") == "refund" and id_of(item):
                refunds.setdefault(charge, {})[id_of(item)] = item
    return {
        id: _Back(
            tuple(sorted(refunds.get(id, {}).values(), key=_created)), tuple(told.get(id, ()))
        )
        for id in dict.fromkeys([*refunds, *told])
    }


def _is_refund(event: Json) -> bool:
    return event["type"] in REFUND_EVENTS


def _told_by(event: Json) -> Iterator[str]:
    """What an event makes looked at: its object, and the charge of a refund."""
    entity = REGISTRY.of_event(event["type"])
    if entity is not None and not event.get("account"):
        yield id_of(event["data"]["object"])
        if entity.name == "refund":
            yield from _charges_of(event)


def _charges_of(event: Json) -> Iterator[str]:
    """The charge that an event is about, or that its object belongs to."""
    obj = event["data"]["object"]
    id = id_of(obj) if obj.get("object") == "charge" else id_of(obj.get("charge"))
    if id:
        yield id


def _created(item: Json) -> int:
    """Seconds; 0, before all others, for what states none (a balance, a file's own events)."""
    return _whole(item.get("created"))


def _whole(value: object) -> int:
    return value if type(value) is int else 0

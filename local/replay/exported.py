"""What exported files hold: events, objects, and what is to be said about them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from shared.domain.money import is_currency
from shared.ports import Json

DEPTH_MAX = 12  # of the search for currencies, ids and objects inside objects
MODE_ROUNDS_MAX = 20  # of finding modes: a transaction names a refund, which names a charge
MOMENT_MAX = 4_102_444_800  # the year 2100
ID = re.compile(r"[a-z]+(_[a-z]+)*_[A-Za-z0-9_]+")


@dataclass(frozen=True, slots=True)
class FileProblem:
    """Something in a file that is neither an event nor an object."""

    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class CutList:
    """A list that goes on (`has_more`), whose next page the files lack."""

    where: str
    url: str
    count: int
    last_id: str
    livemode: bool


@dataclass(frozen=True, slots=True)
class ThinEvent:
    """An event of API v2: it names its object and does not hold it."""

    id: str
    type: str
    where: str
    object: str
    id_of_object: str
    url: str
    livemode: bool


@dataclass(frozen=True, slots=True)
class Unread:
    """A file of a folder that is not read, and why."""

    where: str
    reason: str


@dataclass(slots=True)
class LineItems:
    """The line items of a Checkout Session, from lists of their own."""

    where: str
    data: dict[str, Json] = field(default_factory=dict)
    is_whole: bool = False


@dataclass(slots=True)
class Exported:
    """What the files hold, in the order of their names, each record once.

    `places`: the file of each event and object. `event_ids`: the id in the files of each event
    that is delivered under another one, because several events share it. `members`: the
    transactions that Stripe listed for a payout. `modeless`: objects that state no mode and are
    named by nothing that does.
    """

    events: list[Json] = field(default_factory=list)
    objects: list[Json] = field(default_factory=list)
    problems: list[FileProblem] = field(default_factory=list)
    files: int = 0
    livemode: bool = False
    line_items: dict[str, LineItems] = field(default_factory=dict)
    cut: list[CutList] = field(default_factory=list)
    thin: list[ThinEvent] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    repeated: int = 0
    places: dict[str, str] = field(default_factory=dict)
    event_ids: dict[str, str] = field(default_factory=dict)
    members: dict[str, dict[str, None]] = field(default_factory=dict)
    modeless: list[str] = field(default_factory=list)

    @property
    def modes(self) -> tuple["Exported", ...]:
        """One part a mode, test mode first. What states no mode (refunds and balance transactions
        do not) goes with what it names or is named by, else to the first part."""
        items = (*self.events, *self.objects)
        found = [mode for mode in (False, True) if any(mode_of(item) is mode for item in items)]
        wanted = found or [False]
        modes = _modes(items) if len(wanted) > 1 else {}
        parts = {
            mode: Exported(livemode=mode, event_ids=self.event_ids, members=self.members)
            for mode in wanted
        }
        for event in self.events:
            part = parts[modes.get(event["id"], wanted[0])]
            part.events.append({**event, "livemode": part.livemode})
        for obj in self.objects:
            if len(wanted) > 1 and obj["id"] not in modes:
                self.modeless.append(obj["id"])
            parts[modes.get(obj["id"], wanted[0])].objects.append(obj)
        return tuple(parts.values())

    @property
    def currencies(self) -> tuple[str, ...]:
        """The currencies named anywhere, sorted."""
        items = (*self.objects, *self.events)
        found = dict.fromkeys(text for item in items for text in _currencies(item, DEPTH_MAX))
        return tuple(sorted(found))

    @property
    def latest_created(self) -> int:
        """The latest believable `created` of all, in seconds; 0 when nothing states one."""
        moments = [item.get("created") for item in (*self.events, *self.told())]
        return max((each for each in moments if _is_moment(each)), default=0)

    def told(self) -> tuple[Json, ...]:
        """The objects of the files, and those of its events."""
        return (*self.objects, *(event["data"]["object"] for event in self.events))


def mode_of(item: Json) -> bool | None:
    """The mode that an object or event states; an event may leave it to its object."""
    stated = item.get("livemode")
    if not isinstance(stated, bool) and isinstance(item.get("data"), dict):
        inner = item["data"].get("object")
        stated = inner.get("livemode") if isinstance(inner, dict) else None
    return stated if isinstance(stated, bool) else None


def _modes(items: Sequence[Json]) -> dict[str, bool]:
    """The mode of each item by its id, as far as it can be told."""
    found: dict[str, bool] = {}
    named: dict[str, bool | None] = {}  # ids that items of a mode name; None: of both modes
    homeless: list[tuple[str, tuple[str, ...]]] = []

    def keep(id: str, mode: bool, names: Sequence[str]) -> None:
        found[id] = mode
        for name in names:
            named[name] = mode if named.get(name, mode) is mode else None

    for item in items:
        names = tuple(dict.fromkeys(ids_in(item)))
        mode = mode_of(item)
        if mode is None:
            homeless.append((item["id"], names))
        else:
            keep(item["id"], mode, names)
    for _ in range(MODE_ROUNDS_MAX):
        left = []
        for id, names in homeless:
            votes = [named[name] for name in (id, *names) if named.get(name) is not None]
            if votes:
                keep(id, votes[0] is True, names)
            else:
                left.append((id, names))
        if len(left) == len(homeless):
            break
        homeless = left
    return found


def ids_in(value: object, depth: int = DEPTH_MAX) -> Iterator[str]:
    """Every text that can be the id of a Stripe object, the object's own first."""
    if isinstance(value, str):
        if ID.fullmatch(value):
            yield value
    elif depth and isinstance(value, dict):
        for item in value.values():
            yield from ids_in(item, depth - 1)
    elif depth and isinstance(value, list):
        for item in value:
            yield from ids_in(item, depth - 1)


def objects_in(value: object, depth: int = DEPTH_MAX) -> Iterator[Json]:
    """An object and the objects inside it, outer before inner."""
    if not depth:
        return
    if isinstance(value, dict):
        if isinstance(value.get("id"), str) and isinstance(value.get("object"), str):
            yield value
        for item in value.values():
            yield from objects_in(item, depth - 1)
    elif isinstance(value, list):
        for item in value:
            yield from objects_in(item, depth - 1)


def first_places(items: Sequence[Json], wanted: Mapping[str, None]) -> dict[str, list[str]]:
    """Which items name each wanted id, by their own ids, in order."""
    found: dict[str, list[str]] = {id: [] for id in wanted}
    for item in items:
        for name in dict.fromkeys(ids_in(item)):
            if name in found and name != item["id"]:
                found[name].append(item["id"])
    return found


def _is_moment(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= MOMENT_MAX


def _currencies(value: object, depth: int) -> Iterator[str]:
    if depth and isinstance(value, dict):
        text = value.get("currency")
        if isinstance(text, str) and is_currency(text):
            yield text
        for item in value.values():
            yield from _currencies(item, depth - 1)
    elif depth and isinstance(value, list):
        for item in value:
            yield from _currencies(item, depth - 1)

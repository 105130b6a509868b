"""Reading exported Stripe JSON: events and objects, single, in lists, in folders."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

from local.stripe.stored import event_reason, object_reason
from shared.domain.money import is_currency
from shared.ports import Json

FILE_BYTES_MAX = 256 * 1024 * 1024
FILES_MAX = 100_000
DEPTH_MAX = 12  # of the search for currencies
LINE_ITEMS_URL = re.compile(r"/checkout/sessions/(\w+)/line_items")
MOMENT_MAX = 4_102_444_800  # the year 2100


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a file that is neither an event nor an object."""

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
    """What the files hold, in the order of their names."""

    events: list[Json] = field(default_factory=list)
    objects: list[Json] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    files: int = 0
    livemode: bool = False
    line_items: dict[str, LineItems] = field(default_factory=dict)

    @property
    def modes(self) -> tuple["Exported", ...]:
        """One part a mode, test mode first. Objects that state no mode (balance transactions do
        not) go where they or their source are mentioned, else to the first part."""
        items = (*self.events, *self.objects)
        stated = [item.get("livemode") for item in items]
        wanted = [mode for mode in (False, True) if mode in stated] or [False]
        parts = {mode: Exported(livemode=mode) for mode in wanted}
        for event in self.events:
            parts.get(event.get("livemode") is True, parts[wanted[0]]).events.append(event)
        homeless = []
        for item in self.objects:
            part = parts.get(item["livemode"]) if "livemode" in item else None
            if part is None:
                homeless.append(item)
            else:
                part.objects.append(item)
        texts = {mode: _texts((*part.events, *part.objects)) for mode, part in parts.items()}
        for item in homeless:
            mode = next((mode for mode in wanted if _is_mentioned(item, texts[mode])), wanted[0])
            parts[mode].objects.append(item)
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
        items = (*self.events, *self.objects, *(event["data"]["object"] for event in self.events))
        moments = [item.get("created") for item in items]
        return max((each for each in moments if _is_moment(each)), default=0)


def _is_mentioned(item: Json, texts: dict[str, None]) -> bool:
    source = item.get("source")
    return item["id"] in texts or (isinstance(source, str) and source in texts)


def _texts(items: Sequence[Json]) -> dict[str, None]:
    """Every text in the items."""
    found: dict[str, None] = {}
    for text in _walk(items, DEPTH_MAX):
        found[text] = None
    return found


def _walk(value: object, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth and isinstance(value, dict):
        for item in value.values():
            yield from _walk(item, depth - 1)
    elif depth and isinstance(value, list | tuple):
        for item in value:
            yield from _walk(item, depth - 1)


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


def read(paths: Sequence[Path]) -> Exported:
    """Read files and folders (their `*.json`, deep). Broken parts become problems."""
    found = Exported()
    for path in _files(paths, found):
        found.files += 1
        if path.stat().st_size > FILE_BYTES_MAX:
            found.problems.append(Problem(str(path), f"larger than {FILE_BYTES_MAX} bytes"))
            continue
        try:
            value = json.loads(path.read_bytes().decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            found.problems.append(Problem(str(path), f"not JSON in UTF-8: {error}"))
            continue
        _sort(value, str(path), found)
    _join(found)
    return found


def _files(paths: Sequence[Path], found: Exported) -> Iterator[Path]:
    count = 0
    for path in paths:
        if not path.exists():
            found.problems.append(Problem(str(path), "does not exist"))
            continue
        inside = sorted(path.rglob("*.json")) if path.is_dir() else [path]
        if not inside:
            found.problems.append(Problem(str(path), "holds no *.json file"))
        for each in inside:
            count += 1
            if count > FILES_MAX:
                found.problems.append(Problem(str(path), f"more than {FILES_MAX} files"))
                return
            yield each


def _sort(value: Any, where: str, found: Exported) -> None:  # noqa: ANN401 - any JSON
    if isinstance(value, dict) and value.get("object") == "list":
        if (url := LINE_ITEMS_URL.search(str(value.get("url")))) is not None:
            _sort_line_items(value, url[1], where, found)
            return
        value = value.get("data")
    if isinstance(value, list):
        for index, item in enumerate(value):
            _sort_one(item, f"{where}[{index}]", found)
    else:
        _sort_one(value, where, found)


def _sort_one(item: Any, where: str, found: Exported) -> None:  # noqa: ANN401 - any JSON
    if isinstance(item, dict) and item.get("object") == "list":
        _sort(item, where, found)
        return
    if not isinstance(item, dict):
        found.problems.append(Problem(where, "is not a JSON object"))
        return
    data = item.get("data")
    is_event = item.get("object") == "event" or ("type" in item and isinstance(data, dict))
    reason = event_reason(item) if is_event else object_reason(item)
    if reason is not None:
        found.problems.append(Problem(where, reason))
    elif is_event:
        found.events.append(item)
    else:
        found.objects.append(item)


def _sort_line_items(value: Json, session: str, where: str, found: Exported) -> None:
    """A page of the list that `/v1/checkout/sessions/:id/line_items` gives."""
    items = found.line_items.setdefault(session, LineItems(where))
    items.is_whole |= value.get("has_more") is not True
    data = value.get("data")
    for item in data if isinstance(data, list) else ():
        if isinstance(item, dict) and isinstance(item.get("id"), str):
            items.data[item["id"]] = item
        else:
            found.problems.append(Problem(where, "holds a line item without `id`"))


def _join(found: Exported) -> None:
    """Line items from lists of their own go into their sessions; what is cut is a problem."""
    inside = [event["data"]["object"] for event in found.events]
    known: dict[str, None] = {}
    for obj in (*found.objects, *inside):
        if obj.get("object") != "checkout.session":
            continue
        id, listed = str(obj.get("id")), obj.get("line_items")
        known[id] = None
        items = found.line_items.get(id)
        if items is not None:
            data = list(items.data.values())
            obj["line_items"] = {"object": "list", "data": data, "has_more": not items.is_whole}
        elif isinstance(listed, dict) and listed.get("has_more") is True:
            found.problems.append(Problem(id, "shows only some of its line items: export them all"))
    for id, items in found.line_items.items():
        if id not in known:
            found.problems.append(Problem(items.where, f"line items of {id}, which is not there"))
        elif not items.is_whole:
            found.problems.append(Problem(items.where, f"not all line items of {id}: more pages"))

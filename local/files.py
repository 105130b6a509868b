"""Reading exported Stripe JSON: events and objects, single, in lists, in folders."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.ports import Json

FILE_BYTES_MAX = 256 * 1024 * 1024
FILES_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a file that is neither an event nor an object."""

    where: str
    reason: str


@dataclass(slots=True)
class Exported:
    """What the files hold, in the order of their names."""

    events: list[Json] = field(default_factory=list)
    objects: list[Json] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    files: int = 0

    @property
    def livemode(self) -> bool:
        """The mode of the first event or object that states one; test mode when none does."""
        for item in (*self.events, *self.objects):
            if isinstance(item.get("livemode"), bool):
                return bool(item["livemode"])
        return False

    @property
    def currencies(self) -> tuple[str, ...]:
        """The currencies of all objects, also inside events, sorted."""
        found = {
            text.lower()
            for item in (*self.objects, *(event["data"]["object"] for event in self.events))
            for text in [item.get("currency")]
            if isinstance(text, str)
        }
        return tuple(sorted(found))

    @property
    def latest_created(self) -> int:
        """The latest `created` of all, in seconds; 0 when nothing states one."""
        moments = [
            item["created"]
            for item in (
                *self.events,
                *self.objects,
                *(event["data"]["object"] for event in self.events),
            )
            if type(item.get("created")) is int
        ]
        return max(moments, default=0)


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
        value = value.get("data")
    if isinstance(value, list):
        for index, item in enumerate(value):
            _sort_one(item, f"{where}[{index}]", found)
    else:
        _sort_one(value, where, found)


def _sort_one(item: Any, where: str, found: Exported) -> None:  # noqa: ANN401 - any JSON
    if not isinstance(item, dict):
        found.problems.append(Problem(where, "is not a JSON object"))
        return
    data = item.get("data")
    is_event = item.get("object") == "event" or ("type" in item and isinstance(data, dict))
    if is_event:
        if not isinstance(data, dict) or not isinstance(data.get("object"), dict):
            found.problems.append(Problem(where, "is an event without data.object"))
        elif not isinstance(item.get("id"), str):
            found.problems.append(Problem(where, "is an event without id"))
        else:
            found.events.append(item)
    elif isinstance(item.get("object"), str) and isinstance(item.get("id"), str):
        found.objects.append(item)
    else:
        found.problems.append(Problem(where, "is neither an event nor an object with an id"))

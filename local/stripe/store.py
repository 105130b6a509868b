"""The objects of the account, by id and by type."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from datetime import datetime
from typing import cast

from shared.ports import Clock, Json


def clone[T](value: T) -> T:
    """A deep copy of JSON."""
    copied: object = value
    if isinstance(value, dict):
        copied = {key: clone(item) for key, item in value.items()}
    elif isinstance(value, list):
        copied = [clone(item) for item in value]
    return cast(T, copied)


def ident(value: object) -> str | None:
    """The id in a field that holds an id, an expanded object or null."""
    if isinstance(value, dict):
        value = value.get("id")
    return value if isinstance(value, str) else None


class Store:
    """Current state. Objects are mutable dicts; who changes one changes what is served."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._objects: dict[str, Json] = {}
        self._order: dict[str, list[tuple[int, int, str]]] = {}  # type -> (created, sequence, id)
        self._keys: dict[str, tuple[str, tuple[int, int, str]]] = {}
        self._since: dict[str, datetime] = {}
        self._sequence = 0

    def put(self, obj: Json) -> Json:
        """Keep an object under its id, replacing what was there."""
        id, type = obj["id"], obj["object"]
        self._unlink(id)
        self._objects[id] = obj
        if not obj.get("deleted"):
            self._sequence += 1
            created = obj.get("created")
            key = (created if isinstance(created, int) else 0, self._sequence, id)
            insort(self._order.setdefault(type, []), key)
            self._keys[id] = (type, key)
        self._since.setdefault(id, self._clock.now())
        return obj

    def remove(self, id: str) -> None:
        """Forget an object."""
        self._unlink(id)
        self._objects.pop(id, None)

    def _unlink(self, id: str) -> None:
        place = self._keys.pop(id, None)
        if place is not None:
            keys = self._order[place[0]]
            del keys[bisect_left(keys, place[1])]

    def get(self, id: str) -> Json | None:
        """The object of an id, if there is one."""
        return self._objects.get(id)

    def age_seconds(self, id: str) -> float:
        """How long ago the object was first kept here."""
        return (self._clock.now() - self._since[id]).total_seconds()

    def newest_first(self, type: str) -> Iterator[Json]:
        """All objects of a type that are not deleted, newest first."""
        return (self._objects[key[2]] for key in reversed(self._order.get(type, [])))

    def older(self, id: str) -> Iterator[Json]:
        """Those of the same type after this one in a list (older), newest first."""
        type, key = self._keys[id]
        keys = self._order[type]
        return (self._objects[keys[i][2]] for i in range(bisect_left(keys, key) - 1, -1, -1))

    def newer(self, id: str) -> Iterator[Json]:
        """Those of the same type before this one in a list (newer), nearest first."""
        type, key = self._keys[id]
        keys = self._order[type]
        return (self._objects[keys[i][2]] for i in range(bisect_left(keys, key) + 1, len(keys)))

    def listed(self, id: str) -> bool:
        """Whether the object takes part in lists."""
        return id in self._keys

    def counts(self) -> dict[str, int]:
        """How many objects of each type there are, by name of the type."""
        return {type: len(keys) for type, keys in sorted(self._order.items()) if keys}

"""The objects of the account, by id and by type."""

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from shared.ports import Clock, Json

NAMING: Mapping[str, tuple[str, ...]] = {
    "charge": ("customer", "payment_intent"),
    "checkout.session": ("customer", "payment_intent"),
    "credit_note": ("invoice", "customer"),
    "customer_balance_transaction": ("customer",),
    "dispute": ("charge", "payment_intent"),
    "invoice": ("customer", "parent.subscription_details.subscription"),
    "invoice_payment": ("invoice", "payment.payment_intent", "payment.payment_record"),
    "invoiceitem": ("customer", "invoice"),
    "payment_intent": ("customer",),
    "price": ("product",),
    "refund": ("charge", "payment_intent"),
    "subscription": ("customer",),
    "subscription_schedule": ("customer",),
    "tax_id": ("customer",),
}
"""By type: members that name another object, by which the objects of the type are found."""

_CONTAINERS = (dict, list)

type _Key = tuple[int, int, str]  # created, sequence, id


def clone[T](value: T) -> T:
    """A deep copy of JSON."""
    return cast(T, _copied(value))


def _copied(value: object) -> object:
    if isinstance(value, dict):
        return {
            key: _copied(item) if type(item) in _CONTAINERS else item for key, item in value.items()
        }
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return value


def ident(value: object) -> str | None:
    """The id in a field that holds an id, an expanded object or null."""
    if isinstance(value, dict):
        value = value.get("id")
    return value if isinstance(value, str) else None


def member(obj: Json, path: str) -> object:
    """The member at a dotted path; None where there is none."""
    value: object = obj
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


class Store:
    """Current state. Objects are mutable dicts; who changes one changes what is served.

    Beside an object stand the members that are shown only when a request expands them.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._objects: dict[str, Json] = {}
        self._order: dict[str, list[_Key]] = {}
        self._keys: dict[str, tuple[str, _Key]] = {}
        self._naming: dict[tuple[str, str], dict[str, None]] = {}  # type and id named -> ids
        self._beside: dict[str, dict[str, Any]] = {}
        self._since: dict[str, datetime] = {}
        self._sequence = 0

    def put(self, obj: Json, beside: Mapping[str, Any] | None = None) -> Json:
        """Keep an object under its id, replacing what was there and what stood beside it."""
        id, type = obj["id"], obj["object"]
        self._unlink(id)
        self._objects[id] = obj
        self._beside.pop(id, None)
        if beside is not None:
            self._beside[id] = dict(beside)
        if not obj.get("deleted"):
            self._sequence += 1
            created = obj.get("created")
            key = (created if isinstance(created, int) else 0, self._sequence, id)
            insort(self._order.setdefault(type, []), key)
            self._keys[id] = (type, key)
            self.relate(obj)
        self._since.setdefault(id, self._clock.now())
        return obj

    def relate(self, obj: Json) -> None:
        """Take note of whom an object names; needed again after such a member has changed.

        Old notes stay: a walk by name may meet objects that name another one by now.
        """
        for path in NAMING.get(obj["object"], ()):
            other = ident(member(obj, path))
            if other is not None:
                self._naming.setdefault((obj["object"], other), {})[obj["id"]] = None

    def beside(self, id: str) -> dict[str, Any]:
        """The members of an object that are shown only when expanded; may be changed."""
        return self._beside.setdefault(id, {})

    def remove(self, id: str) -> None:
        """Forget an object."""
        self._unlink(id)
        self._objects.pop(id, None)
        self._beside.pop(id, None)

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

    def _sorted(self, type: str, naming: str | None) -> Sequence[_Key]:
        if naming is None:
            return self._order.get(type, [])
        ids = self._naming.get((type, naming), {})
        return sorted(self._keys[id][1] for id in ids if id in self._keys)

    def newest_first(self, type: str, naming: str | None = None) -> Iterator[Json]:
        """All objects of a type that are not deleted, newest first.

        `naming`: only those that name this object by a member listed in `NAMING` (or did).
        """
        return (self._objects[key[2]] for key in reversed(self._sorted(type, naming)))

    def older(self, id: str, naming: str | None = None) -> Iterator[Json]:
        """Those of the same type after this one in a list (older), newest first."""
        type, key = self._keys[id]
        keys = self._sorted(type, naming)
        return (self._objects[keys[i][2]] for i in range(bisect_left(keys, key) - 1, -1, -1))

    def newer(self, id: str, naming: str | None = None) -> Iterator[Json]:
        """Those of the same type before this one in a list (newer), nearest first."""
        type, key = self._keys[id]
        keys = self._sorted(type, naming)
        after = bisect_left(keys, key)
        after += after < len(keys) and keys[after] == key
        return (self._objects[keys[i][2]] for i in range(after, len(keys)))

    def listed(self, id: str) -> bool:
        """Whether the object takes part in lists."""
        return id in self._keys

    def counts(self) -> dict[str, int]:
        """How many objects of each type there are, by name of the type."""
        return {type: len(keys) for type, keys in sorted(self._order.items()) if keys}

"""`expand[]`, as https://docs.stripe.com/api/expanding_objects."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from local.stripe.errors import ApiError, not_expandable
from local.stripe.store import Store, ident
from shared.ports import Json

LEVELS_MAX = 4
REFUNDS_SHOWN_MAX = 10  # lists inside objects are cut at ten

_ID = re.compile(r"[a-z]+_[A-Za-z0-9_]+")
_SOURCES = ("charge", "refund", "payout", "dispute")
TARGETS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "charge": {
        "balance_transaction": ("balance_transaction",),
        "customer": ("customer",),
        "failure_balance_transaction": ("balance_transaction",),
        "payment_intent": ("payment_intent",),
        "refunds": ("refund",),
    },
    "balance_transaction": {"source": _SOURCES},
    "refund": {
        "balance_transaction": ("balance_transaction",),
        "charge": ("charge",),
        "failure_balance_transaction": ("balance_transaction",),
        "payment_intent": ("payment_intent",),
    },
    "dispute": {"charge": ("charge",), "payment_intent": ("payment_intent",)},
    "payment_intent": {
        "customer": ("customer",),
        "latest_charge": ("charge",),
        "payment_method": ("payment_method",),
    },
    "payout": {
        "balance_transaction": ("balance_transaction",),
        "failure_balance_transaction": ("balance_transaction",),
    },
    "payment_method": {"customer": ("customer",)},
    "customer": {},
    "event": {},
    "balance": {},
}


def expand(store: Store, answer: Json, paths: Sequence[str]) -> Json:
    """The answer with what the paths name put in place of ids. Raises `ApiError`.

    Types the peer does not act on have no table: there any id expands. An id whose object is
    not here (a stored world may be incomplete) stays an id.
    """
    for path in paths:
        parts = path.split(".")
        if answer.get("object") == "list":
            if parts[0] != "data" or not parts[1:]:
                raise not_expandable(path)
            parts = parts[1:]
            _check(answer["data"], parts, path)
            answer = {**answer, "data": [_expand(store, o, parts, path) for o in answer["data"]]}
        else:
            _check([answer], parts, path)
            answer = _expand(store, answer, parts, path)
    return answer


def _check(objects: list[Json], parts: list[str], path: str) -> None:
    if len(parts) > LEVELS_MAX:
        text = f"You cannot expand more than {LEVELS_MAX} levels of a property ({path})."
        raise ApiError(400, text, param="expand")
    types = tuple(dict.fromkeys(obj["object"] for obj in objects))
    if types and not any(_leads(type, parts) for type in types):
        raise not_expandable(path)


def _leads(type: str, parts: list[str]) -> bool:
    if not parts or type not in TARGETS:
        return True
    targets = TARGETS[type].get(parts[0], ())
    return any(_leads(target, parts[1:]) for target in targets)


def _expand(store: Store, obj: Json, parts: list[str], path: str) -> Json:
    if not parts:
        return obj
    name, rest = parts[0], parts[1:]
    known = obj["object"] in TARGETS
    if known and name not in TARGETS[obj["object"]]:
        return obj  # polymorphic: another type of this list or field has it
    if obj["object"] == "charge" and name == "refunds" and not isinstance(obj.get(name), dict):
        value: Any = refunds_of(store, obj["id"])
    else:
        value = obj.get(name)
    if isinstance(value, dict) and value.get("object") == "list":
        value = {**value, "data": [_expand(store, item, rest, path) for item in value["data"]]}
    elif isinstance(value, str):
        found = store.get(value)
        if found is not None:
            value = _expand(store, found, rest, path)
        elif not known and not _ID.fullmatch(value):
            raise not_expandable(path)
    elif isinstance(value, dict) and "object" in value:
        value = _expand(store, value, rest, path)
    elif not known and value is not None:
        raise not_expandable(path)
    return {**obj, name: value}


def refunds_of(store: Store, charge: str) -> Json:
    """The list of refunds inside a charge: the ten newest."""
    found = [r for r in store.newest_first("refund") if ident(r.get("charge")) == charge]
    return {
        "object": "list",
        "data": found[:REFUNDS_SHOWN_MAX],
        "has_more": len(found) > REFUNDS_SHOWN_MAX,
        "total_count": len(found),
        "url": f"/v1/charges/{charge}/refunds",
    }

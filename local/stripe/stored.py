"""Objects and events that were made elsewhere and are stored as they are."""

from collections.abc import Iterator
from typing import Any

from local.stripe.core import Core
from local.stripe.store import clone
from shared.ports import Json

DEPTH_MAX = 12
NEEDED: dict[str, dict[str, type]] = {
    "balance_transaction": {
        "amount": int,
        "available_on": int,
        "created": int,
        "currency": str,
        "net": int,
        "status": str,
        "type": str,
    },
    "payout": {"amount": int, "arrival_date": int, "created": int, "currency": str, "status": str},
}
"""Members the peer computes with; without them lists and sums would be wrong."""
REMOVED_BY = (
    "coupon.deleted",
    "customer.tax_id.deleted",
    "invoice.deleted",
    "plan.deleted",
    "price.deleted",
    "product.deleted",
)
BIRTHS = ("charge.pending", "charge.succeeded")  # and `*.created`
KEPT_ONCE_SET = ("balance_transaction", "failure_balance_transaction")
EXPANDED = ("line_items",)  # lists that exports may hold, and events do not tell

type Origin = tuple[int, bool] | None
"""Where a state came from: None for a stored object, else the event that brought it, as its
`created` and whether it told more than a birth."""


def object_reason(value: object) -> str | None:
    """Why this is no Stripe object that can be stored; None if it is one."""
    if not isinstance(value, dict):
        return f"must be a JSON object, not {type(value).__name__}"
    for name in ("id", "object"):
        if not isinstance(value.get(name), str) or not value[name]:
            return f"must have `{name}`, a non-empty string"
    if value["object"] == "event":
        return "is an event: post events to /_peer/events"
    for name, wanted in NEEDED.get(value["object"], {}).items():
        item = value.get(name)
        if isinstance(item, bool) or not isinstance(item, wanted):
            return f"must have `{name}` of type {wanted.__name__}: it is a {value['object']}"
    return None


def event_reason(value: object) -> str | None:
    """Why this is no event that can be delivered; None if it is one."""
    if not isinstance(value, dict):
        return f"must be a JSON object, not {type(value).__name__}"
    if value.get("object", "event") != "event":
        return f"is of type `{value['object']}`; snapshot events have `object: event`"
    for name in ("id", "type"):
        if not isinstance(value.get(name), str) or not value[name]:
            return f"must have `{name}`, a non-empty string"
    if "created" in value and not isinstance(value["created"], int):
        return "must have `created` in whole Unix seconds"
    data = value.get("data")
    if not isinstance(data, dict) or not isinstance(data.get("object"), dict):
        return "must have `data.object`, a JSON object"
    inner = data["object"]
    if "id" in inner and (reason := object_reason(inner)) is not None:
        return f"data.object {reason}"
    return None


def keep_objects(core: Core, objects: list[Json], origins: dict[str, Origin]) -> list[str]:
    """Store objects as current state, and objects inside them that are not known yet.

    `origins` remembers where the states came from. Returns the ids stored.
    """
    ids: list[str] = []
    for obj in objects:
        core.store.put(clone(obj))
        origins[obj["id"]] = None
        ids.append(obj["id"])
    for obj in objects:
        ids.extend(_keep_inner(core, obj))
    return ids


def _keep_inner(core: Core, obj: Json) -> list[str]:
    ids = []
    for inner in _nested(obj, 0):
        if object_reason(inner) is None and core.store.get(inner["id"]) is None:
            core.store.put(clone(inner))
            ids.append(inner["id"])
    return ids


def _nested(value: Json | list[Any], depth: int) -> Iterator[Json]:
    """Objects with `id` and `object` inside another, outer before inner."""
    if depth > DEPTH_MAX:
        return
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, dict) and "id" in item and "object" in item:
            yield item
        if isinstance(item, dict | list):
            yield from _nested(item, depth + 1)


def keep_event(core: Core, event: Json, origins: dict[str, Origin]) -> Json:
    """Store an event, and its object where that is newer than what is held.

    An event tells a state of the past. It does not replace a state that a later event brought;
    and an event that tells of a birth (`*.created`, `BIRTHS`), or of a charge of which less was
    refunded, does not replace an object that was stored as current state. Returns the stored event.
    """
    kept: Json = {"object": "event", "created": core.now(), **clone(event), "pending_webhooks": 1}
    core.store.put(kept)
    obj = clone(event["data"]["object"])
    if object_reason(obj) is not None:
        return kept  # `invoice.upcoming` and its like have no id
    id = obj["id"]
    birth = event["type"].endswith(".created") or event["type"] in BIRTHS
    held, origin, own = (
        core.store.get(id),
        origins.get(id, (0, False)),
        (kept["created"], not birth),
    )
    if held is not None and held["object"] == obj["object"]:
        if birth if origin is None else own < origin:
            return kept
        if origin is None and _given_back(held) > _given_back(obj):
            return kept  # the file knows more than the event
        for name in KEPT_ONCE_SET:
            if held.get(name) is not None and name in obj and obj[name] is None:
                obj[name] = held[name]
        obj |= {name: held[name] for name in EXPANDED if name in held and name not in obj}
    _apply(core, event["type"], obj)
    _keep_inner(core, obj)
    if origin is not None:
        origins[id] = own
    return kept


def _given_back(obj: Json) -> int:
    """What of a charge was refunded; 0 of anything else."""
    amount = obj.get("amount_refunded") if obj["object"] == "charge" else 0
    return amount if type(amount) is int else 0


def _apply(core: Core, type: str, obj: Json) -> None:
    if type == "customer.deleted":
        core.store.put({"id": obj["id"], "object": "customer", "deleted": True})
    elif type in REMOVED_BY:
        core.store.remove(obj["id"])
    else:
        core.store.put(obj)

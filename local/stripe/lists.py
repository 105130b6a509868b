"""Lists: paging and filters, as https://docs.stripe.com/api/pagination."""

from collections.abc import Callable, Iterator, Sequence

from local.stripe import forms
from local.stripe.core import Call, Core
from local.stripe.errors import ApiError, invalid, missing
from local.stripe.store import NAMING, ident
from shared.ports import Json

LIMIT_DEFAULT = 10
LIMIT_MAX = 100
STALE_TYPES = ("balance_transaction", "event")  # whose newest may be missing from lists

type Keep = Callable[[Json], bool]

PAGING: forms.Spec = {
    "limit": forms.integer,
    "starting_after": forms.text,
    "ending_before": forms.text,
    "created": forms.moments,
}


def within(moment: object, bounds: dict[str, int]) -> bool:
    """Whether a Unix moment lies in a range of `gt`, `gte`, `lt`, `lte`."""
    return isinstance(moment, int) and all(
        (
            moment > bounds.get("gt", moment - 1),
            moment >= bounds.get("gte", moment),
            moment < bounds.get("lt", moment + 1),
            moment <= bounds.get("lte", moment),
        )
    )


def equal_to(params: Json, *names: str) -> Keep:
    """Keeps objects whose members are (or expand) the values of these parameters, if given."""
    wanted = {name: params[name] for name in names if params.get(name) is not None}
    return lambda obj: all(
        (ident(obj.get(name)) or obj.get(name)) == value for name, value in wanted.items()
    )


def page_of(params: Json) -> tuple[int, str | None, str | None]:
    """Limit, `starting_after` and `ending_before` of a list request. Raises `ApiError`."""
    limit = int(params.get("limit", LIMIT_DEFAULT))
    if not 1 <= limit <= LIMIT_MAX:
        bound = "greater than or equal to 1" if limit < 1 else f"less than or equal to {LIMIT_MAX}"
        raise invalid(f"This value must be {bound} (it currently is '{limit}').", "limit")
    after, before = params.get("starting_after"), params.get("ending_before")
    if after and before:
        text = "You can only specify one of these parameters: starting_after, ending_before."
        raise ApiError(400, text)
    return limit, after, before


def listing(core: Core, call: Call, type: str, keep: Keep, naming: str | None = None) -> Json:
    """One page of the objects of a type that `keep` lets pass, newest first.

    `naming`: an object all of them name (`store.NAMING`), where no parameter tells it.
    """
    params = call.params
    limit, after, before = page_of(params)
    named = (params.get(path) for path in NAMING.get(type, ()))
    naming = naming or next((id for id in named if id is not None), None)
    objects: Iterator[Json] = core.store.newest_first(type, naming)
    for id, param, walk in (
        (after, "starting_after", core.store.older),
        (before, "ending_before", core.store.newer),
    ):
        if id:
            core.find(type, id, param, status=400)
            objects = walk(id, naming) if core.store.listed(id) else iter(())
    found: list[Json] = []
    bounds = params.get("created", {})
    least = max(bounds.get("gte", 0), bounds.get("gt", 0))
    stale = _is_stale(core, type)
    for obj in objects:
        created = obj.get("created")
        if not before and isinstance(created, int) and created < least:
            break  # the rest is older still
        if (stale and _fresh(core, obj)) or (bounds and not within(created, bounds)):
            continue
        if keep(obj):
            found.append(obj)
            if len(found) > limit:
                break
    page = found[:limit]
    return _page(call, page[::-1] if before else page, has_more=len(found) > limit)


def within_object(call: Call, type: str, objects: Sequence[Json]) -> Json:
    """One page of a list that lies inside an object, in the order of that list."""
    limit, after, before = page_of(call.params)
    places = {obj["id"]: place for place, obj in enumerate(objects)}
    for id, param in ((after, "starting_after"), (before, "ending_before")):
        if id and id not in places:
            raise missing(type, id, param, status=400)
    if before:
        end = places[before]
        start = max(end - limit, 0)
        return _page(call, objects[start:end], has_more=start > 0)
    start = places[after] + 1 if after else 0
    return _page(call, objects[start : start + limit], has_more=start + limit < len(objects))


def _page(call: Call, data: Sequence[Json], *, has_more: bool) -> Json:
    return {"object": "list", "data": list(data), "has_more": has_more, "url": call.path}


def _is_stale(core: Core, type: str) -> bool:
    """Whether this list is behind (a fault that is set)."""
    if not core.faults.stale_list_seconds or type not in STALE_TYPES:
        return False
    return core.strikes is None or core.strikes("stale_list", 1.0)


def _fresh(core: Core, obj: Json) -> bool:
    """Whether the object is still too new for a list that is behind."""
    return core.store.age_seconds(obj["id"]) < core.faults.stale_list_seconds

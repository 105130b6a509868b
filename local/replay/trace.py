"""From a Stripe event to the Dynamics records it led to, read from the world's own state."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from local.dynamics import tenant_schema
from local.world import World
from shared.converge import queries, reading
from shared.converge.deciding import context_of
from shared.converge.origins import Origins
from shared.domain.records import Link, Ref
from shared.entities.common.objects import Context, Snapshot, id_of, money_refs
from shared.entities.entity import Entity
from shared.errors import TieoutError
from shared.outcomes import Kind
from shared.ports import Json
from shared.stores.items import Items, home
from shared.stores.links import LinkStore

WORSE = (Kind.DONE.value, Kind.SKIP.value, Kind.RETRY.value, Kind.WAITING.value, Kind.PARK.value)
FOLLOWED_MAX = 1_000
EMPTY_YEAR = 1900


@dataclass(frozen=True, slots=True)
class Trace:
    """What became of one event. `outcome`: done, skipped, waiting, parked or refused.

    `delivered_as`: its id on the way, where several events of the files share theirs.
    """

    id: str
    type: str
    object: str
    http_status: int | None
    outcome: str
    cause: str
    text: str
    remedy: str
    records: tuple[Mapping[str, Any], ...]
    delivered_as: str


@dataclass(frozen=True, slots=True)
class _Found:
    outcome: str
    cause: str = ""
    text: str = ""
    remedy: str = ""


async def trace(world: World, event: Json, answer: Mapping[str, Any]) -> Trace:
    """Follow one delivered event to its item, its transactions' items and its records."""
    body = _body(answer.get("body"))
    entity = world.app.registry.of_event(str(event.get("type")))
    source = event["data"]["object"]
    found = id_of(source) if entity is None else entity.id_in(source)
    status = answer.get("status")
    outcome = _Found("refused", body.get("code", "no_answer"), body.get("message", ""))
    records: list[Mapping[str, Any]] = []
    if body.get("code") == "skipped":
        outcome = _Found(Kind.SKIP.value, body["message"].removeprefix("nothing to do: "))
    elif body.get("code") == "accepted" and entity is not None:
        object = entity.id_in(source)
        outcome = await _item(world, entity.queue, object, str(event["id"]))
        for ref in await _followed(world, entity, found):
            if ref.entity not in (entity.name, "customer"):
                outcome = _worse(outcome, await _item(world, ref.entity, ref.id, ref.id))
            records += await _records(world, ref.id)
    return Trace(
        str(event["id"]),
        str(event.get("type")),
        found,
        status if isinstance(status, int) else None,
        outcome.outcome,
        outcome.cause,
        outcome.text,
        outcome.remedy,
        tuple({repr((each["entity_set"], each["key"])): each for each in records}.values()),
        str(event["id"]),
    )


def _body(text: object) -> dict[str, Any]:
    try:
        value = json.loads(text) if isinstance(text, str) else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


async def _item(world: World, queue: str, object: str, id: str) -> _Found:
    """The state of an item; one that left no row needed no work."""
    items = Items(world.tables, world.clock)
    row = await items.get(home(queue, object), id)
    if row is None:
        return _Found(Kind.DONE.value)
    if row.cells["status"] not in (Kind.DONE.value, Kind.SKIP.value):
        # A later event or a retry may have settled the object meanwhile.
        row = await items.object(home(queue, object), object) or row
    cells = row.cells
    return _Found(
        str(cells["status"]), str(cells["cause"]), str(cells["text"]), str(cells["remedy"])
    )


def _worse(one: _Found, other: _Found) -> _Found:
    if one.outcome == Kind.SKIP.value and other.outcome == Kind.DONE.value:
        return one
    return other if WORSE.index(other.outcome) > WORSE.index(one.outcome) else one


async def _followed(world: World, entity: Entity, id: str) -> list[Ref]:
    """The object, and what it hands on: as its documents say, from its current state."""
    refs = [Ref(entity.name, id)]
    store = LinkStore(world.tables, world.clock, world.settings.lease_seconds)
    links: dict[str, Link] = await store.links(id)
    try:
        context = context_of(world.settings, await world.app.mappings.active(), world.clock.now())
        snapshot = await _snapshot(world, entity, id, context, links)
        desired = entity.making().build(snapshot, context)
    except TieoutError:
        return refs  # the item's own row says what is the matter
    handed_on = [each.ref for each in desired.enqueue if not each.even_if_settled]
    for ref in handed_on[:FOLLOWED_MAX]:
        refs.append(ref)
        if ref.entity == "dispute":
            refs += await _dispute_money(world, ref.id)
    for ref in list(refs):
        if ref.entity == "balance_transaction":
            refs += await _masters(world, ref.id, context)
    return list(dict.fromkeys(Ref(ref.entity, ref.id) for ref in refs))


async def _snapshot(
    world: World, entity: Entity, id: str, context: Context, links: Mapping[str, Link]
) -> Snapshot:
    """What the app would compute documents from, its questions answered. Raises `TieoutError`."""
    store = LinkStore(world.tables, world.clock, world.settings.lease_seconds)
    origins = Origins(world.tables, store, world.clock, world.settings.lease_seconds)
    fetched = await reading.fetch(world.app.stripe, entity, id, context)
    fetched = await origins.read(replace(fetched, links=links), context)
    (answer,) = await queries.answered(world.app.dynamics, entity, context, [fetched])
    if isinstance(answer, TieoutError):
        raise answer
    return fetched if isinstance(answer, Exception) else answer


async def _masters(world: World, id: str, context: Context) -> list[Ref]:
    """The customer that a transaction's lines are booked on."""
    entity = world.app.registry.named("balance_transaction")
    try:
        snapshot = await _snapshot(world, entity, id, context, {})
        return list(entity.making().build(snapshot, context).masters)
    except TieoutError:
        return []  # the transaction's own row says what is the matter


async def _dispute_money(world: World, id: str) -> list[Ref]:
    try:
        dispute = await world.app.stripe.retrieve("dispute", id)
    except TieoutError:
        return []
    return list(money_refs(*(dispute.get("balance_transactions") or ())))


async def _records(world: World, id: str) -> list[Mapping[str, Any]]:
    """The Dynamics records that links name."""
    store = LinkStore(world.tables, world.clock, world.settings.lease_seconds)
    found: list[Mapping[str, Any]] = []
    for link in (await store.links(id)).values():
        for record in world.dynamics.records(link.record.entity_set, link.company):
            if all(record[name] == value for name, value in link.keys.items()):
                found.append(shown(link.record.entity_set, record))
    return found


def shown(entity_set: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """A record for people and JSON: its keys, and the fields that say anything."""
    fields = {name: _plain(value) for name, value in record.items()}
    keys = tenant_schema().set_of(entity_set).key
    return {
        "entity_set": entity_set,
        "company": fields["dataAreaId"],
        "key": {name: fields[name] for name in keys},
        "fields": {
            name: value
            for name, value in fields.items()
            if name not in keys and value not in ("", None, 0, "0", "No", "None")
        },
    }


def _plain(value: object) -> str | int | Decimal | None:
    """As OData shows it; an empty date as empty text."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else value
    if isinstance(value, datetime):
        return "" if value.year == EMPTY_YEAR else value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return value if isinstance(value, str | int) or value is None else str(value)

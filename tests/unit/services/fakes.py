"""Small fakes of the ports: what was sent is recorded, what fails is told by the test."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from local.tables import MemoryTables
from shared.app import App
from shared.clients.stripe.signatures import StripeSignatures
from shared.errors import ObjectMissing, Refused
from shared.packaged import packaged_product
from shared.ports import (
    DeadLetter,
    Json,
    LetterNotKept,
    Lookup,
    Message,
    Page,
    QueueCounts,
    Symbol,
    Value,
    Write,
    WriteFailed,
    Written,
)
from shared.registry import REGISTRY
from shared.services.ingest import Refusals
from shared.settings import Settings
from shared.stores.doors import Doors
from shared.stores.mapping_store import MappingStore
from shared.stores.mappings import Mappings
from tests.unit.entities.objects import BOOKS

START = datetime(2026, 11, 1, 12, tzinfo=UTC)


def settings(**changes: Any) -> Settings:
    """Complete settings, any of them changed."""
    return Settings.model_validate(
        {
            "stripe_api_key": "sk_test_1",
            "stripe_webhook_secrets": ("whsec_1", "whsec_2"),
            "stripe_livemode": False,
            "dynamics_url": "https://dynamics.example.com",
            "customer_id_property": "StripeCustomerId",
            "books": BOOKS,
        }
        | changes
    )


class ManualClock:
    """`shared.ports.Clock` that moves when it is told to, and by its own sleeps."""

    def __init__(self, start: datetime = START) -> None:
        self.moment = start

    def now(self) -> datetime:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@dataclass
class RecordingQueue:
    """`shared.ports.Queue`: keeps what it takes; `error` refuses, `hangs` never answers."""

    sent: list[tuple[str, Message]] = field(default_factory=list)
    dead: dict[str, list[DeadLetter]] = field(default_factory=dict)
    error: Exception | None = None
    hangs: bool = False

    async def send(self, queue: str, messages: Sequence[Message]) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        self.sent += [(queue, message) for message in messages]

    async def probe(self, queue: str) -> None:
        if self.error is not None:
            raise self.error

    async def drain_dead_letters(
        self, queue: str, keep: Callable[[DeadLetter], Awaitable[None]], limit: int
    ) -> int:
        letters = self.dead.get(queue, [])
        kept = 0
        left: list[DeadLetter] = []
        while letters and kept < limit:
            try:
                await keep(letters[0])
            except LetterNotKept:
                left.append(letters.pop(0))
                continue
            letters.pop(0)
            kept += 1
        letters += left
        return kept

    async def counts(self) -> QueueCounts | None:
        return None


class FakeStripe:
    """`shared.ports.StripeGateway` over objects by (entity, id).

    Lists keep the order in which the objects were given. `errors` refuse an id, `page_errors` the
    next pages; of several `balances` each is read once, the last one for ever.
    """

    def __init__(self, *objects: Json) -> None:
        self.objects = {(each["object"], each["id"]): each for each in objects}
        self.errors: dict[str, Exception] = {}
        self.members: dict[str, list[Json]] = {}
        self.page_errors: list[Exception] = []
        self.balances: list[Json] = [{"available": [], "pending": []}]
        self.pages_asked: list[tuple[str, dict[str, str | int]]] = []
        self.notes: list[tuple[str, dict[str, str], str]] = []
        self.note_error: Exception | None = None
        self.on_retrieve: Callable[[str], None] = lambda _id: None

    async def retrieve(self, entity: str, id: str, expand: Sequence[str] = ()) -> Json:
        del expand
        self.on_retrieve(id)
        if id in self.errors:
            raise self.errors[id]
        if (entity, id) not in self.objects:
            raise ObjectMissing(entity, id)
        return self.objects[entity, id]

    async def page(self, entity: str, params: Mapping[str, str | int] = {}) -> Page:
        self.pages_asked.append((entity, dict(params)))
        if self.page_errors:
            raise self.page_errors.pop(0)
        if "payout" in params:
            found = self.members[str(params["payout"])]
        else:
            found = [each for (kind, _), each in self.objects.items() if kind == entity]
        found = [each for each in found if each["created"] >= int(params.get("created[gte]", 0))]
        if "created[lt]" in params:
            found = [each for each in found if each["created"] < int(params["created[lt]"])]
        ids = [each["id"] for each in found]
        start = ids.index(params["starting_after"]) + 1 if "starting_after" in params else 0
        end = start + int(params.get("limit", 10))
        return Page(tuple(found[start:end]), len(found) > end)

    async def balance(self) -> Json:
        return self.balances.pop(0) if len(self.balances) > 1 else self.balances[0]

    async def note(
        self, entity: str, id: str, metadata: Mapping[str, str], idempotency_key: str
    ) -> Json:
        self.notes.append((id, dict(metadata), idempotency_key))
        if self.note_error is not None:
            raise self.note_error
        found = self.objects[entity, id]
        found["metadata"] = {**found.get("metadata", {}), **metadata}
        return found


@dataclass
class FakeDynamics:
    """`shared.ports.DynamicsGateway` over rows by entity set.

    `script` names, write by write, what goes wrong: an error before the write, or
    `("lost", error)` for a write that happened and whose answer is lost. `lacks`: entity sets, and
    `<entity set>.<property>`, that reads are refused for.
    """

    rows: dict[str, list[Json]] = field(default_factory=dict)
    script: list[Exception | tuple[str, Exception] | None] = field(default_factory=list)
    batches: list[list[Write]] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)
    lacks: Sequence[str] = ()
    number: int = 0

    async def apply(
        self, writes: Sequence[Write], not_after: datetime
    ) -> list[Written | WriteFailed]:
        del not_after
        await asyncio.sleep(0)
        self.batches.append(list(writes))
        return [self._one(write) for write in writes]

    def _one(self, write: Write) -> Written | WriteFailed:
        trouble = self.script.pop(0) if self.script else None
        if isinstance(trouble, Exception):
            return WriteFailed(trouble)
        row = self._store(write)
        return Written(row) if trouble is None else WriteFailed(trouble[1])

    def _store(self, write: Write) -> Json:
        rows = self.rows.setdefault(write.entity_set, [])
        plain = {name: _plain(value) for name, value in write.fields.items()}
        if write.method == "PATCH":
            for row in rows:
                if all(row[name] == value for name, value in write.key.items()):
                    row.update(plain)
            return {}
        self.number += 1
        row = {"dataAreaId": write.company, **plain}
        if write.entity_set.endswith("Headers"):
            row |= {"JournalBatchNumber": f"B{self.number:05}", "IsPosted": "No"}
        elif write.entity_set == "CustomersV3":
            row |= {"CustomerAccount": f"C{self.number:05}"}
        else:
            row.setdefault("LineNumber", Decimal(self.number))
            row.setdefault("DebitAmount", Decimal(0))
            row.setdefault("CreditAmount", Decimal(0))
        rows.append(row)
        return row

    async def find(self, lookup: Lookup) -> list[Json]:
        await asyncio.sleep(0)
        self.lookups.append(lookup)
        for name in (lookup.entity_set, *(f"{lookup.entity_set}.{each}" for each in lookup.select)):
            if name in self.lacks:
                raise Refused("dynamics", f"Could not find {name}")
        found = [
            row
            for row in self.rows.get(lookup.entity_set, [])
            if row["dataAreaId"] == lookup.company
            and all(row.get(name) == _plain(value) for name, value in lookup.equals.items())
            and all(row.get(name, value) >= value for name, value in lookup.at_least.items())
            and all(row.get(name, value) <= value for name, value in lookup.at_most.items())
            and (
                lookup.any_of is None
                or row.get(lookup.any_of[0]) in [_plain(value) for value in lookup.any_of[1]]
            )
        ]
        return found[: lookup.limit]


@dataclass
class PickyDynamics(FakeDynamics):
    """Keeps all look-ups and refuses some of them; may answer writes without some fields."""

    refuse: Callable[[Lookup], Exception | None] = lambda _lookup: None
    answer: Callable[[Write, Json], Json] = lambda _write, row: row
    asked: list[Lookup] = field(default_factory=list)

    async def find(self, lookup: Lookup) -> list[Json]:
        self.asked.append(lookup)
        error = self.refuse(lookup)
        if error is not None:
            raise error
        return await super().find(lookup)

    async def apply(
        self, writes: Sequence[Write], not_after: datetime
    ) -> list[Written | WriteFailed]:
        results = await super().apply(writes, not_after)
        return [
            Written(self.answer(write, result.fields)) if isinstance(result, Written) else result
            for write, result in zip(writes, results, strict=True)
        ]


def _plain(value: Value) -> Any:
    return value.name if isinstance(value, Symbol) else value


@dataclass
class RecordingFlows:
    """`shared.ports.Flows` that notes what was started."""

    started: list[tuple[str, str, Json]] = field(default_factory=list)

    async def start(self, name: str, instance: str, input: Json) -> None:
        self.started.append((name, instance, input))

    async def poke(self, instance: str) -> None:
        raise AssertionError(f"nobody pokes {instance} from here")

    async def status(self, instance: str) -> str | None:
        return "Running" if any(each[1] == instance for each in self.started) else None

    async def purge(self, since: datetime, until: datetime) -> int:
        raise AssertionError(f"nobody purges {since} to {until} from here")


@dataclass
class Rig:
    """All fakes of one test, and the ports made of them."""

    stripe: FakeStripe
    dynamics: FakeDynamics
    queue: RecordingQueue
    flows: RecordingFlows
    tables: MemoryTables
    clock: ManualClock
    app: App


def rig(*objects: Json, tables: MemoryTables | None = None, **changes: Any) -> Rig:
    """A rig over these Stripe objects; further keywords change settings."""
    stripe, dynamics = FakeStripe(*objects), FakeDynamics()
    queue, flows, clock = RecordingQueue(), RecordingFlows(), ManualClock()
    tables = tables or MemoryTables()
    app = App(
        settings=settings(**changes),
        stripe=stripe,
        dynamics=dynamics,
        tables=tables,
        queue=queue,
        clock=clock,
        rng=random.Random(1),
        signatures=StripeSignatures(),
        mappings=Mappings(MappingStore(tables), clock, packaged_product),
        registry=REGISTRY,
        refusals=Refusals(clock),
        doors=Doors(tables, clock),
        flows=flows,
    )
    return Rig(stripe, dynamics, queue, flows, tables, clock, app)

"""Is the application ready, and what is it doing? For `/api/health` and `/api/status`."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from types import MappingProxyType

from shared.domain.partition import named
from shared.errors import TableConflict
from shared.ports import Delete, Flows, Json, Queue, Tables
from shared.services.ingest import INGEST
from shared.services.operations.stripe_side import CutOff, ReadyAccount, probes_of
from shared.services.operations.ways_in import WaysIn
from shared.services.readiness import TRY_AGAIN, Check, DynamicsSetup, Probe, Problems, checked
from shared.stores.items import Items, places
from shared.stores.mappings import Mappings
from shared.stores.places import SWEEP

SWEPT: Mapping[str, str] = MappingProxyType(
    {"transactions_through": "balance_transaction", "events_through": "event"}
)
AZURE = "Azure"
NEVER_MADE = "ready"  # a row and an instance that only readiness asks for


class Health:
    """Readiness with reasons, and the counters. `accounts`: by alias, the default one's first."""

    def __init__(
        self,
        *,
        accounts: Mapping[str, ReadyAccount],
        setup: DynamicsSetup,
        tables: Tables,
        queue: Queue,
        flows: Flows,
        items: Items,
        mappings: Mappings,
        queues: Sequence[str],
        ways_in: WaysIn,
        cut_off: CutOff,
    ) -> None:
        self._accounts, self._setup, self._tables, self._queue = accounts, setup, tables, queue
        self._flows, self._items, self._mappings = flows, items, mappings
        self._queues, self._ways_in, self._cut_off = queues, ways_in, cut_off

    async def status(self) -> Json:
        """`queued`, `in_flight`, `scheduled` (null where the broker does not tell), the objects
        that are `waiting`, `parked`, `done`, `skipped`, those that were `purged` since their
        retention was over, and for each Stripe account up to when its lists are swept completely
        (null: not yet)."""
        counts = await self._queue.counts()
        where = places([*self._queues, INGEST])
        items = await self._items.counts(where)
        return {
            "queued": counts.queued if counts else None,
            "in_flight": counts.in_flight if counts else None,
            "scheduled": counts.scheduled if counts else None,
            **items,
            "purged": await self._items.purged(where),
            "accounts": {alias: await self._swept(alias) for alias in self._accounts},
        }

    async def _swept(self, alias: str) -> Json:
        found: Json = {}
        for name, list_name in SWEPT.items():
            row = await self._tables.get("cursors", SWEEP, named(alias, list_name))
            through = None if row is None else row.cells.get("through")
            found[name] = through.isoformat() if isinstance(through, datetime) else None
        return found

    async def ready(self) -> list[Check]:
        """All checks, each with its problem and its remedy, or none. They only read."""
        return await checked([*self._systems(), *self._setup.probes()])

    def _systems(self) -> list[Probe]:
        unusable = "Publish a mapping that this version compiles (docs/mapping.md)."
        queues = [
            Probe({f"queue {queue}": TRY_AGAIN}, partial(self._probe_queue, queue), group=AZURE)
            for queue in self._queues
        ]
        return [
            *(
                probe
                for alias, account in self._accounts.items()
                for probe in probes_of(alias, account, self._cut_off)
            ),
            Probe({"storage": TRY_AGAIN}, self._probe_storage, group=AZURE),
            *queues,
            *self._ways_in.probes(),
            Probe({"flows": TRY_AGAIN}, self._probe_flows, group=AZURE),
            Probe({"mapping": unusable}, self._probe_mapping, group="Mapping"),
        ]

    async def _probe_storage(self) -> Problems:
        """Reading, and the right to write: deleting a row that nobody ever makes."""
        await self._tables.get("cursors", "sweep", "balance_transaction")
        with suppress(TableConflict):  # it is not there, and we were allowed to look for it
            await self._tables.transact("cursors", NEVER_MADE, [Delete(NEVER_MADE)])
        return {}

    async def _probe_queue(self, queue: str) -> Problems:
        await self._queue.probe(queue)
        return {}

    async def _probe_flows(self) -> Problems:
        await self._flows.status(NEVER_MADE)
        return {}

    async def _probe_mapping(self) -> Problems:
        await self._mappings.active()
        return {}

"""Is the application ready, and what is it doing? For `/api/health` and `/api/status`."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from shared.errors import CredentialsRefused, TableConflict
from shared.ports import Delete, Flows, Json, Queue, StripeGateway, Tables
from shared.services.ingest import INGEST
from shared.services.operations.dynamics_setup import DynamicsSetup, Problems
from shared.services.operations.readiness import TRY_AGAIN, Check, Probe, checked
from shared.stores.items import Items, places
from shared.stores.mappings import Mappings

READ = (*("customer", "charge", "refund", "dispute", "payout", "balance_transaction", "event"),)
NEVER_MADE = "ready"  # a row and an instance that only readiness asks for


class Health:
    """Readiness with reasons, and the counters."""

    def __init__(
        self,
        *,
        stripe: StripeGateway,
        setup: DynamicsSetup,
        tables: Tables,
        queue: Queue,
        flows: Flows,
        items: Items,
        mappings: Mappings,
        queues: Sequence[str],
        livemode: bool,
    ) -> None:
        self._stripe, self._setup, self._tables, self._queue = stripe, setup, tables, queue
        self._flows, self._items, self._mappings = flows, items, mappings
        self._queues, self._livemode = queues, livemode

    async def status(self) -> Json:
        """`queued`, `in_flight`, `scheduled` (null where the broker does not tell), and the
        objects that are `waiting`, `parked`, `done`, `skipped`, and those that were `purged`
        since their retention was over."""
        counts = await self._queue.counts()
        where = places([*self._queues, INGEST])
        items = await self._items.counts(where)
        return {
            "queued": counts.queued if counts else None,
            "in_flight": counts.in_flight if counts else None,
            "scheduled": counts.scheduled if counts else None,
            **items,
            "purged": await self._items.purged(where),
        }

    async def ready(self) -> list[Check]:
        """All checks, each with its problem and its remedy, or none. They only read."""
        return await checked([*self._systems(), *self._setup.probes()])

    def _systems(self) -> list[Probe]:
        other_mode = (
            "Use the key of the mode that STRIPE_LIVEMODE names, or correct STRIPE_LIVEMODE."
        )
        permissions = "Give the restricted key these permissions (README.md, Prepare Stripe)."
        unusable = "Publish a mapping that this version compiles (docs/mapping.md)."
        queues = [
            Probe({f"queue {queue}": TRY_AGAIN}, partial(self._probe_queue, queue))
            for queue in self._queues
        ]
        return [
            Probe({"stripe": other_mode}, self._probe_stripe),
            Probe({"stripe permissions": permissions}, self._probe_permissions),
            Probe({"storage": TRY_AGAIN}, self._probe_storage),
            *queues,
            Probe({"flows": TRY_AGAIN}, self._probe_flows),
            Probe({"mapping": unusable}, self._probe_mapping),
        ]

    async def _probe_stripe(self) -> Problems:
        balance = await self._stripe.balance()
        if balance.get("livemode") is not self._livemode:
            return {"stripe": "the key belongs to the other mode than STRIPE_LIVEMODE says"}
        return {}

    async def _probe_permissions(self) -> Problems:
        """What every account needs; a policy may need more."""
        missing = [each for each in await asyncio.gather(*map(self._unreadable, READ)) if each]
        text = f"the key may not read: {', '.join(missing)}" if missing else ""
        return {"stripe permissions": text}

    async def _unreadable(self, entity: str) -> str:
        try:
            await self._stripe.page(entity, {"limit": 1})
        except CredentialsRefused:
            return entity
        return ""

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

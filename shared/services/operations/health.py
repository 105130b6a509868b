"""Is the application ready, and what is it doing? For `/api/health` and `/api/status`."""

import asyncio
from contextlib import suppress
from functools import partial

from shared.converge.ports import Ports
from shared.errors import CredentialsRefused, TableConflict
from shared.ports import Delete, Json
from shared.services.ingest import INGEST
from shared.services.operations.dynamics_setup import DynamicsSetup, Problems
from shared.services.operations.readiness import TRY_AGAIN, Check, Probe, checked
from shared.stores.items import Items, places

READ = (*("customer", "charge", "refund", "dispute", "payout", "balance_transaction", "event"),)
NEVER_MADE = "ready"  # a row and an instance that only readiness asks for


class Health:
    """Readiness with reasons, and the counters."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    async def status(self) -> Json:
        """`queued`, `in_flight`, `scheduled` (null where the broker does not tell), and the
        objects that are `waiting`, `parked`, `done`, `skipped`."""
        ports = self._ports
        counts = await ports.queue.counts()
        queues = ports.registry.queues
        items = await Items(ports.tables, ports.clock).counts(places([*queues, INGEST]))
        return {
            "queued": counts.queued if counts else None,
            "in_flight": counts.in_flight if counts else None,
            "scheduled": counts.scheduled if counts else None,
            **items,
        }

    async def ready(self) -> list[Check]:
        """All checks, each with its problem and its remedy, or none. They only read."""
        ports = self._ports
        setup = DynamicsSetup(ports.dynamics, ports.settings, ports.mappings)
        return await checked([*self._systems(), *setup.probes()])

    def _systems(self) -> list[Probe]:
        other_mode = (
            "Use the key of the mode that STRIPE_LIVEMODE names, or correct STRIPE_LIVEMODE."
        )
        permissions = "Give the restricted key these permissions (README.md, Prepare Stripe)."
        unusable = "Publish a mapping that this version compiles (docs/mapping.md)."
        queues = self._ports.registry.queues
        return [
            Probe({"stripe": other_mode}, self._stripe),
            Probe({"stripe permissions": permissions}, self._permissions),
            Probe({"storage": TRY_AGAIN}, self._storage),
            *(
                Probe({f"queue {queue}": TRY_AGAIN}, partial(self._queue, queue))
                for queue in queues
            ),
            Probe({"flows": TRY_AGAIN}, self._flows),
            Probe({"mapping": unusable}, self._mapping),
        ]

    async def _stripe(self) -> Problems:
        balance = await self._ports.stripe.balance()
        if balance.get("livemode") is not self._ports.settings.stripe_livemode:
            return {"stripe": "the key belongs to another mode than STRIPE_LIVEMODE says"}
        return {}

    async def _permissions(self) -> Problems:
        """What every account needs; a policy may need more."""
        missing = [name for name in await asyncio.gather(*map(self._unreadable, READ)) if name]
        text = f"the key may not read: {', '.join(missing)}" if missing else ""
        return {"stripe permissions": text}

    async def _unreadable(self, entity: str) -> str:
        try:
            await self._ports.stripe.page(entity, {"limit": 1})
        except CredentialsRefused:
            return entity
        return ""

    async def _storage(self) -> Problems:
        """Reading, and the right to write: deleting a row that nobody ever makes."""
        tables = self._ports.tables
        await tables.get("cursors", "sweep", "balance_transaction")
        with suppress(TableConflict):  # it is not there, and we were allowed to look for it
            await tables.transact("cursors", NEVER_MADE, [Delete(NEVER_MADE)])
        return {}

    async def _queue(self, queue: str) -> Problems:
        await self._ports.queue.probe(queue)
        return {}

    async def _flows(self) -> Problems:
        await self._ports.flows.status(NEVER_MADE)
        return {}

    async def _mapping(self) -> Problems:
        await self._ports.mappings.active()
        return {}

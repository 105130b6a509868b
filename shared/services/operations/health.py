"""Is the application ready, and what is it doing? For `/api/health` and `/api/status`."""

import asyncio
from contextlib import suppress
from functools import partial

from shared.errors import CredentialsRefused, TableConflict
from shared.ports import Clock, Delete, DynamicsGateway, Flows, Json, Queue, StripeGateway, Tables
from shared.registry import Registry
from shared.services.ingest import INGEST
from shared.services.operations.dynamics_setup import DynamicsSetup, Problems
from shared.services.operations.readiness import TRY_AGAIN, Check, Probe, checked
from shared.settings import Settings
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
        dynamics: DynamicsGateway,
        tables: Tables,
        queue: Queue,
        flows: Flows,
        clock: Clock,
        settings: Settings,
        mappings: Mappings,
        registry: Registry,
    ) -> None:
        self._stripe = stripe
        self._dynamics = dynamics
        self._tables = tables
        self._queue = queue
        self._flows = flows
        self._clock = clock
        self._settings = settings
        self._mappings = mappings
        self._registry = registry

    async def status(self) -> Json:
        """`queued`, `in_flight`, `scheduled` (null where the broker does not tell), and the
        objects that are `waiting`, `parked`, `done`, `skipped`."""
        counts = await self._queue.counts()
        queues = self._registry.queues
        items = await Items(self._tables, self._clock).counts(places([*queues, INGEST]))
        return {
            "queued": counts.queued if counts else None,
            "in_flight": counts.in_flight if counts else None,
            "scheduled": counts.scheduled if counts else None,
            **items,
        }

    async def ready(self) -> list[Check]:
        """All checks, each with its problem and its remedy, or none. They only read."""
        setup = DynamicsSetup(self._dynamics, self._settings, self._mappings)
        return await checked([*self._systems(), *setup.probes()])

    def _systems(self) -> list[Probe]:
        other_mode = (
            "Use the key of the mode that STRIPE_LIVEMODE names, or correct STRIPE_LIVEMODE."
        )
        permissions = "Give the restricted key these permissions (README.md, Prepare Stripe)."
        unusable = "Publish a mapping that this version compiles (docs/mapping.md)."
        queues = self._registry.queues
        return [
            Probe({"stripe": other_mode}, self._balance),
            Probe({"stripe permissions": permissions}, self._permissions),
            Probe({"storage": TRY_AGAIN}, self._storage),
            *(Probe({f"queue {each}": TRY_AGAIN}, partial(self._probe, each)) for each in queues),
            Probe({"flows": TRY_AGAIN}, self._no_flow),
            Probe({"mapping": unusable}, self._mapping),
        ]

    async def _balance(self) -> Problems:
        balance = await self._stripe.balance()
        if balance.get("livemode") is not self._settings.stripe_livemode:
            return {"stripe": "the key belongs to the other mode than STRIPE_LIVEMODE says"}
        return {}

    async def _permissions(self) -> Problems:
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

    async def _storage(self) -> Problems:
        """Reading, and the right to write: deleting a row that nobody ever makes."""
        tables = self._tables
        await tables.get("cursors", "sweep", "balance_transaction")
        with suppress(TableConflict):  # it is not there, and we were allowed to look for it
            await tables.transact("cursors", NEVER_MADE, [Delete(NEVER_MADE)])
        return {}

    async def _probe(self, queue: str) -> Problems:
        await self._queue.probe(queue)
        return {}

    async def _no_flow(self) -> Problems:
        await self._flows.status(NEVER_MADE)
        return {}

    async def _mapping(self) -> Problems:
        await self._mappings.active()
        return {}

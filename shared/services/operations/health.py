"""Is the application ready, and what is it doing? For `/api/health` and `/api/status`."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType

from shared.errors import CredentialsRefused, TableConflict
from shared.ports import Delete, Flows, Json, Queue, StripeGateway, Tables
from shared.services.ingest import INGEST
from shared.services.operations.dynamics_setup import DynamicsSetup, Problems
from shared.services.operations.readiness import TRY_AGAIN, Check, Probe, checked
from shared.settings import Settings
from shared.stores.doors import Doors
from shared.stores.items import Items, places
from shared.stores.mappings import Mappings

READ = (*("customer", "charge", "refund", "dispute", "payout", "balance_transaction", "event"),)
SILENT_HOURS = 24  # of one way in, while events come by the other
NEVER_MADE = "ready"  # a row and an instance that only readiness asks for

WEBHOOK, EVENT_GRID = "ingress webhook", "ingress event_grid"
WAYS_IN = MappingProxyType(
    {
        WEBHOOK: "See the endpoint's deliveries in Stripe (Workbench, Webhooks); enable it again, "
        "or set TIEOUT_INGRESS to event_grid.",
        EVENT_GRID: "See that the destination in Stripe and the partner topic in Azure are active, "
        "and the metrics of the event subscription; or set TIEOUT_INGRESS to webhook.",
    }
)


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
        doors: Doors,
        settings: Settings,
    ) -> None:
        self._stripe, self._setup, self._tables, self._queue = stripe, setup, tables, queue
        self._flows, self._items, self._mappings = flows, items, mappings
        self._queues, self._doors = queues, doors
        self._settings = settings

    async def status(self) -> Json:
        """`queued`, `in_flight`, `scheduled` (null where the broker does not tell), and the
        objects that are `waiting`, `parked`, `done`, `skipped`."""
        counts = await self._queue.counts()
        items = await self._items.counts(places([*self._queues, INGEST]))
        return {
            "queued": counts.queued if counts else None,
            "in_flight": counts.in_flight if counts else None,
            "scheduled": counts.scheduled if counts else None,
            **items,
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
            *self._ways_in(),
            Probe({"flows": TRY_AGAIN}, self._probe_flows),
            Probe({"mapping": unusable}, self._probe_mapping),
        ]

    async def _probe_stripe(self) -> Problems:
        balance = await self._stripe.balance()
        if balance.get("livemode") is not self._settings.stripe_livemode:
            return {"stripe": "the key belongs to another mode than STRIPE_LIVEMODE says"}
        return {}

    async def _probe_permissions(self) -> Problems:
        """What every account needs; a policy may need more."""
        missing = [name for name in await asyncio.gather(*map(self._unreadable, READ)) if name]
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

    def _ways_in(self) -> list[Probe]:
        """When an event came last by each way; with the webhook alone nothing is noted."""
        if not self._settings.takes_event_grid:
            return []
        notes: dict[str, str] = {}
        remedies = {
            name: remedy
            for name, remedy in WAYS_IN.items()
            if name != WEBHOOK or self._settings.takes_webhooks
        }
        return [Probe(remedies, partial(self._probe_ways_in, tuple(remedies), notes), notes)]

    async def _probe_ways_in(self, names: Sequence[str], notes: dict[str, str]) -> Problems:
        """A way in is dead when nothing has come by it for long and something by the other."""
        last = await self._doors.last()
        moments = {name: last.get(name.removeprefix("ingress ")) for name in names}
        notes |= {name: f"last event: {_moment(moment)}" for name, moment in moments.items()}
        newest = max((moment for moment in moments.values() if moment), default=None)
        problems = {}
        for name, moment in moments.items():
            silent = newest is not None and (
                moment is None or newest - moment > timedelta(hours=SILENT_HOURS)
            )
            if silent:
                came = f"nothing came by this way since {_moment(moment)}"
                came = "nothing ever came by this way" if moment is None else came
                problems[name] = f"{came}, and by the other one at {_moment(newest)}"
        return problems

    async def _probe_flows(self) -> Problems:
        await self._flows.status(NEVER_MADE)
        return {}

    async def _probe_mapping(self) -> Problems:
        await self._mappings.active()
        return {}


def _moment(moment: datetime | None) -> str:
    return "never" if moment is None else moment.isoformat(timespec="seconds")

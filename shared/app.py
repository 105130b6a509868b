"""The application: all ports, and the services and stores that are built of them."""

from dataclasses import dataclass

from shared.converge.commands import Commands
from shared.converge.deciding import Decider, Rules
from shared.converge.dispatch import Dispatch
from shared.converge.maintenance import MaintenanceCommands
from shared.converge.origins import Origins
from shared.converge.phases import Phases
from shared.converge.pipeline import Converge
from shared.converge.reading import Reader
from shared.converge.recording import Recorder
from shared.ports import (
    Clock,
    DynamicsGateway,
    Flows,
    Queue,
    Random,
    Signatures,
    StripeGateway,
    Tables,
)
from shared.registry import Registry
from shared.services.audit import Audit
from shared.services.inbox import Accepted, Healing, Inbox, Resolve, WaitingList
from shared.services.ingest import Ingest
from shared.services.operations import Customers, Health
from shared.services.publishing import Publish, Published, Reapply, Recent
from shared.services.reconciliation import Prover, Reconcile
from shared.services.work import Backfill, Sweep, Work
from shared.settings import Settings
from shared.stores.items import Items
from shared.stores.journals import Journals
from shared.stores.links import LinkStore
from shared.stores.mappings import Mappings
from shared.stores.receipts import ReceiptList


@dataclass(frozen=True, slots=True)
class App:
    """All ports. `flows` is None where the host gives a durable client with each call."""

    settings: Settings
    stripe: StripeGateway
    dynamics: DynamicsGateway
    tables: Tables
    queue: Queue
    clock: Clock
    rng: Random
    signatures: Signatures
    mappings: Mappings
    registry: Registry
    flows: Flows | None = None

    def ingest(self) -> Ingest:
        """The webhook's service."""
        ports = (self.settings, self.signatures, self.queue, self.tables, self.clock)
        return Ingest(*ports, registry=self.registry)

    def prover(self) -> Prover:
        """The clearing proof."""
        by_hand = Accepted(self.tables, self.clock, self.settings, self.registry).transactions
        ports = (self.stripe, self.dynamics, self.settings, self.clock, self.rng)
        return Prover(*ports, resolved=by_hand)

    def converge(self, flows: Flows) -> Converge:
        """The one way in which anything is written to Dynamics."""
        settings, tables, clock = self.settings, self.tables, self.clock
        links, sets = self.links(), self.registry.entity_sets
        origins = Origins(tables, links, clock, settings.lease_seconds)
        journals = Journals(tables, self.dynamics, clock, self.rng, settings)
        phases = Phases(self.dynamics, clock, links, journals, settings, sets)
        flows, dispatch = self.flows or flows, self.dispatch()
        return Converge(
            Rules(self.registry, settings, self.mappings, clock),
            Reader(self.stripe, links, origins),
            Decider(self.dynamics, tables),
            Commands(self.dynamics, tables, sets, phases),
            Recorder(self.stripe, tables, flows, clock, settings, links, dispatch),
        )

    def links(self) -> LinkStore:
        """The store of what was written, for the documents of the registry."""
        lease_seconds = self.settings.lease_seconds
        return LinkStore(self.tables, self.clock, lease_seconds, self.registry.codec)

    def dispatch(self) -> Dispatch:
        """What puts objects on their queues."""
        return Dispatch(self.links(), self.queue, self.clock, self.settings, self.registry)

    def items(self) -> Items:
        """The store of what became of items."""
        return Items(self.tables, self.clock)

    def maintenance(self) -> MaintenanceCommands:
        """What sends maintenance commands."""
        return MaintenanceCommands(self.queue, self.items(), self.settings, self.registry)

    def work(self, flows: Flows) -> Work:
        """What the queue functions call."""
        return Work(
            queue=self.queue,
            clock=self.clock,
            rng=self.rng,
            settings=self.settings,
            registry=self.registry,
            items=self.items(),
            converge=self.converge(flows),
        )

    def sweep(self, flows: Flows) -> Sweep:
        """What the timers call."""
        return Sweep(
            stripe=self.stripe,
            tables=self.tables,
            queue=self.queue,
            flows=self.flows or flows,
            clock=self.clock,
            rng=self.rng,
            settings=self.settings,
            registry=self.registry,
            links=self.links(),
            dispatch=self.dispatch(),
            items=self.items(),
            reconcile=self.reconcile(),
        )

    def reconcile(self) -> Reconcile:
        """What the activities of the payout flow call."""
        return Reconcile(
            stripe=self.stripe,
            tables=self.tables,
            clock=self.clock,
            links=self.links(),
            dispatch=self.dispatch(),
        )

    def audit(self) -> Audit:
        """The nightly comparison with Dynamics."""
        return Audit(
            stripe=self.stripe,
            dynamics=self.dynamics,
            tables=self.tables,
            clock=self.clock,
            rng=self.rng,
            settings=self.settings,
            links=self.links(),
            maintenance=self.maintenance(),
        )

    def backfill(self, flows: Flows) -> Backfill:
        """The first run over an account's past."""
        return Backfill(
            tables=self.tables,
            clock=self.clock,
            flows=self.flows or flows,
            sweep=self.sweep(flows),
        )

    def inbox(self) -> Inbox:
        """The inbox of parked items."""
        return Inbox(
            queue=self.queue,
            rng=self.rng,
            settings=self.settings,
            registry=self.registry,
            links=self.links(),
            items=self.items(),
        )

    def healing(self) -> Healing:
        """Trying parked items again whose cause may have gone away."""
        return Healing(tables=self.tables, clock=self.clock, items=self.items(), inbox=self.inbox())

    def resolve(self) -> Resolve:
        """Taking parked objects out of the inbox by hand."""
        return Resolve(
            stripe=self.stripe,
            tables=self.tables,
            clock=self.clock,
            rng=self.rng,
            settings=self.settings,
            links=self.links(),
            items=self.items(),
        )

    def receipts(self) -> ReceiptList:
        """Receipts that no invoice took, wholly or in part."""
        return ReceiptList(self.tables)

    def waiting(self) -> WaitingList:
        """What waits, and what is scheduled to be tried again."""
        return WaitingList(registry=self.registry, items=self.items())

    def customers(self) -> Customers:
        """Decisions about customers."""
        return Customers(
            dynamics=self.dynamics,
            tables=self.tables,
            clock=self.clock,
            settings=self.settings,
            links=self.links(),
            dispatch=self.dispatch(),
            inbox=self.inbox(),
        )

    def publish(self) -> Publish:
        """Submitting, previewing and publishing mappings."""
        recent = Recent(self.tables, self.registry.codec).objects
        return Publish(self.mappings, self.settings, self.clock, recent, self.dynamics)

    def reapply(self) -> Reapply:
        """Rendering drafts as the active mapping says."""
        recent = Recent(self.tables, self.registry.codec)
        return Reapply(self.mappings.store, recent.objects, self.maintenance(), self.clock)

    def published(self) -> Published:
        """What of mappings is and was published."""
        return Published(self.mappings)

    def health(self, flows: Flows) -> Health:
        """Readiness and counters."""
        return Health(
            stripe=self.stripe,
            dynamics=self.dynamics,
            tables=self.tables,
            queue=self.queue,
            flows=self.flows or flows,
            clock=self.clock,
            settings=self.settings,
            mappings=self.mappings,
            registry=self.registry,
        )

"""Putting the application together: the one place that knows ports and their implementations.

`build` opens no connection; the only files read are those of `shared/packaged.py`, once a
process. `app()` gives the App of the current context, else one built from the
environment at first use. Worlds and tests call `use`; production never does.
"""

import functools
import os
import random
from contextvars import ContextVar, Token
from dataclasses import dataclass, field, replace
from typing import Any

from shared.clients.clock import SystemClock
from shared.connections import HTTP_SECONDS_MAX as HTTP_SECONDS_MAX
from shared.connections import MAKERS
from shared.connections import dynamics_gateway as dynamics_gateway
from shared.connections import stripe_gateway as stripe_gateway
from shared.converge.commands import Commands
from shared.converge.deciding import ActiveRules, Decider
from shared.converge.dispatch import Dispatch
from shared.converge.maintenance import MaintenanceCommands
from shared.converge.origins import Origins
from shared.converge.phases import Phases
from shared.converge.pipeline import Converge
from shared.converge.reading import Reader
from shared.converge.recording import Recorder
from shared.entities.customer import CUSTOMERS
from shared.entities.entity import Entity
from shared.errors import SettingsRefused
from shared.packaged import Templates, packaged_product
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
from shared.registry import ENTITIES, INGRESS_QUEUE, Registry
from shared.services.audit import Audit
from shared.services.inbox import Accepted, Healing, Inbox, Resolve, WaitingList
from shared.services.ingest import EventGridIngest, Ingest
from shared.services.operations import CustomerDecisions, DynamicsSetup, Health
from shared.services.publishing import Publish, Published, Reapply, Recent
from shared.services.reconciliation import Prover, Reconcile
from shared.services.work import Backfill, Sweep, Work
from shared.settings import Settings, from_environment
from shared.stores.doors import Doors
from shared.stores.items import Items
from shared.stores.journals import Journals
from shared.stores.links import LinkStore
from shared.stores.mapping_store import MappingStore
from shared.stores.mappings import Mappings
from shared.stores.paging import Pages
from shared.stores.receipts import ReceiptList
from shared.targets.entity_set import EntitySets
from shared.targets.finance import FINANCE

COMPANY = "dataAreaId"


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
    doors: Doors = field(kw_only=True)

    def ingest(self) -> Ingest:
        """The webhook's service."""
        ports = (self.settings, self.signatures, self.queue, self.tables, self.clock)
        return Ingest(*ports, registry=self.registry, doors=self.doors)

    def event_grid(self) -> EventGridIngest:
        """The service of the queue that Event Grid delivers to."""
        ports = (self.settings, self.queue, self.tables, self.clock)
        return EventGridIngest(*ports, registry=self.registry, doors=self.doors)

    # The stores, and what sends objects to their queues: each is put together here alone.

    def _items(self) -> Items:
        return Items(self.tables, self.clock)

    def _links(self) -> LinkStore:
        lease_seconds = self.settings.lease_seconds
        return LinkStore(self.tables, self.clock, lease_seconds, self.registry.codec)

    def _pages(self) -> Pages:
        return Pages(self.stripe, self.clock, self.rng)

    def _dispatch(self) -> Dispatch:
        return Dispatch(self._links(), self.queue, self.clock, self.settings, self.registry)

    def _maintenance(self) -> MaintenanceCommands:
        return MaintenanceCommands(self.queue, self._items(), self.settings, self.registry)

    def _recent(self) -> Recent:
        return Recent(self.tables, self.registry.codec)

    # The services.

    def prover(self) -> Prover:
        """The clearing proof."""
        return Prover(
            self.stripe,
            self.dynamics,
            self.clock,
            self.rng,
            resolved=Accepted(self._items(), self._links(), self.registry).transactions,
            books=self.settings.books,
            ledger_entity=self.settings.ledger_entity,
            journal_lines=self.registry.entity_sets.journal_lines,
        )

    def converge(self, flows: Flows) -> Converge:
        """The one way in which anything is written to Dynamics."""
        settings, tables, clock = self.settings, self.tables, self.clock
        links, sets = self._links(), self.registry.entity_sets
        origins = Origins(tables, links, clock, settings.lease_seconds)
        journals = Journals(tables, self.dynamics, clock, self.rng, settings)
        phases = Phases(self.dynamics, clock, links, journals, settings, sets)
        flows, dispatch = self.flows or flows, self._dispatch()
        return Converge(
            ActiveRules(self.registry, settings, self.mappings, clock),
            Reader(self.stripe, links, origins),
            Decider(self.dynamics, tables),
            Commands(self.dynamics, tables, sets, phases),
            Recorder(self.stripe, tables, flows, clock, settings, links, dispatch),
        )

    def work(self, flows: Flows) -> Work:
        """What the queue functions call."""
        return Work(
            converge=self.converge(flows),
            items=self._items(),
            queue=self.queue,
            clock=self.clock,
            rng=self.rng,
            settings=self.settings,
            registry=self.registry,
        )

    def sweep(self, flows: Flows) -> Sweep:
        """What the timers call."""
        return Sweep(
            pages=self._pages(),
            queue=self.queue,
            flows=self.flows or flows,
            tables=self.tables,
            links=self._links(),
            items=self._items(),
            dispatch=self._dispatch(),
            clock=self.clock,
            settings=self.settings,
            registry=self.registry,
            event_grid=self.event_grid(),
        )

    def reconcile(self) -> Reconcile:
        """What the activities of the payout flow call."""
        links, dispatch = self._links(), self._dispatch()
        return Reconcile(self.stripe, self.tables, links, dispatch, self.clock)

    def audit(self) -> Audit:
        """The nightly comparison with Dynamics."""
        return Audit(
            pages=self._pages(),
            dynamics=self.dynamics,
            tables=self.tables,
            links=self._links(),
            maintenance=self._maintenance(),
            entity_sets=self.registry.entity_sets,
            clock=self.clock,
            rng=self.rng,
            settings=self.settings,
        )

    def backfill(self, flows: Flows) -> Backfill:
        """The first run over an account's past."""
        return Backfill(self.sweep(flows), self.flows or flows, self.tables, self.clock)

    def inbox(self) -> Inbox:
        """The inbox of parked items."""
        return Inbox(
            items=self._items(),
            links=self._links(),
            queue=self.queue,
            registry=self.registry,
            rng=self.rng,
            partitions=self.settings.partitions,
        )

    def healing(self) -> Healing:
        """Trying parked items again whose cause may have gone away."""
        return Healing(self.inbox(), self._items(), self.tables, self.clock)

    def resolve(self) -> Resolve:
        """Taking parked objects out of the inbox by hand."""
        return Resolve(
            items=self._items(),
            links=self._links(),
            stripe=self.stripe,
            tables=self.tables,
            clock=self.clock,
            rng=self.rng,
            books=self.settings.books,
        )

    def receipts(self) -> ReceiptList:
        """Receipts that no invoice took, wholly or in part."""
        return ReceiptList(self.tables)

    def waiting(self) -> WaitingList:
        """What waits, and what is scheduled to be tried again."""
        return WaitingList(self._items(), self.registry.queues)

    def customers(self) -> CustomerDecisions:
        """Decisions about customers."""
        return CustomerDecisions(
            inbox=self.inbox(),
            links=self._links(),
            dispatch=self._dispatch(),
            dynamics=self.dynamics,
            tables=self.tables,
            clock=self.clock,
            companies=self.settings.books.companies,
            customer_id_property=self.settings.customer_id_property,
        )

    def publish(self) -> Publish:
        """Submitting, previewing and publishing mappings."""
        recent = self._recent().objects
        return Publish(self.mappings, self.settings, self.clock, recent, self.dynamics)

    def reapply(self) -> Reapply:
        """Rendering drafts as the active mapping says."""
        recent = self._recent().objects
        return Reapply(self.mappings.store, recent, self._maintenance(), self.clock)

    def published(self) -> Published:
        """What of mappings is and was published."""
        return Published(self.mappings)

    def health(self, flows: Flows) -> Health:
        """Readiness and counters."""
        return Health(
            stripe=self.stripe,
            setup=DynamicsSetup(self.dynamics, self.settings, self.mappings),
            tables=self.tables,
            queue=self.queue,
            flows=self.flows or flows,
            items=self._items(),
            mappings=self.mappings,
            queues=(*self.registry.queues, INGRESS_QUEUE),
            doors=self.doors,
            settings=self.settings,
        )


_current: ContextVar[App] = ContextVar("tieout_app")


def use(app: App) -> Token[App]:
    """Make an App the one of this context. For worlds and tests."""
    return _current.set(app)


def app() -> App:
    """The App of this context, else one from the environment, kept for the process's life.

    Raises `SettingsRefused` while the environment is incomplete.
    """
    found = _current.get(None)
    if found is None:
        found = _from_process()
    return found


@functools.cache
def _from_process() -> App:
    return build(from_environment(os.environ))


def mappings_of(
    settings: Settings,
    tables: Tables,
    clock: Clock,
    registry: Registry,
    templates: Templates = (),
) -> Mappings:
    """The published mappings over this version's own templates. Raises `SettingsRefused`."""
    _check_customer_id_property(settings.customer_id_property, registry.entity_sets)
    product = packaged_product((settings.customer_id_property,), registry, templates)
    return Mappings(MappingStore(tables), clock, replace(product, books=settings.books))


def _check_customer_id_property(name: str, entity_sets: EntitySets) -> None:
    """A field that the templates render, or a key, cannot hold the Stripe id, too."""
    row = entity_sets[CUSTOMERS]
    taken = (*row.keys, COMPANY, *row.fields)
    if name.casefold() in {each.casefold() for each in taken}:
        reason = f"must be a field of its own: {name} of {CUSTOMERS} holds something else"
        raise SettingsRefused([f"TIEOUT_CUSTOMER_ID_PROPERTY {reason}"])


def build(
    settings: Settings,
    entities: tuple[Entity, ...] = ENTITIES,
    *,
    templates: Templates = (),
    entity_sets: EntitySets = FINANCE,
    **overrides: Any,  # noqa: ANN401 - ports by name
) -> App:
    """An App of the production clients, any of them replaced by name. Opens no connection.

    `entities`: what it converges. `templates`: the rendering of those that are not the product's,
    beside the product's own. `entity_sets`: where all of them are written.
    """
    ingress = (INGRESS_QUEUE,) if settings.takes_event_grid else ()
    registry = Registry(entities, entity_sets, ingress)
    clock: Clock = overrides.get("clock") or SystemClock()
    rng: Random = overrides.get("rng") or random.SystemRandom()
    parts: dict[str, Any] = {
        name: overrides[name] if name in overrides else make(settings, clock, rng)
        for name, make in MAKERS.items()
    }
    mappings = mappings_of(settings, parts["tables"], clock, registry, templates)
    doors = Doors(parts["tables"], clock)
    made = App(
        settings=settings,
        clock=clock,
        rng=rng,
        mappings=mappings,
        registry=registry,
        doors=doors,
        **parts,
    )
    unknown = [name for name in overrides if name not in (*MAKERS, "clock", "rng", "flows")]
    if unknown:
        raise TypeError(f"no such ports: {', '.join(unknown)}")
    return replace(made, flows=overrides.get("flows"))

"""What converge is given by who assembles the application."""

from dataclasses import dataclass

from shared.ports import Clock, DynamicsGateway, Flows, Queue, Random, StripeGateway, Tables
from shared.registry import Registry
from shared.settings import Settings
from shared.stores.links import LinkStore
from shared.stores.mappings import Mappings


@dataclass(frozen=True, slots=True)
class Ports:
    """What converge needs."""

    stripe: StripeGateway
    dynamics: DynamicsGateway
    tables: Tables
    queue: Queue
    flows: Flows
    clock: Clock
    rng: Random
    settings: Settings
    mappings: Mappings
    registry: Registry

    def links(self) -> LinkStore:
        """The store of what was written, for the documents of the registry."""
        lease_seconds = self.settings.lease_seconds
        return LinkStore(self.tables, self.clock, lease_seconds, self.registry.codec)

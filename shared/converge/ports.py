"""What converge is given by who assembles the application."""

from dataclasses import dataclass

from shared.ports import Clock, DynamicsGateway, Flows, Queue, Random, StripeGateway, Tables
from shared.settings import Settings
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

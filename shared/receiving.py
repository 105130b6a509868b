"""The application as far as receiving events needs it.

A delivery waits for whatever is loaded and made before its answer, so this part knows a few ports
and one service. `shared/app.py` adds the vendors' clients and the other services.
"""

from dataclasses import dataclass, field, replace
from typing import Self

from shared.ports import Clock, Queue, Signatures, Tables
from shared.registry import Registry
from shared.services.ingest import EventGridIngest, Ingest, Refusals
from shared.settings import Settings
from shared.stores.doors import Doors
from shared.telemetry import NoTelemetry, Telemetry


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivingApp:
    """The ports behind the ways in of events, and their services."""

    settings: Settings
    tables: Tables
    queue: Queue
    clock: Clock
    signatures: Signatures
    registry: Registry
    refusals: Refusals
    doors: Doors
    telemetry: Telemetry = field(default_factory=NoTelemetry)

    def of(self, alias: str) -> Self:
        """The application as one Stripe account has it. Raises KeyError for an alias that the
        settings do not name."""
        return replace(self, settings=self.settings.of(alias))

    def ingest(self) -> Ingest:
        """The webhook's service."""
        ports = (self.settings, self.signatures, self.queue, self.tables, self.clock)
        return Ingest(*ports, registry=self.registry, refusals=self.refusals, doors=self.doors)

    def event_grid(self) -> EventGridIngest:
        """The service of the queue that Event Grid delivers to, for all accounts."""
        ports = (self.settings, self.queue, self.tables, self.clock)
        return EventGridIngest(
            *ports, registry=self.registry, refusals=self.refusals, doors=self.doors
        )

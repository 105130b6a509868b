"""How Stripe's events come in: verify and classify them, and enqueue their items."""

from shared.services.ingest.event_grid import ACCOUNT_PROPERTY, Delivered, EventGridIngest
from shared.services.ingest.ingest import INGEST, Ingest, route

__all__ = ("ACCOUNT_PROPERTY", "INGEST", "Delivered", "EventGridIngest", "Ingest", "route")

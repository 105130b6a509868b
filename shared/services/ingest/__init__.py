"""How Stripe's events come in: verify and classify them, and enqueue their items."""

from shared.services.ingest.event_grid import ACCOUNT_PROPERTY, Delivered, EventGridIngest
from shared.services.ingest.ingest import INGEST, Ingest, route
from shared.services.ingest.refusals import Refusals

__all__ = (
    "ACCOUNT_PROPERTY",
    "INGEST",
    "Delivered",
    "EventGridIngest",
    "Ingest",
    "Refusals",
    "route",
)

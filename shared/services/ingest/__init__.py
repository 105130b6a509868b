"""The webhook's side: verify events and enqueue them."""

from shared.services.ingest.ingest import INGEST, Ingest, route
from shared.services.ingest.refusals import Refusals

__all__ = ("INGEST", "Ingest", "Refusals", "route")

"""The webhook's side: verify events and enqueue them."""

from shared.services.ingest.ingest import INGEST, Ingest, route

__all__ = ("INGEST", "Ingest", "route")

"""The webhook's side: events come in, are kept and queued."""

from shared.services.ingest.ingest import INGEST, Ingest, route

__all__ = ("INGEST", "Ingest", "route")

"""The webhook's side: events come in, are kept and queued."""

from shared.services.ingest.ingest import INGEST, Ingest, route
from shared.services.ingest.refusals import Refusals

__all__ = ("INGEST", "Ingest", "Refusals", "route")

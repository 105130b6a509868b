"""OData as F&O speaks it: addresses, filters, `$batch`, values and refusals, over one record store.

It knows the sets by their schema only. What a table demands of a write is behind `WritesRecords`.
"""

from local.dynamics.odata.asgi import lifespan, read_request, send_response
from local.dynamics.odata.batch import BatchPart, Unit, UnitAnswer, parse_batch, render_batch
from local.dynamics.odata.errors import (
    THROTTLED,
    Infolog,
    Refusal,
    duplicate_key,
    unsupported,
    update_conflict,
    write_failed,
)
from local.dynamics.odata.schema import COMPANY, DATA, NO_DATE, EntitySetSchema, tenant_schema
from local.dynamics.odata.service import READS, Service
from local.dynamics.odata.store import Fields, RecordStore, StoredRow, numbered
from local.dynamics.odata.units import Runner
from local.dynamics.odata.values import dump, fold, plain, read_json, to_json
from local.dynamics.odata.wire import Request, Response, json_response, refused

__all__ = [
    "COMPANY",
    "DATA",
    "NO_DATE",
    "READS",
    "THROTTLED",
    "BatchPart",
    "EntitySetSchema",
    "Fields",
    "Infolog",
    "RecordStore",
    "Refusal",
    "Request",
    "Response",
    "Runner",
    "Service",
    "StoredRow",
    "Unit",
    "UnitAnswer",
    "dump",
    "duplicate_key",
    "fold",
    "json_response",
    "lifespan",
    "numbered",
    "parse_batch",
    "plain",
    "read_json",
    "read_request",
    "refused",
    "render_batch",
    "send_response",
    "tenant_schema",
    "to_json",
    "unsupported",
    "update_conflict",
    "write_failed",
]

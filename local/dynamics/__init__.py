"""An in-memory Dynamics 365 Finance: OData with F&O's manners, journals, posting, faults."""

from local.dynamics.faults import DynamicsFaults
from local.dynamics.jobs import DocumentResult, JournalResult, Ledger, LedgerLine, Side
from local.dynamics.odata import tenant_schema
from local.dynamics.peer import HOST, DynamicsPeer
from local.dynamics.settings import DynamicsSettings
from local.dynamics.tables import CustomerTransaction
from local.transport import PeerDropped, PeerTimeout, PeerTransport

__all__ = [
    "HOST",
    "CustomerTransaction",
    "DocumentResult",
    "DynamicsFaults",
    "DynamicsPeer",
    "DynamicsSettings",
    "JournalResult",
    "Ledger",
    "LedgerLine",
    "PeerDropped",
    "PeerTimeout",
    "PeerTransport",
    "Side",
    "tenant_schema",
]

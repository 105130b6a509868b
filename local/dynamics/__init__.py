"""An in-memory Dynamics 365 Finance: OData with F&O's manners, journals, posting, faults."""

from local.dynamics.faults import Faults
from local.dynamics.ledger import Ledger, LedgerLine, Side
from local.dynamics.peer import HOST, DynamicsPeer
from local.dynamics.posting import JournalResult
from local.dynamics.results import DocumentResult
from local.dynamics.settings import Settings
from local.dynamics.subledger import CustomerTransaction
from local.transport import PeerDropped, PeerTimeout, PeerTransport

__all__ = [
    "HOST",
    "CustomerTransaction",
    "DocumentResult",
    "DynamicsPeer",
    "Faults",
    "JournalResult",
    "Ledger",
    "LedgerLine",
    "PeerDropped",
    "PeerTimeout",
    "PeerTransport",
    "Settings",
    "Side",
]

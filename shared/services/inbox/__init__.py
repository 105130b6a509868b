"""Parked items, their resolutions and their healing, corrections, the documents of
fees, and the list of waiting items."""

from shared.services.inbox.correct import (
    Correct,
    Corrected,
    CorrectionRefused,
    CorrectionRequest,
    Ordered,
)
from shared.services.inbox.fee_documents import (
    FeeDocumentRefused,
    FeeDocumentRequest,
    FeeDocuments,
)
from shared.services.inbox.healing import Healing
from shared.services.inbox.inbox import RETRIES_MAX, Inbox, ParkedItem
from shared.services.inbox.resolve import Accepted, Decision, ResolutionRefused, Resolve
from shared.services.inbox.waiting import WaitingList

__all__ = (
    "RETRIES_MAX",
    "Accepted",
    "Correct",
    "Corrected",
    "CorrectionRefused",
    "CorrectionRequest",
    "Decision",
    "FeeDocumentRefused",
    "FeeDocumentRequest",
    "FeeDocuments",
    "Healing",
    "Inbox",
    "Ordered",
    "ParkedItem",
    "ResolutionRefused",
    "Resolve",
    "WaitingList",
)

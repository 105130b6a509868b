"""Parked items, their resolutions and their healing, corrections, and the list of waiting items."""

from shared.services.inbox.correct import (
    Correct,
    Corrected,
    CorrectionRefused,
    CorrectionRequest,
    Ordered,
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
    "Healing",
    "Inbox",
    "Ordered",
    "ParkedItem",
    "ResolutionRefused",
    "Resolve",
    "WaitingList",
)

"""Health, readiness, gauges and decisions about customers."""

from shared.services.operations.books_draft import DraftRefused, draft
from shared.services.operations.customers import AccountDecision, ChoiceRefused, CustomerDecisions
from shared.services.operations.health import Health, check_books
from shared.services.operations.measure import Measure
from shared.services.operations.stripe_side import CutOff, ReadyAccount
from shared.services.operations.ways_in import WaysIn

__all__ = (
    "AccountDecision",
    "ChoiceRefused",
    "CustomerDecisions",
    "CutOff",
    "DraftRefused",
    "Health",
    "Measure",
    "ReadyAccount",
    "WaysIn",
    "check_books",
    "draft",
)

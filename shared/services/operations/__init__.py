"""Health, readiness, and what support does for customers."""

from shared.services.operations.customers import AccountDecision, ChoiceRefused, CustomerDecisions
from shared.services.operations.dynamics_setup import DynamicsSetup
from shared.services.operations.erase import Erase, EraseRefused
from shared.services.operations.health import Health
from shared.services.operations.purge import Purge

__all__ = (
    "AccountDecision",
    "ChoiceRefused",
    "CustomerDecisions",
    "DynamicsSetup",
    "Erase",
    "EraseRefused",
    "Health",
    "Purge",
)

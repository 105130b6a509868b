"""Health, readiness, and decisions about customers."""

from shared.services.operations.customers import AccountDecision, ChoiceRefused, CustomerDecisions
from shared.services.operations.dynamics_setup import DynamicsSetup
from shared.services.operations.health import Health, ReadyAccount

__all__ = (
    "AccountDecision",
    "ChoiceRefused",
    "CustomerDecisions",
    "DynamicsSetup",
    "Health",
    "ReadyAccount",
)

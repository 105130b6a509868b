"""Health, readiness, gauges, and decisions about customers."""

from shared.services.operations.customers import AccountDecision, ChoiceRefused, CustomerDecisions
from shared.services.operations.dynamics_setup import DynamicsSetup
from shared.services.operations.health import Health, ReadyAccount
from shared.services.operations.measure import Measure
from shared.services.operations.stripe_permissions import (
    Access,
    StripePermission,
    events_of,
    permissions_of,
)

__all__ = (
    "Access",
    "AccountDecision",
    "ChoiceRefused",
    "CustomerDecisions",
    "DynamicsSetup",
    "Health",
    "Measure",
    "ReadyAccount",
    "StripePermission",
    "events_of",
    "permissions_of",
)

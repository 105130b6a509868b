"""Health, readiness, and what support does for customers."""

from shared.services.operations.customers import AccountDecision, ChoiceRefused, CustomerDecisions
from shared.services.operations.dynamics_setup import DynamicsSetup
from shared.services.operations.erase import Erase, EraseRefused
from shared.services.operations.health import Health
from shared.services.operations.purge import Purge
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
    "Erase",
    "EraseRefused",
    "Health",
    "Purge",
    "StripePermission",
    "events_of",
    "permissions_of",
)

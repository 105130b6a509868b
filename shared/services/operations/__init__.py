"""Health, readiness, gauges, decisions about customers, and what to set up at Stripe."""

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
from shared.services.operations.webhook_setup import (
    SetupNote,
    WebhookSetup,
    note_setup,
    setup_before_settings,
    webhook_setup,
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
    "SetupNote",
    "StripePermission",
    "WebhookSetup",
    "events_of",
    "note_setup",
    "permissions_of",
    "setup_before_settings",
    "webhook_setup",
)

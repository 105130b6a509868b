"""What to set up at Stripe: permissions, events, the webhook endpoint."""

from shared.services.setup.stripe_permissions import (
    Access,
    StripePermission,
    events_of,
    permissions_of,
)
from shared.services.setup.webhook_setup import (
    SetupNote,
    WebhookSetup,
    note_setup,
    setup_before_settings,
    webhook_setup,
)

__all__ = (
    "Access",
    "SetupNote",
    "StripePermission",
    "WebhookSetup",
    "events_of",
    "note_setup",
    "permissions_of",
    "setup_before_settings",
    "webhook_setup",
)

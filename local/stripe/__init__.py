"""A Stripe account in memory, in the shape of API version 2026-10-28.endive."""

from local.stripe.delivery import Attempt, WebhookDelivery
from local.stripe.errors import ApiError
from local.stripe.event_grid import GridFault, PartnerTopic, Shape
from local.stripe.keys import RestrictedKey
from local.stripe.peer import StripePeer
from local.stripe.routes import KEPT
from local.stripe.settings import (
    API_VERSION,
    FEES,
    FEES_WITH_EUR_TAX,
    DeliveryFaults,
    Fee,
    PayoutSchedule,
    PeerSettings,
    StripeFaults,
    WebhookTarget,
)
from local.stripe.stored import event_reason, object_reason

__all__ = [
    "API_VERSION",
    "FEES",
    "FEES_WITH_EUR_TAX",
    "KEPT",
    "ApiError",
    "Attempt",
    "DeliveryFaults",
    "Fee",
    "GridFault",
    "PartnerTopic",
    "PayoutSchedule",
    "PeerSettings",
    "RestrictedKey",
    "Shape",
    "StripeFaults",
    "StripePeer",
    "WebhookDelivery",
    "WebhookTarget",
    "event_reason",
    "object_reason",
]

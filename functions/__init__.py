"""Trigger adapters: parse, call a service, translate the outcome."""

from functions import (
    customers,
    inbox,
    ingress,
    mappings,
    operations,
    stripe_webhook,
    sync_queues,
    timers,
)
from functions.flows import backfill, payout

BLUEPRINTS = (
    stripe_webhook.bp,
    ingress.bp,
    sync_queues.bp,
    timers.bp,
    operations.bp,
    inbox.bp,
    customers.bp,
    mappings.bp,
    payout.bp,
    backfill.bp,
)

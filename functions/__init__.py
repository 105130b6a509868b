"""Trigger adapters: parse, call a service, translate the outcome."""

from functions import (
    audit,
    customers,
    inbox,
    mappings,
    operations,
    stripe_webhook,
    sync_queues,
    timers,
)
from functions.flows import backfill, payout

BLUEPRINTS = (
    stripe_webhook.bp,
    sync_queues.bp,
    timers.bp,
    operations.bp,
    audit.bp,
    inbox.bp,
    customers.bp,
    mappings.bp,
    payout.bp,
    backfill.bp,
)

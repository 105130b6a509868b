"""Trigger adapters: parse, call a service, translate the outcome."""

from functions import (
    audit,
    corrections,
    customers,
    fees,
    inbox,
    ingress,
    mappings,
    operations,
    probe,
    setup,
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
    audit.bp,
    inbox.bp,
    customers.bp,
    corrections.bp,
    fees.bp,
    mappings.bp,
    setup.bp,
    probe.bp,
    payout.bp,
    backfill.bp,
)

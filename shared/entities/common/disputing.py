"""Disputes as the charge behind them sees them: lost ones take from its sale, as refunds do."""

from collections.abc import Mapping
from typing import Any

from shared.entities.common.method import method_of
from shared.entities.common.objects import Context, Json, id_of, text
from shared.policy import Loss

FINAL_STATUSES = ("won", "lost", "prevented", "warning_closed")
LOST_STATUSES = ("lost", "prevented")
KIND = "dispute"  # `object` of a lost dispute among the refunds of its charge


def is_final(dispute: Mapping[str, Any]) -> bool:
    """Whether Stripe says that a dispute is over."""
    return text(dispute, "status") in FINAL_STATUSES


def loss_of(charge: Json, context: Context) -> Loss:
    """Where a lost dispute of a charge goes, by the method of its payment."""
    return context.policy.disputes.of(method_of(charge).type)


def as_refund(dispute: Json, closed: int) -> Json:
    """A dispute that is over as a refund of its charge: one that was won gave back. `closed`:
    when it was closed, in seconds since 1970."""
    alive = text(dispute, "status") in LOST_STATUSES
    return {
        "id": id_of(dispute),
        "object": KIND,
        "amount": dispute.get("amount"),
        "created": closed,
        "metadata": dispute.get("metadata"),
        "status": "succeeded" if alive else "failed",
    }

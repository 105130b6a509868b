"""Fee invoices: Stripe's monthly tax documents, as a person confirmed them.

No object of the API stands for them: what converge reads is the confirmation itself.
"""

from typing import TYPE_CHECKING

from shared.domain.partition import LEDGER_QUEUE
from shared.entities.entity import Entity

if TYPE_CHECKING:
    from shared.entities.making import Making


def _making() -> "Making":
    from shared.entities.fee_invoice.making import MAKING

    return MAKING


FEE_INVOICE = Entity(
    name="fee_invoice",
    queue=LEDGER_QUEUE,
    object="fee_invoice",
    event_types=(),
    is_confirmed=True,
    making=_making,
)

__all__ = ("FEE_INVOICE",)

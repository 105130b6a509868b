"""What a dispute's lines need of Stripe besides it: its charge, and the event that closed it."""

from shared.entities.common.disputing import is_final
from shared.entities.common.objects import Context, elements, id_of
from shared.entities.common.related import closing_event
from shared.entities.dispute.documents import CLOSED
from shared.entities.making import FetchedObject
from shared.ports import Json, StripeGateway


async def read(stripe: StripeGateway, dispute: Json, context: Context) -> FetchedObject:
    """The dispute with its `charge` and, where it moved money and is over, the event `closed`.
    Raises the port's errors."""
    del context
    related: dict[str, Json] = {}
    charge = dispute.get("charge")
    if isinstance(charge, dict):
        related["charge"] = charge
    if is_final(dispute) and elements(dispute.get("balance_transactions")):
        closed = await closing_event(stripe, id_of(dispute))
        if closed is not None:
            related[CLOSED] = closed
    return FetchedObject(dispute, related)

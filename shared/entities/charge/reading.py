"""What a charge's documents need of Stripe besides the charge: all its refunds, and its sale."""

from shared.entities.common.objects import Context
from shared.entities.common.related import sale_of, whole
from shared.entities.entity import FetchedObject
from shared.ports import Json, StripeGateway


async def read(stripe: StripeGateway, charge: Json, context: Context) -> FetchedObject:
    """The charge with its whole list of refunds, and its sale. Raises the port's errors."""
    found = await _with_refunds(stripe, charge)
    return FetchedObject(found, await sale_of(stripe, found, context))


async def _with_refunds(stripe: StripeGateway, charge: Json) -> Json:
    """A charge whose list of refunds is whole: Stripe cuts embedded lists."""
    refunds = charge.get("refunds")
    if not isinstance(refunds, dict) or not refunds.get("has_more"):
        return charge
    params: dict[str, str | int] = {
        "charge": str(charge["id"]),
        "expand[]": "data.balance_transaction",
    }
    data = await whole(stripe, "refund", params, list(refunds.get("data") or ()))
    return {**charge, "refunds": {**refunds, "data": data, "has_more": False}}

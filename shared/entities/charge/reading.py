"""What a charge's documents need of Stripe besides the charge: all its refunds, and its sale.

Where the policy credits lost disputes, those that are over stand among the refunds.
"""

from shared.entities.common.disputing import as_refund, is_final, loss_of
from shared.entities.common.objects import Context, elements, id_of
from shared.entities.common.related import closing_event, sale_of, whole
from shared.entities.making import FetchedObject
from shared.policy import Loss
from shared.ports import Json, StripeGateway


async def read(stripe: StripeGateway, charge: Json, context: Context) -> FetchedObject:
    """The charge with its whole list of refunds, and its sale. Raises the port's errors."""
    found = await _with_refunds(stripe, charge)
    found = await _with_disputes(stripe, found, context)
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


async def _with_disputes(stripe: StripeGateway, charge: Json, context: Context) -> Json:
    """A charge with its disputes that are over and moved money, as refunds of it."""
    wanted = loss_of(charge, context) is Loss.CREDIT_NOTE and context.policy.has_documents
    if not wanted or not (charge.get("disputed") or id_of(charge.get("dispute"))):
        return charge
    over = []
    for dispute in await whole(stripe, "dispute", {"charge": str(charge["id"])}):
        if is_final(dispute) and elements(dispute.get("balance_transactions")):
            closed = await closing_event(stripe, str(dispute["id"]))
            at = int(closed["created"]) if closed else int(context.now.timestamp())
            over.append(as_refund(dispute, at))
    refunds = charge.get("refunds")
    listed = {**refunds} if isinstance(refunds, dict) else {"object": "list", "has_more": False}
    return {**charge, "refunds": {**listed, "data": [*elements(refunds), *over]}}

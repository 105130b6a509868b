"""What else several entities read from Stripe for their documents: the sale behind a charge.

Stripe cuts embedded lists; `whole` reads them to their end.
https://docs.stripe.com/api/expanding_objects
"""

from collections.abc import Mapping, Sequence

from shared.entities.common.objects import Context, id_of
from shared.entities.common.sale_attributes import reads_session
from shared.entities.common.sale_routing import needs_session
from shared.errors import ObjectMissing
from shared.ports import Json, StripeGateway

LIST_PAGE = 100
LIST_PAGES_MAX = 10
DISPUTE_CLOSED = "charge.dispute.closed"
EVENT_PAGES_MAX = 10  # of closed disputes, in which the event of one is looked for


async def sale_of(stripe: StripeGateway, charge: Json, context: Context) -> dict[str, Json]:
    """The Checkout Session and the invoices that a charge paid, where the policy asks for them, or
    the mapping reads metadata of the charge or the product."""
    if not needs_session(context.policy) and not reads_session(context.reads):
        return {}
    return await _session(stripe, charge) | await _invoice_payments(stripe, charge)


async def _session(stripe: StripeGateway, charge: Json) -> dict[str, Json]:
    """The Checkout Session that a charge paid, with all its line items."""
    intent = id_of(charge.get("payment_intent"))
    if not intent:
        return {}
    params: dict[str, str | int] = {
        "payment_intent": intent,
        "limit": 1,
        "expand[0]": "data.line_items.data.taxes",
        "expand[1]": "data.shipping_cost.taxes",
    }
    page = await stripe.page("checkout.session", params)
    if not page.data:
        return {}
    session = page.data[0]
    items = session.get("line_items")
    if isinstance(items, dict) and items.get("has_more"):
        inside: dict[str, str | int] = {"session": str(session["id"]), "expand[]": "data.taxes"}
        known = list(items.get("data") or ())
        data = await whole(stripe, "checkout.session.line_item", inside, known)
        session = {**session, "line_items": {**items, "data": data, "has_more": False}}
    return {"checkout_session": session}


async def _invoice_payments(stripe: StripeGateway, charge: Json) -> dict[str, Json]:
    """The invoices that a charge paid: one is enough to know."""
    intent = id_of(charge.get("payment_intent"))
    if not intent:
        return {}
    params: dict[str, str | int] = {
        "payment[type]": "payment_intent",
        "payment[payment_intent]": intent,
        "limit": 1,
    }
    page = await stripe.page("invoice_payment", params)
    return {"invoice_payments": {"object": "list", "data": list(page.data)}}


async def closing_event(stripe: StripeGateway, dispute: str) -> Json | None:
    """The newest event that closed a dispute: it alone tells the day. None where Stripe does not
    keep it any more (30 days). https://docs.stripe.com/api/events"""
    params: dict[str, str | int] = {"type": DISPUTE_CLOSED, "limit": LIST_PAGE}
    for _ in range(EVENT_PAGES_MAX):
        page = await stripe.page("event", params)
        for event in page.data:
            if event["type"] == DISPUTE_CLOSED and id_of(event["data"]["object"]) == dispute:
                return event
        if not page.data or not page.has_more:
            return None
        params["starting_after"] = str(page.data[-1]["id"])
    return None


async def whole(
    stripe: StripeGateway,
    entity: str,
    params: Mapping[str, str | int],
    data: Sequence[Json] = (),
) -> list[Json]:
    """A list to its end, after what is known of it. Raises `ObjectMissing` for one too long."""
    found = list(data)
    for _ in range(LIST_PAGES_MAX):
        page_params: dict[str, str | int] = {**params, "limit": LIST_PAGE}
        if found:
            page_params["starting_after"] = str(found[-1]["id"])
        page = await stripe.page(entity, page_params)
        found += page.data
        if not page.has_more:
            return found
    raise ObjectMissing(
        f"complete list of {entity}", str(params.get("charge") or params.get("session"))
    )

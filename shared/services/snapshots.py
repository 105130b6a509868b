"""Fetching the current state of an object, with what its documents need besides.

One expanded GET an object; a refund's transaction takes a second one, for the customer of its
charge. https://docs.stripe.com/api/expanding_objects
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from shared.documents.common import Context, Snapshot, id_of
from shared.documents.selling import needs_session
from shared.domain.records import Choice, Intent, Link
from shared.errors import ObjectMissing
from shared.ports import Json, StripeGateway
from shared.registry import Entity
from shared.services.paging import next_cursor

CHARGE_PREFIXES = ("ch_", "py_")
REFUND_PREFIXES = ("re_", "pyr_")
LIST_PAGE = 100
LIST_PAGES_MAX = 10


async def fetch(
    stripe: StripeGateway,
    entity: Entity,
    id: str,
    context: Context,
    *,
    links: Mapping[str, Link] = MappingProxyType({}),
    intents: Mapping[str, Intent] = MappingProxyType({}),
    choices: Mapping[str, Choice] = MappingProxyType({}),
    companies: tuple[str, ...] = (),
    was_settled: bool = False,
) -> Snapshot:
    """The snapshot of one object. Raises `ObjectMissing` and the errors of the Stripe port."""
    found = await _retrieved(stripe, entity, id)
    related: dict[str, Json] = {}
    if entity.name == "balance_transaction":
        related = await _source(stripe, found)
        if "charge" in related and needs_session(context.policy):
            charge = related["charge"]
            related |= await _session(stripe, charge) | await _invoice_payments(stripe, charge)
    elif entity.name == "charge":
        found = await _with_refunds(stripe, found)
        if needs_session(context.policy):
            related = await _session(stripe, found) | await _invoice_payments(stripe, found)
    return Snapshot(
        entity.name,
        id,
        found,
        related,
        companies,
        links,
        intents,
        choices=choices,
        was_settled=was_settled,
    )


async def _retrieved(stripe: StripeGateway, entity: Entity, id: str) -> Json:
    """The object; `{"id", "object", "deleted": true}` for one that Stripe's events call deleted.

    Only the event tells a deleted object from a wrong key, which misses everything.
    """
    try:
        return await stripe.retrieve(entity.name, id, entity.expand)
    except ObjectMissing:
        if not entity.deletion or not await _is_told_deleted(stripe, entity.deletion, id):
            raise
    return {"id": id, "object": entity.object, "deleted": True}


async def _is_told_deleted(stripe: StripeGateway, event_type: str, id: str) -> bool:
    """Whether one of the last events of this type is about the object."""
    params: dict[str, str | int] = {"type": event_type, "limit": LIST_PAGE}
    for _ in range(LIST_PAGES_MAX):
        page = await stripe.page("event", params)
        if any(
            event["type"] == event_type and id_of(event["data"]["object"]) == id
            for event in page.data
        ):
            return True
        cursor = next_cursor(page)
        if not cursor:
            return False
        params["starting_after"] = cursor
    return False


async def _source(stripe: StripeGateway, txn: Json) -> dict[str, Json]:
    """The charge behind a transaction, and the refund where it is one."""
    source = txn.get("source")
    related: dict[str, Json] = {}
    source_id = id_of(source)
    if not source_id:
        return related
    body = source if isinstance(source, dict) else None
    if source_id.startswith(REFUND_PREFIXES):
        refund = body or await stripe.retrieve("refund", source_id)
        related["refund"] = refund
        source_id, body = id_of(refund.get("charge")), None
        if isinstance(refund.get("charge"), dict):
            body = refund["charge"]
    if source_id.startswith(CHARGE_PREFIXES):
        related["charge"] = body or await stripe.retrieve("charge", source_id)
    return related


async def _session(stripe: StripeGateway, charge: Json) -> dict[str, Json]:
    """The Checkout Session that a charge paid, with all its line items."""
    intent = id_of(charge.get("payment_intent"))
    if not intent:
        return {}
    params: dict[str, str | int] = {
        "payment_intent": intent,
        "limit": 1,
        "expand[]": "data.line_items",
    }
    page = await stripe.page("checkout.session", params)
    if not page.data:
        return {}
    session = page.data[0]
    items = session.get("line_items")
    if isinstance(items, dict) and items.get("has_more"):
        inside: dict[str, str | int] = {"session": str(session["id"])}
        known = list(items.get("data") or ())
        data = await _whole(stripe, "checkout.session.line_item", inside, known)
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


async def _with_refunds(stripe: StripeGateway, charge: Json) -> Json:
    """A charge whose list of refunds is whole: Stripe cuts embedded lists."""
    refunds = charge.get("refunds")
    if not isinstance(refunds, dict) or not refunds.get("has_more"):
        return charge
    params: dict[str, str | int] = {
        "charge": str(charge["id"]),
        "expand[]": "data.balance_transaction",
    }
    data = await _whole(stripe, "refund", params, list(refunds.get("data") or ()))
    return {**charge, "refunds": {**refunds, "data": data, "has_more": False}}


async def _whole(
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

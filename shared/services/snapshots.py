"""Fetching the current state of an object, with what its documents need besides.

One expanded GET an object; a refund's transaction takes a second one, for the customer of its
charge. https://docs.stripe.com/api/expanding_objects
"""

from collections.abc import Mapping
from types import MappingProxyType

from shared.documents.common import Context, Snapshot, id_of
from shared.domain.records import Intent, Link
from shared.errors import ObjectMissing
from shared.ports import Json, StripeGateway
from shared.registry import Entity

CHARGE_PREFIXES = ("ch_", "py_")
REFUND_PREFIXES = ("re_", "pyr_")
LIST_PAGE = 100
REFUND_PAGES_MAX = 10


async def fetch(
    stripe: StripeGateway,
    entity: Entity,
    id: str,
    context: Context,
    *,
    links: Mapping[str, Link] = MappingProxyType({}),
    intents: Mapping[str, Intent] = MappingProxyType({}),
    companies: tuple[str, ...] = (),
) -> Snapshot:
    """The snapshot of one object. Raises `ObjectMissing` and the errors of the Stripe port."""
    del context
    found = await stripe.retrieve(entity.name, id, entity.expand)
    related: dict[str, Json] = {}
    if entity.name == "balance_transaction":
        related = await _source(stripe, found)
    elif entity.name == "charge":
        found = await _with_refunds(stripe, found)
    return Snapshot(entity.name, id, found, related, companies, links, intents)


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


async def _with_refunds(stripe: StripeGateway, charge: Json) -> Json:
    """A charge whose list of refunds is whole: Stripe cuts embedded lists."""
    refunds = charge.get("refunds")
    if not isinstance(refunds, dict) or not refunds.get("has_more"):
        return charge
    data = list(refunds.get("data") or ())
    for _ in range(REFUND_PAGES_MAX):
        params: dict[str, str | int] = {"charge": str(charge["id"]), "limit": LIST_PAGE}
        if data:
            params["starting_after"] = str(data[-1]["id"])
        page = await stripe.page("refund", params)
        data += page.data
        if not page.has_more:
            return {**charge, "refunds": {**refunds, "data": data, "has_more": False}}
    raise ObjectMissing("complete list of refunds", str(charge["id"]))

"""What a transaction's lines need of Stripe besides it: the charge behind it, and its sale.

The transaction of a refund or a dispute takes a second request, for that charge.
"""

from shared.entities.common.objects import Context, id_of
from shared.entities.common.related import sale_of
from shared.entities.common.transaction import DISPUTE_PREFIXES
from shared.entities.making import FetchedObject
from shared.ports import Json, StripeGateway

CHARGE_PREFIXES = ("ch_", "py_")
REFUND_PREFIXES = ("re_", "pyr_")


async def read(stripe: StripeGateway, txn: Json, context: Context) -> FetchedObject:
    """The transaction, with `charge`, `refund`, `dispute` and the sale where they stand behind it.
    Raises the port's errors."""
    related = await _source(stripe, txn)
    if "charge" in related:
        related |= await sale_of(stripe, related["charge"], context)
    return FetchedObject(txn, related)


async def _source(stripe: StripeGateway, txn: Json) -> dict[str, Json]:
    """The charge behind a transaction, and the refund or dispute where it is one."""
    source = txn.get("source")
    related: dict[str, Json] = {}
    source_id = id_of(source)
    if not source_id:
        return related
    body = source if isinstance(source, dict) else None
    between = "refund" if source_id.startswith(REFUND_PREFIXES) else ""
    between = "dispute" if source_id.startswith(DISPUTE_PREFIXES) else between
    if between:
        found = body or await stripe.retrieve(between, source_id)
        related[between] = found
        source_id, body = id_of(found.get("charge")), None
        if isinstance(found.get("charge"), dict):
            body = found["charge"]
    if source_id.startswith(CHARGE_PREFIXES):
        related["charge"] = body or await stripe.retrieve("charge", source_id)
    return related

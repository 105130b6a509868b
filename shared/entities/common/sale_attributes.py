"""What the shop says of a sale: metadata, and the country of the billing address.

Metadata may tell of a person. A document has the keys that the mapping reads and no others; what
no mapping reads is neither fetched nor stored. https://docs.stripe.com/api/metadata
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

from shared.entities.common.objects import Context, Json, Snapshot, id_of, text
from shared.entities.common.origin import charge_of
from shared.entities.common.sale_document import NO_METADATA, SaleMetadata
from shared.entities.common.sale_routing import metadata, products_of, session_of
from shared.errors import ObjectMissing
from shared.ports import StripeGateway

CHARGE, CUSTOMER, PRODUCT = "charge", "customer", "product"

_OTHER_SIGN = re.compile(r"[^a-z0-9_]")
_COUNTRY = re.compile(r"[A-Za-z]{2}")


def reads_product(reads: Collection[str]) -> bool:
    """Whether a mapping that reads these paths reads metadata of products."""
    return _reads(reads, PRODUCT)


def reads_session(reads: Collection[str]) -> bool:
    """Whether it takes the Checkout Session: for its metadata, or its products."""
    return _reads(reads, CHARGE) or _reads(reads, PRODUCT)


def _reads(reads: Collection[str], name: str) -> bool:
    return any(path.startswith(f"metadata.{name}.") for path in reads)


async def read_details(
    stripe: StripeGateway, related: Mapping[str, Json], context: Context
) -> dict[str, Json]:
    """The customer and the first product of a sale, each where the mapping reads its metadata.
    One that Stripe does not have any more says nothing. Raises the port's errors."""
    charge, session = related.get("charge") or {}, related.get("checkout_session") or {}
    wanted = {
        CUSTOMER: id_of(charge.get("customer")) if _reads(context.reads, CUSTOMER) else "",
        PRODUCT: next(iter(products_of(session)), "") if reads_product(context.reads) else "",
    }
    found: dict[str, Json] = {}
    for entity, id in wanted.items():
        if id:
            try:
                found[entity] = await stripe.retrieve(entity, id)
            except ObjectMissing:
                continue
    return found


def sale_attributes(snapshot: Snapshot, context: Context) -> dict[str, Any]:
    """What every document of a sale tells of it, by the name of its field."""
    return {"metadata": _metadata(snapshot, context), "country": _country(charge_of(snapshot))}


def _metadata(snapshot: Snapshot, context: Context) -> SaleMetadata:
    """The keys that the mapping reads, and no others; none of a customer that was erased."""
    if snapshot.is_erased:
        return NO_METADATA
    related = snapshot.related
    return SaleMetadata(
        _read(CHARGE, context, charge_of(snapshot), session_of(snapshot)),
        _read(CUSTOMER, context, related.get(CUSTOMER) or {}),
        _read(PRODUCT, context, related.get(PRODUCT) or {}),
    )


def _read(name: str, context: Context, *objects: Json) -> dict[str, str]:
    """Of several objects the first that names a key wins, and of keys with one name the first."""
    values: dict[str, str] = {}
    for told in map(metadata, objects[::-1]):
        values |= {_path_name(key): value for key in reversed(told) if (value := text(told, key))}
    return {
        key: value for key, value in values.items() if f"metadata.{name}.{key}" in context.reads
    }


def _path_name(key: str) -> str:
    """A key of metadata as a path can name it: `Order-No` is `order_no`."""
    return _OTHER_SIGN.sub("_", key.lower())


def _country(charge: Json) -> str:
    billing = charge.get("billing_details")
    address = billing.get("address") if isinstance(billing, Mapping) else None
    country = text(address, "country") if isinstance(address, Mapping) else ""
    return country.upper() if _COUNTRY.fullmatch(country) else ""

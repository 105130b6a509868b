"""What a reader of the ledger knows a journal line by: numbers, names, Stripe's own words.

Personal data (the description of a charge, metadata) is only in lines whose mapping reads it; what
no mapping reads is neither fetched nor stored. https://docs.stripe.com/api/metadata
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from shared.domain.ids import REFERENCE_CHARS
from shared.domain.journal import Role
from shared.entities.common.journal_lines import (
    JournalLine,
    LineMetadata,
    PayoutNames,
    SaleNames,
)
from shared.entities.common.objects import Context, Json, Snapshot, elements, id_of, text
from shared.entities.common.origin import charge_of
from shared.entities.common.sale_routing import (
    INVOICE_KEY,
    ORDER_KEY,
    metadata,
    products_of,
    session_of,
)
from shared.entities.common.transaction import ENTITY as TRANSACTION
from shared.entities.common.transaction import category_of
from shared.errors import ObjectMissing
from shared.ports import StripeGateway

ORDER_KEYS = (ORDER_KEY, "order_number", "order_id")  # of metadata, the first that is there
PAYOUT = "payout"
CUSTOMER, PRODUCT = "metadata.customer.", "metadata.product."  # begin what a mapping reads
MERCHANTS_WORDS = (
    *("charge", "refund", "charge_failure", "refund_failure", "partial_capture_reversal"),
    *("payout", "payout_reversal", "transfer", "transfer_reversal", "topup", "topup_reversal"),
)
"""Categories whose transactions repeat the description of their object."""

_OTHER_SIGN = re.compile(r"[^a-z0-9_]")


async def read_details(
    stripe: StripeGateway, related: Mapping[str, Json], context: Context
) -> dict[str, Json]:
    """The customer and the first product of a sale, each where the mapping reads its metadata.
    One that Stripe does not have any more says nothing. Raises the port's errors."""
    charge, session = related.get("charge") or {}, related.get("checkout_session") or {}
    wanted = {
        "customer": id_of(charge.get("customer")) if _asks(context, CUSTOMER) else "",
        "product": next(iter(products_of(session)), "") if asks_product(context) else "",
    }
    found: dict[str, Json] = {}
    for entity, id in wanted.items():
        if id:
            try:
                found[entity] = await stripe.retrieve(entity, id)
            except ObjectMissing:
                continue
    return found


def asks_product(context: Context) -> bool:
    """Whether the mapping reads metadata of products."""
    return _asks(context, PRODUCT)


def _asks(context: Context, begin: str) -> bool:
    return any(path.startswith(begin) for path in context.reads)


def described(
    lines: Iterable[JournalLine], snapshot: Snapshot, context: Context
) -> tuple[JournalLine, ...]:
    """The lines of one object with what their reader knows them by."""
    charge = charge_of(snapshot)
    payout = _payout(snapshot)
    told: dict[str, Any] = {
        "description": text(charge, "description") if "description" in context.reads else "",
        "explanation": _explanation(snapshot),
        "sale": _sale(snapshot, charge),
        "payout": replace(payout, reference=""),
        "metadata": _metadata(snapshot, charge, context),
    }
    on_bank = told | {"payout": payout}
    return tuple(
        replace(line, **(on_bank if line.account.role is Role.BANK else told)) for line in lines
    )


def _explanation(snapshot: Snapshot) -> str:
    """Stripe's own description of a transaction: of its fees, adjustments and the like."""
    own = snapshot.entity == TRANSACTION and category_of(snapshot.object) not in MERCHANTS_WORDS
    return text(snapshot.object, "description") if own else ""


def _sale(snapshot: Snapshot, charge: Json) -> SaleNames:
    session = session_of(snapshot)
    given = metadata(charge, session)
    invoices = [charge.get("invoice")]
    for payment in elements(snapshot.related.get("invoice_payments")):
        invoices.append(payment.get("invoice") if isinstance(payment, Mapping) else None)
    numbers = [text(each, "number") for each in invoices if isinstance(each, Mapping)]
    return SaleNames(
        order=text(given, *ORDER_KEYS) or text(session, "client_reference_id"),
        invoice=text(given, INVOICE_KEY) or next(filter(None, numbers), ""),
        statement_descriptor=text(
            charge, "calculated_statement_descriptor", "statement_descriptor"
        ),
    )


def _payout(snapshot: Snapshot) -> PayoutNames:
    """The payout of the lines, as far as it is known: of its transaction it may be the id alone."""
    found = snapshot.object if snapshot.entity == PAYOUT else snapshot.object.get("source")
    body: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    id = id_of(found)
    if not id.startswith("po_"):
        return PayoutNames()
    trace = body.get("trace_id")
    trace_id = text(trace, "value") if isinstance(trace, Mapping) else ""
    descriptor = text(body, "statement_descriptor")
    short = [name for name in (trace_id, descriptor) if 0 < len(name) <= REFERENCE_CHARS]
    return PayoutNames(id, trace_id, descriptor, next(iter(short), ""))


def _metadata(snapshot: Snapshot, charge: Json, context: Context) -> LineMetadata:
    """The keys that the mapping reads, and no others; none of a customer that was erased."""
    if snapshot.is_erased:
        return LineMetadata()
    of = {"charge": charge} | {
        name: snapshot.related.get(name) or {} for name in ("customer", "product")
    }
    return LineMetadata(**{name: _read(name, found, context) for name, found in of.items()})


def _read(name: str, found: Json, context: Context) -> dict[str, str]:
    values = {_path_name(key): value for key, value in reversed(metadata(found).items())}
    return {
        key: text(values, key)
        for key in values
        if f"metadata.{name}.{key}" in context.reads and text(values, key)
    }


def _path_name(key: str) -> str:
    """A key of metadata as a path can name it: `Order-No` is `order_no`."""
    return _OTHER_SIGN.sub("_", key.lower())

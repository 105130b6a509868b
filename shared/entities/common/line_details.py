"""What a reader of the ledger knows a journal line by: numbers, names, Stripe's own words.

The description of a charge, which may tell of a person, is only in lines whose mapping reads it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from shared.domain.ids import REFERENCE_CHARS
from shared.domain.journal import Role
from shared.entities.common.journal_lines import (
    JournalLine,
    PayoutNames,
    SaleNames,
)
from shared.entities.common.objects import Context, Json, Snapshot, elements, id_of, text
from shared.entities.common.origin import charge_of
from shared.entities.common.sale_attributes import sale_attributes
from shared.entities.common.sale_routing import (
    INVOICE_KEY,
    ORDER_KEY,
    metadata,
    session_of,
)
from shared.entities.common.transaction import ENTITY as TRANSACTION
from shared.entities.common.transaction import category_of

ORDER_KEYS = (ORDER_KEY, "order_number", "order_id")  # of metadata, the first that is there
PAYOUT = "payout"
MERCHANTS_WORDS = (
    *("charge", "refund", "charge_failure", "refund_failure", "partial_capture_reversal"),
    *("payout", "payout_reversal", "transfer", "transfer_reversal", "topup", "topup_reversal"),
)
"""Categories whose transactions repeat the description of their object."""


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
        **sale_attributes(snapshot, context),
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

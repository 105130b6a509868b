"""Balance transactions: the only source of money lines.

https://docs.stripe.com/api/balance_transactions. Facts of a line: `amount_minor` (debit to the
account, credit to the offset), `currency`, `date`, and account and offset by role.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from shared.documents.common import (
    Context,
    Desired,
    Json,
    Snapshot,
    check_open,
    currency_of,
    id_of,
    integer,
    moment,
    text,
    unreadable,
)
from shared.domain.ids import line_key
from shared.domain.journal import Journal, JournalKind, Line, Role
from shared.domain.money import Money
from shared.domain.posting import (
    RULES,
    Transaction,
    is_suspense,
    post,
)
from shared.domain.records import Document, Fact, Ref
from shared.errors import Parked

ENTITY = "balance_transaction"

# Objects of API versions before 2019 have no reporting_category.
CATEGORY_OF_TYPE = MappingProxyType(
    {
        "charge": "charge",
        "payment": "charge",
        "refund": "refund",
        "payment_refund": "refund",
        "payment_failure_refund": "charge_failure",
        "payment_reversal": "charge_failure",
        "refund_failure": "refund_failure",
        "payment_refund_failure": "refund_failure",
        "stripe_fee": "fee",
        "stripe_fx_fee": "fee",
        "tax_fee": "tax",
        "payout": "payout",
        "payout_cancel": "payout_reversal",
        "payout_failure": "payout_reversal",
        "transfer": "transfer",
        "transfer_cancel": "transfer_reversal",
        "transfer_failure": "transfer_reversal",
        "transfer_refund": "transfer_reversal",
        "application_fee": "platform_earning",
        "application_fee_refund": "platform_earning_refund",
        "connect_collection_transfer": "connect_collection_transfer",
        "reserve_transaction": "risk_reserved_funds",
        "reserved_funds": "risk_reserved_funds",
        "payout_minimum_balance_hold": "payout_minimum_balance_hold",
        "payout_minimum_balance_release": "payout_minimum_balance_release",
        "payment_network_reserve_hold": "payment_network_reserve_hold",
        "payment_network_reserve_release": "payment_network_reserve_release",
    }
)
DISPUTE_PREFIXES = ("du_", "dp_")


def category_of(txn: Json) -> str:
    """The reporting category; derived from type, source and sign where Stripe gave none."""
    given = text(txn, "reporting_category")
    if given:
        return given
    kind = text(txn, "type")
    source = id_of(txn.get("source"))
    if kind == "adjustment" and source.startswith(DISPUTE_PREFIXES):
        return "dispute" if integer(txn, "amount", ENTITY) < 0 else "dispute_reversal"
    return CATEGORY_OF_TYPE.get(kind, kind or "unknown")


def transaction_of(txn: Json) -> Transaction:
    """The facts of a balance transaction. Raises `Parked` for what cannot be read."""
    currency = currency_of(txn, ENTITY)
    amount = Money(integer(txn, "amount", ENTITY), currency)
    fee = Money(integer(txn, "fee", ENTITY), currency)
    details = []
    given = txn.get("fee_details")
    if given is not None and not isinstance(given, list):
        raise unreadable(ENTITY, id_of(txn), "fee_details")
    for item in given or ():
        if not isinstance(item, Mapping):
            raise unreadable(ENTITY, id_of(txn), "fee_details")
        found = currency_of({"currency": currency, **item}, ENTITY)
        details.append((text(item, "type"), Money(integer(item, "amount", ENTITY), found)))
    net = Money(integer(txn, "net", ENTITY), currency)
    return Transaction(id_of(txn), category_of(txn), amount, fee, net, tuple(details))


def _journal(transaction: Transaction) -> Journal:
    try:
        return post(transaction)
    except ValueError as error:
        raise Parked(
            "inconsistent_transaction",
            f"{transaction.id}: {error}",
            "Look at the transaction in Stripe; report it to Stripe when it looks the same there.",
        ) from error


def _check_currency(snapshot: Snapshot, currency: str) -> None:
    """Customer lines are booked in the currency of the charge, which must be the settlement's."""
    source = snapshot.related.get("refund") or snapshot.related.get("charge") or {}
    charged = text(source, "currency").lower() or currency
    if charged != currency or snapshot.object.get("exchange_rate") not in (None, 1):
        raise Parked(
            "settled_in_other_currency",
            f"{snapshot.id} was charged in {charged.upper()} and settled in {currency.upper()}",
            "Charges settled in another currency are not booked yet; book this one by hand.",
        )


def _part(source: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A nested object; empty where the field is anything else."""
    found = source.get(name)
    return found if isinstance(found, Mapping) else {}


def _method(charge: Json) -> dict[str, Fact]:
    """How the customer paid, for the spelling: type, brand, funding, wallet."""
    details = _part(charge, "payment_method_details")
    kind = text(details, "type")
    sub = _part(details, kind)
    if not kind:  # before 2018 a charge showed its `source`: a card, or a source of some type
        sub = _part(charge, "source")
        kind = text(sub, "type") or text(sub, "object")
    wallet = _part(sub, "wallet")
    return {
        "type": kind,
        "brand": text(sub, "brand").lower(),
        "funding": text(sub, "funding"),
        "wallet": text(wallet, "type"),
    }


def _account(role: Role, customer: str) -> dict[str, Fact]:
    if role is Role.CUSTOMER:
        return {"role": role.value, "customer": customer}
    return {"role": role.value}


def _document(snapshot: Snapshot, line: Line, company: str, date: str, customer: str) -> Document:
    charge = snapshot.related.get("charge") or {}
    general = line.kind is JournalKind.GENERAL
    return Document(
        role=line.component,
        template="general_line" if general else "customer_payment_line",
        company=company,
        key=line_key(snapshot.id, line.component),
        facts={
            "amount_minor": line.amount.minor,
            "currency": line.amount.currency,
            "date": date,
            "account": _account(line.account, customer),
            "offset": _account(line.offset, customer),
        },
        words={
            "category": category_of(snapshot.object),
            "source": id_of(snapshot.object.get("source")),
            "payment_method": _method(charge),
        },
        journal=line.kind,
        period=date[:7],
    )


def _suspended(transaction: Transaction) -> Parked | None:
    if not is_suspense(transaction):
        return None
    what = transaction.category if transaction.category not in RULES else "an unknown fee type"
    return Parked(
        "unsupported_category",
        f"{transaction.id} ({what}, net {transaction.net}) is booked on suspense",
        "Reclassify the suspense line in Dynamics to the right account.",
    )


def build(snapshot: Snapshot, context: Context) -> Desired:
    """The lines of one balance transaction: gross and each fee component.

    Raises `Parked` for an unknown currency, contradicting amounts, a closed period, or a charge
    that was settled in another currency.
    """
    txn = snapshot.object
    transaction = transaction_of(txn)
    journal = _journal(transaction)
    currency = transaction.amount.currency
    book = context.book(currency, text(txn, "balance_type") or "payments")
    day = context.local_date(moment(txn, "created", ENTITY))
    if any(line.component not in snapshot.links for line in journal.lines):
        check_open(context.company(book.company), book.company, day)
    customer = ""
    masters: tuple[Ref, ...] = ()
    if any(line.account is Role.CUSTOMER for line in journal.lines):
        _check_currency(snapshot, currency)
        customer = id_of((snapshot.related.get("charge") or {}).get("customer"))
        masters = (Ref("customer", customer, book.company),) if customer else ()
    documents = tuple(
        _document(snapshot, line, book.company, day.isoformat(), customer) for line in journal.lines
    )
    return Desired(documents, masters, parked=_suspended(transaction))

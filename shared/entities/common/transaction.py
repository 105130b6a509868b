"""The facts of a balance transaction, of any API version since 2017.

https://docs.stripe.com/api/balance_transactions
"""

from collections.abc import Mapping
from types import MappingProxyType

from shared.domain.journal import Journal
from shared.domain.money import Money
from shared.domain.posting import RULES, Transaction, is_suspense, post
from shared.entities.common.objects import Json, currency_of, id_of, integer, text, unreadable
from shared.errors import Parked

ENTITY = "balance_transaction"

# Objects of API versions before 2019 have no reporting_category.
# https://docs.stripe.com/reports/reporting-categories
CATEGORY_OF_TYPE = MappingProxyType(
    {
        "payment": "charge",
        "payment_refund": "refund",
        "payment_failure_refund": "charge_failure",
        "payment_reversal": "charge_failure",
        "payment_refund_failure": "refund_failure",
        "payment_unreconciled": "unreconciled_customer_funds",
        "transferred_to_balance_transaction": "unreconciled_customer_funds",
        "stripe_fee": "fee",
        "stripe_fx_fee": "fee",
        "tax_fee": "tax",
        "payout_cancel": "payout_reversal",
        "payout_failure": "payout_reversal",
        "transfer_cancel": "transfer_reversal",
        "transfer_failure": "transfer_reversal",
        "transfer_refund": "transfer_reversal",
        "recipient_transfer": "transfer",
        "recipient_transfer_cancel": "transfer_reversal",
        "recipient_transfer_failure": "transfer_reversal",
        "application_fee": "platform_earning",
        "application_fee_refund": "platform_earning_refund",
        "reserve_transaction": "connect_reserved_funds",
        "reserved_funds": "risk_reserved_funds",
        "climate_reservation_purchase": "climate_order_purchase",
        "climate_reservation_refund": "climate_order_refund",
        "obligation_outbound": "other_adjustment",
        "obligation_reversal_inbound": "other_adjustment",
    }
)
"""Types whose category has another name; any other type is its category. An `adjustment` alone
tells nothing: a dispute, a refund that failed or something else."""
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


def journal_of(transaction: Transaction) -> Journal:
    """The lines of a transaction. Raises `Parked` where its amounts contradict each other."""
    try:
        return post(transaction)
    except ValueError as error:
        raise Parked(
            "inconsistent_transaction",
            f"{transaction.id}: {error}",
            "Look at the transaction in Stripe; report it to Stripe when it looks the same there.",
        ) from error


def suspended(transaction: Transaction) -> Parked | None:
    """Why a person must look at a transaction of which something is booked on suspense."""
    if not is_suspense(transaction):
        return None
    what = transaction.category if transaction.category not in RULES else "an unknown fee type"
    return Parked(
        "unsupported_category",
        f"{transaction.id} ({what}, net {transaction.net}) is booked on suspense",
        "Reclassify the suspense line in Dynamics to the right account.",
    )

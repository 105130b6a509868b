"""How a balance transaction becomes lines: one table by reporting category.

Categories: https://docs.stripe.com/reports/reporting-categories. What the table does not name is
booked against suspense, so that clearing stays equal to the Stripe balance, and goes to the inbox.
"""

from dataclasses import dataclass
from types import MappingProxyType

from shared.domain.journal import Journal, JournalKind, Line, Role
from shared.domain.money import Money


@dataclass(frozen=True, slots=True)
class PostingRule:
    """The account against clearing, and the journal kind of the gross line."""

    account: Role
    kind: JournalKind = JournalKind.GENERAL


def _rules(role: Role, *categories: str) -> dict[str, PostingRule]:
    return dict.fromkeys(categories, PostingRule(role))


RULES = MappingProxyType(
    {
        "charge": PostingRule(Role.CUSTOMER, JournalKind.CUSTOMER_PAYMENT),
        "refund": PostingRule(Role.CUSTOMER, JournalKind.CUSTOMER_PAYMENT),
        **_rules(Role.CUSTOMER, "partial_capture_reversal", "charge_failure", "refund_failure"),
        **_rules(Role.UNAPPLIED_RECEIPTS, "unreconciled_customer_funds"),
        **_rules(Role.DISPUTES, "dispute", "dispute_reversal"),
        **_rules(Role.FEES, "fee"),
        **_rules(Role.FEE_TAX, "tax"),
        **_rules(Role.NETWORK_COSTS, "network_cost"),
        **_rules(Role.FEE_CREDITS, "fee_credit_funding"),
        **_rules(Role.TAX_FUNDS, "tax_fund"),
        **_rules(Role.PAYOUTS_IN_TRANSIT, "payout", "payout_reversal"),
        **_rules(Role.BANK, "topup", "topup_reversal"),
        **_rules(Role.BANK, "inbound_transfer", "inbound_transfer_reversal"),
        **_rules(Role.CONNECT, "transfer", "transfer_reversal", "connect_collection_transfer"),
        **_rules(Role.PLATFORM_EARNINGS, "platform_earning", "platform_earning_refund"),
        **_rules(
            Role.RESERVES,
            *("risk_reserved_funds", "connect_reserved_funds", "reserve_hold", "reserve_release"),
            *("payout_minimum_balance_hold", "payout_minimum_balance_release"),
            *("payment_network_reserve_hold", "payment_network_reserve_release"),
        ),
        **_rules(
            Role.LOANS,
            *("advance", "advance_funding", "anticipation_repayment"),
            *("financing_payout", "financing_payout_reversal"),
            *("financing_paydown", "financing_paydown_reversal"),
        ),
        **_rules(
            Role.ISSUING,
            *("issuing_authorization_hold", "issuing_authorization_release"),
            *("issuing_transaction", "issuing_disbursement", "issuing_dispute"),
            "issuing_dispute_fraud_liability_debit",
            "issuing_dispute_provisional_credit",
            "issuing_dispute_provisional_credit_reversal",
        ),
        **_rules(
            Role.CONTRIBUTIONS,
            *("contribution", "climate_order_purchase", "climate_order_refund"),
        ),
        **_rules(
            Role.BALANCE_PAYMENTS,
            *("stripe_balance_payment_debit", "stripe_balance_payment_debit_reversal"),
        ),
        **_rules(Role.ADJUSTMENTS, "other_adjustment", "obligation"),
    }
)
SUSPENSE_RULE = PostingRule(Role.SUSPENSE)

FEE_COMPONENTS = MappingProxyType(
    {
        "stripe_fee": ("fee", Role.FEES),
        "payment_method_passthrough_fee": ("passthrough_fee", Role.NETWORK_COSTS),
        "application_fee": ("application_fee", Role.APPLICATION_FEES),
        "tax": ("fee_tax", Role.FEE_TAX),
        "withheld_tax": ("withheld_tax", Role.WITHHELD_TAX),
    }
)
OTHER_FEE = ("other_fee", Role.SUSPENSE)
FEE_ROLES = MappingProxyType({Role.DISPUTES: {Role.FEES: Role.DISPUTE_FEES}})
"""Fees of what goes to an account that are not what they are elsewhere."""


INVOICED = (Role.FEES, Role.FEE_TAX, Role.NETWORK_COSTS, Role.DISPUTE_FEES)
"""What Stripe's monthly tax document charges; application fees are a platform's, withheld tax is a
state's."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """The facts of a balance transaction: `amount` gross, `fee` charged (negative when given
    back), `net` = amount - fee; `fee_details` are (type, amount) pairs."""

    id: str
    category: str
    amount: Money
    fee: Money
    net: Money
    fee_details: tuple[tuple[str, Money], ...]


class InconsistentTransactionError(ValueError):
    """The amounts of the transaction contradict each other."""


def is_disputed(category: str) -> bool:
    """Whether transactions of a reporting category move what is disputed."""
    return rule_of(category).account is Role.DISPUTES


def rule_of(category: str) -> PostingRule:
    """The rule of a reporting category; suspense for what the table does not know."""
    return RULES.get(category, SUSPENSE_RULE)


def is_suspense(transaction: Transaction) -> bool:
    """True when any line goes to suspense: a person must look at it."""
    unknown_fee = any(kind not in FEE_COMPONENTS for kind, _ in transaction.fee_details)
    return transaction.category not in RULES or unknown_fee


def _fees(transaction: Transaction) -> list[tuple[str, Role, Money]]:
    sums: dict[tuple[str, Role], Money] = {}
    roles = FEE_ROLES.get(rule_of(transaction.category).account, {})
    for kind, amount in transaction.fee_details:
        component, role = FEE_COMPONENTS.get(kind, OTHER_FEE)
        slot = component, roles.get(role, role)
        sums[slot] = sums.get(slot, Money(0, amount.currency)) + amount
    return [(component, role, amount) for (component, role), amount in sums.items()]


def post(transaction: Transaction) -> Journal:
    """The journal of a transaction: a gross line, and one line a fee component.

    Zero amounts make no line. Raises `InconsistentTransactionError` when net is not amount minus
    fee, or the fee details do not add up to the fee.
    """
    if transaction.amount - transaction.fee != transaction.net:
        raise InconsistentTransactionError(
            f"net {transaction.net} is not amount {transaction.amount} - fee {transaction.fee}"
        )
    fees = _fees(transaction)
    fee_sum = Money(0, transaction.fee.currency)
    for _, _, amount in fees:
        fee_sum = fee_sum + amount
    if fee_sum != transaction.fee:
        raise InconsistentTransactionError(
            f"fee details add up to {fee_sum}, the fee is {transaction.fee}"
        )
    rule = rule_of(transaction.category)
    lines = [Line("gross", rule.kind, rule.account, Role.CLEARING, -transaction.amount)]
    lines += [
        Line(component, JournalKind.GENERAL, role, Role.CLEARING, amount)
        for component, role, amount in fees
    ]
    return Journal(tuple(line for line in lines if line.amount), transaction.net)

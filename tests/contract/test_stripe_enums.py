"""Every category, type, kind of fee and balance of the pinned SDK becomes lines with named roles.

The enums are read from the SDK's types, so a version that adds a value fails here; the table states
what each becomes once more. https://docs.stripe.com/reports/reporting-categories
"""

import inspect
import re
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import stripe
from stripe.params.reporting import ReportRunCreateParamsParameters

from shared.domain.books import Books
from shared.domain.documents import AccountRole
from shared.domain.journal import Role
from shared.entities.balance_transaction.documents import build
from shared.entities.common.journal_lines import JournalLine
from shared.entities.common.objects import Context
from shared.entities.common.transaction import category_of
from tests.unit.entities.objects import BOOKS, Json, charge, dispute, old_txn, plain_txn, snapshot

ROLES: dict[Role, str] = {
    Role.CUSTOMER: "charge refund partial_capture_reversal charge_failure refund_failure",
    Role.UNAPPLIED_RECEIPTS: "unreconciled_customer_funds",
    Role.DISPUTES: "dispute dispute_reversal",
    Role.FEES: "fee",
    Role.FEE_TAX: "tax",
    Role.NETWORK_COSTS: "network_cost",
    Role.FEE_CREDITS: "fee_credit_funding",
    Role.TAX_FUNDS: "tax_fund",
    Role.PAYOUTS_IN_TRANSIT: "payout payout_reversal",
    Role.BANK: "topup topup_reversal inbound_transfer inbound_transfer_reversal",
    Role.CONNECT: "transfer transfer_reversal connect_collection_transfer",
    Role.PLATFORM_EARNINGS: "platform_earning platform_earning_refund",
    Role.RESERVES: (
        "risk_reserved_funds connect_reserved_funds reserve_hold reserve_release "
        "payout_minimum_balance_hold payout_minimum_balance_release "
        "payment_network_reserve_hold payment_network_reserve_release"
    ),
    Role.LOANS: (
        "advance advance_funding anticipation_repayment financing_payout "
        "financing_payout_reversal financing_paydown financing_paydown_reversal"
    ),
    Role.ISSUING: (
        "issuing_authorization_hold issuing_authorization_release issuing_transaction "
        "issuing_disbursement issuing_dispute issuing_dispute_fraud_liability_debit "
        "issuing_dispute_provisional_credit issuing_dispute_provisional_credit_reversal"
    ),
    Role.CONTRIBUTIONS: "contribution climate_order_purchase climate_order_refund",
    Role.BALANCE_PAYMENTS: "stripe_balance_payment_debit stripe_balance_payment_debit_reversal",
    Role.ADJUSTMENTS: "other_adjustment obligation",
}
ROLE_OF = {category: role for role, names in ROLES.items() for category in names.split()}
CATEGORY_OF = {  # types whose category has another name
    "payment": "charge",
    "payment_refund": "refund",
    "payment_failure_refund": "charge_failure",
    "payment_reversal": "charge_failure",
    "payment_unreconciled": "unreconciled_customer_funds",
    "stripe_fee": "fee",
    "stripe_fx_fee": "fee",
    "tax_fee": "tax",
    "payout_cancel": "payout_reversal",
    "payout_failure": "payout_reversal",
    "transfer_cancel": "transfer_reversal",
    "transfer_failure": "transfer_reversal",
    "transfer_refund": "transfer_reversal",
    "application_fee": "platform_earning",
    "application_fee_refund": "platform_earning_refund",
    "reserve_transaction": "connect_reserved_funds",
    "reserved_funds": "risk_reserved_funds",
    "obligation_outbound": "other_adjustment",
    "obligation_reversal_inbound": "other_adjustment",
}
FEES = {
    "stripe_fee": ("fee", Role.FEES),
    "payment_method_passthrough_fee": ("passthrough_fee", Role.NETWORK_COSTS),
    "application_fee": ("application_fee", Role.APPLICATION_FEES),
    "tax": ("fee_tax", Role.FEE_TAX),
    "withheld_tax": ("withheld_tax", Role.WITHHELD_TAX),
}
SOURCES = {"dispute": "du_1", "dispute_reversal": "du_1", "payout": "po_1"}


def _literals(shape: object) -> tuple[str, ...]:
    return tuple(
        value
        for part in (shape, *get_args(shape))
        for value in get_args(part)
        if isinstance(value, str)
    )


TRANSACTION = stripe.BalanceTransaction.__annotations__
CATEGORIES = _literals(get_type_hints(ReportRunCreateParamsParameters)["reporting_category"])
TYPES = _literals(TRANSACTION["type"])
BALANCES = _literals(TRANSACTION["balance_type"])
OTHER_BALANCES = tuple(name for name in BALANCES if name != "payments")


def _books() -> Books:
    raw = BOOKS.model_dump(mode="json")
    raw["currencies"]["usd"]["balances"] = {
        name: {"type": "Bank", "id": f"USD-{name}"} for name in OTHER_BALANCES
    }
    return Books.model_validate(raw)


CONTEXT = Context(_books())


def _lines(txn: Json) -> dict[str, JournalLine]:
    related = {"charge": charge()} | ({"dispute": dispute()} if txn["source"] == "du_1" else {})
    desired = build(snapshot(txn, related=related), CONTEXT)
    assert desired.parked is None
    lines = [each for each in desired.documents if isinstance(each, JournalLine)]
    assert len(lines) == len(desired.documents)
    assert sum(-line.amount.minor for line in lines) == txn["net"]
    assert all(line.offset.role is Role.CLEARING for line in lines)
    return {line.role: line for line in lines}


def test_the_enums_of_the_sdk_are_read() -> None:
    assert (len(CATEGORIES), len(TYPES), len(BALANCES)) == (37, 52, 4)
    source = Path(inspect.getfile(stripe.BalanceTransaction)).read_text(encoding="utf-8")
    told = re.findall(r"Type of the fee, one of: (.*)\.", source)
    assert sorted(re.findall(r"`(\w+)`", told[0])) == sorted(FEES)


@pytest.mark.parametrize("amount", [-1_000, 1_000])
@pytest.mark.parametrize("category", dict.fromkeys([*CATEGORIES, *ROLE_OF]))
def test_every_category_has_a_role_of_its_own_kind(category: str, amount: int) -> None:
    source = SOURCES.get(category, "ch_1")
    [gross] = _lines(plain_txn(amount, category, category, source)).values()
    assert (gross.role, gross.account.role) == ("gross", ROLE_OF[category])
    assert gross.amount.minor == -amount


@pytest.mark.parametrize("name", TYPES)
def test_every_type_leads_to_a_category_with_a_role(name: str) -> None:
    found = category_of(old_txn(type=name, source="txr_1"))
    if name == "adjustment":  # alone it tells nothing: a dispute, a failed refund, anything
        assert found not in ROLE_OF
        return
    assert found == CATEGORY_OF.get(name, name)
    assert found in ROLE_OF


@pytest.mark.parametrize("amount", [-30, 30])
@pytest.mark.parametrize("kind", FEES)
@pytest.mark.parametrize("category", ["charge", "refund", "dispute", "dispute_reversal", "payout"])
def test_every_kind_of_fee_has_a_line_of_its_own(category: str, kind: str, amount: int) -> None:
    component, role = FEES[kind]
    if kind == "stripe_fee" and category.startswith("dispute"):
        role = Role.DISPUTE_FEES
    source = SOURCES.get(category, "ch_1")
    txn = plain_txn(1_000, category, category, source) | {
        "fee": amount,
        "net": 1_000 - amount,
        "fee_details": [{"amount": amount, "currency": "usd", "type": kind}],
    }
    line = _lines(txn)[component]
    assert (line.account.role, line.amount.minor) == (role, amount)


@pytest.mark.parametrize("balance", BALANCES)
@pytest.mark.parametrize("category", dict.fromkeys([*CATEGORIES, *ROLE_OF]))
def test_every_balance_has_a_clearing_account_of_its_own(category: str, balance: str) -> None:
    source = SOURCES.get(category, "ch_1")
    txn = plain_txn(1_000, category, category, source, balance_type=balance)
    [gross] = _lines(txn).values()
    own = "" if balance == "payments" else balance
    assert gross.offset == AccountRole(Role.CLEARING, balance=own)


@pytest.mark.parametrize("changes", [{"type": "ocean_purchase"}, {"type": "adjustment"}])
def test_what_tomorrow_brings_goes_to_suspense_and_the_inbox(changes: dict[str, Any]) -> None:
    txn = plain_txn(1_000, "", "", None) | changes
    desired = build(snapshot(txn), CONTEXT)
    [gross] = desired.documents
    assert isinstance(gross, JournalLine)
    assert gross.account.role is Role.SUSPENSE
    assert desired.parked is not None
    assert desired.parked.cause == "unsupported_category"

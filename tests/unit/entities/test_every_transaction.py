"""Every category, type, kind of fee and balance that Stripe names: entries, signs, roles, sums."""

import typing
from dataclasses import replace
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
import stripe

from shared.domain.books import Books
from shared.domain.journal import Role
from shared.domain.posting import FEE_COMPONENTS, FEE_ROLES, INVOICED, OTHER_FEE, RULES, rule_of
from shared.entities.balance_transaction.documents import build
from shared.entities.common.journal_lines import CustomerPaymentLine, JournalLine
from shared.entities.common.objects import Context
from shared.entities.common.transaction import category_of
from shared.mapping.finance import render
from shared.policy import Policy
from tests.golden.test_golden import TARGET
from tests.unit.entities.objects import BOOKS, Json, charge, refund, snapshot, txn


def literals(field: str) -> list[str]:
    """The values that the SDK names for a field of a balance transaction."""
    hint = stripe.BalanceTransaction.__annotations__[field]
    values = [typing.get_args(part) for part in typing.get_args(hint)]
    return [str(value) for found in values for value in found]


TYPES, BALANCES = literals("type"), literals("balance_type")
# What Stripe sends besides: categories and fees of next year.
CATEGORIES = [*RULES, "ocean_order_purchase"]
FEES = [*FEE_COMPONENTS, "moon_fee"]
OTHER_BALANCES = [name for name in BALANCES if name != "payments"]
# The categories of types whose category has another name, by Stripe's page on reporting categories.
# https://docs.stripe.com/reports/reporting-categories
OF_TYPE = {
    "application_fee": "platform_earning",
    "application_fee_refund": "platform_earning_refund",
    "obligation_outbound": "other_adjustment",
    "obligation_reversal_inbound": "other_adjustment",
    "payment": "charge",
    "payment_failure_refund": "charge_failure",
    "payment_refund": "refund",
    "payment_reversal": "charge_failure",
    "payment_unreconciled": "unreconciled_customer_funds",
    "payout_cancel": "payout_reversal",
    "payout_failure": "payout_reversal",
    "reserve_transaction": "connect_reserved_funds",
    "reserved_funds": "risk_reserved_funds",
    "stripe_fee": "fee",
    "stripe_fx_fee": "fee",
    "tax_fee": "tax",
    "transfer_cancel": "transfer_reversal",
    "transfer_failure": "transfer_reversal",
    "transfer_refund": "transfer_reversal",
}


def _books() -> Books:
    raw = BOOKS.model_dump(mode="json")
    raw["currencies"]["usd"]["balances"] = {
        name: {"type": "Bank", "id": f"CLEARING-{name}"} for name in OTHER_BALANCES
    }
    return Books.model_validate(raw)


BOOKED = _books()
CLEARING = {"payments": "CLEARING-USD"} | {name: f"CLEARING-{name}" for name in OTHER_BALANCES}


def transaction(amount: int, category: str, fees: dict[str, int], balance: str) -> Json:
    total = sum(fees.values())
    details = [
        {"amount": minor, "application": None, "currency": "usd", "type": kind}
        for kind, minor in fees.items()
    ]
    return txn(
        amount=amount,
        fee=total,
        fee_details=details,
        net=amount - total,
        reporting_category=category,
        balance_type=balance,
        source=None,
    )


def lines_of(object: Json, fees: str = "journal") -> list[JournalLine]:
    context = Context(BOOKED, policy=Policy.model_validate({"fees": fees}))
    related = {"charge": charge(), "refund": refund()}
    found = build(snapshot(object, related=related), context).documents
    return [each for each in found if isinstance(each, JournalLine)]


def effects(line: JournalLine) -> dict[str, Decimal]:
    """What a line does to each account in Dynamics, debits positive, in major units."""
    fields: dict[str, Any] = dict(render(line, replace(TARGET, books=BOOKED), {}).fields)
    debit = Decimal(fields.get("DebitAmount", 0)) - Decimal(fields.get("CreditAmount", 0))
    return {fields["AccountDisplayValue"]: debit, fields["OffsetAccountDisplayValue"]: -debit}


def shown(role: Role) -> str:
    """The account of a role in the books, as Dynamics displays it."""
    return {Role.CUSTOMER: "US-001", Role.BANK: "BANK-USD"}.get(role, f"US-{role.value}")


@pytest.mark.parametrize("category", CATEGORIES)
def test_entries_of_a_category_with_every_fee_balance_and_sign(category: str) -> None:
    gross_role = rule_of(category).account
    ways = [*product(BALANCES, ["journal"]), ("payments", "vendor_invoice")]
    for (sign, given), kind, (balance, policy) in product([(1, 130), (-1, -30)], FEES, ways):
        object = transaction(sign * 10_000, category, {kind: given}, balance)
        gross, fee = lines_of(object, policy)
        component, fee_role = FEE_COMPONENTS.get(kind, OTHER_FEE)
        fee_role = FEE_ROLES.get(gross_role, {}).get(fee_role, fee_role)
        wanted = [_accrued(role, policy) for role in (gross_role, fee_role)]
        assert [line.role for line in (gross, fee)] == ["gross", component]
        clearing, amounts = CLEARING[balance], (Decimal(-100 * sign), Decimal(given) / 100)
        found = [effects(line) for line in (gross, fee)]
        assert found == [
            {shown(role): amount, clearing: -amount}
            for role, amount in zip(wanted, amounts, strict=True)
        ]
        assert sum(each[clearing] for each in found) == Decimal(object["net"]) / 100
        is_payment = category in ("charge", "refund")
        assert isinstance(gross, CustomerPaymentLine) is is_payment
        assert not isinstance(fee, CustomerPaymentLine)


def _accrued(role: Role, policy: str) -> Role:
    return Role.FEES_ACCRUED if policy == "vendor_invoice" and role in INVOICED else role


@pytest.mark.parametrize("kind", TYPES)
def test_a_type_without_category_is_booked_by_the_category_that_it_has(kind: str) -> None:
    object = transaction(10_000, "", {}, "payments") | {"type": kind}
    category = OF_TYPE.get(kind, kind)
    assert category_of(object) == category
    [gross] = lines_of(object)
    role = Role.SUSPENSE if kind == "adjustment" else RULES[category].account
    assert effects(gross) == {shown(role): Decimal(-100), "CLEARING-USD": Decimal(100)}


def test_all_kinds_of_fees_together_are_a_line_each_and_add_up_to_the_net() -> None:
    fees = {kind: 7 + place for place, kind in enumerate(FEES)}
    object = transaction(10_000, "charge", fees, "payments")
    lines = lines_of(object)
    assert len(lines) == 1 + len(FEES)
    assert sum(effects(line)["CLEARING-USD"] for line in lines) * 100 == object["net"]


def test_the_sdk_names_types_and_balances() -> None:
    assert {"charge", "adjustment", "transfer_refund"} <= {*TYPES}
    assert {"payments", "issuing"} <= {*BALANCES}
    assert {*OF_TYPE} <= {*TYPES}

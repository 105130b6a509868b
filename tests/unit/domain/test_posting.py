from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.journal import JournalKind, Role, effect_on
from shared.domain.money import CurrencyMismatchError, Money
from shared.domain.posting import (
    FEE_COMPONENTS,
    RULES,
    InconsistentTransactionError,
    Transaction,
    is_suspense,
    post,
    rule_of,
)

PAYMENT, GENERAL = JournalKind.CUSTOMER_PAYMENT, JournalKind.GENERAL
# Written out once more, on purpose: the table must not change by accident.
EXPECTED = {
    "charge": (Role.CUSTOMER, PAYMENT),
    "refund": (Role.CUSTOMER, PAYMENT),
    "partial_capture_reversal": (Role.CUSTOMER, GENERAL),
    "charge_failure": (Role.CUSTOMER, GENERAL),
    "refund_failure": (Role.CUSTOMER, GENERAL),
    "dispute": (Role.DISPUTES, GENERAL),
    "dispute_reversal": (Role.DISPUTES, GENERAL),
    "fee": (Role.FEES, GENERAL),
    "tax": (Role.FEE_TAX, GENERAL),
    "network_cost": (Role.NETWORK_COSTS, GENERAL),
    "payout": (Role.PAYOUTS_IN_TRANSIT, GENERAL),
    "payout_reversal": (Role.PAYOUTS_IN_TRANSIT, GENERAL),
    "transfer": (Role.CONNECT, GENERAL),
    "transfer_reversal": (Role.CONNECT, GENERAL),
    "platform_earning": (Role.PLATFORM_EARNINGS, GENERAL),
    "platform_earning_refund": (Role.PLATFORM_EARNINGS, GENERAL),
    "connect_collection_transfer": (Role.CONNECT, GENERAL),
    "risk_reserved_funds": (Role.RESERVES, GENERAL),
    "connect_reserved_funds": (Role.RESERVES, GENERAL),
    "payout_minimum_balance_hold": (Role.RESERVES, GENERAL),
    "payout_minimum_balance_release": (Role.RESERVES, GENERAL),
    "payment_network_reserve_hold": (Role.RESERVES, GENERAL),
    "payment_network_reserve_release": (Role.RESERVES, GENERAL),
    "reserve_hold": (Role.RESERVES, GENERAL),
    "reserve_release": (Role.RESERVES, GENERAL),
    "topup": (Role.BANK, GENERAL),
    "topup_reversal": (Role.BANK, GENERAL),
    "inbound_transfer": (Role.BANK, GENERAL),
    "inbound_transfer_reversal": (Role.BANK, GENERAL),
    "advance": (Role.LOANS, GENERAL),
    "advance_funding": (Role.LOANS, GENERAL),
    "anticipation_repayment": (Role.LOANS, GENERAL),
    "financing_payout": (Role.LOANS, GENERAL),
    "financing_payout_reversal": (Role.LOANS, GENERAL),
    "financing_paydown": (Role.LOANS, GENERAL),
    "financing_paydown_reversal": (Role.LOANS, GENERAL),
    "issuing_authorization_hold": (Role.ISSUING, GENERAL),
    "issuing_authorization_release": (Role.ISSUING, GENERAL),
    "issuing_transaction": (Role.ISSUING, GENERAL),
    "issuing_disbursement": (Role.ISSUING, GENERAL),
    "issuing_dispute": (Role.ISSUING, GENERAL),
    "issuing_dispute_fraud_liability_debit": (Role.ISSUING, GENERAL),
    "issuing_dispute_provisional_credit": (Role.ISSUING, GENERAL),
    "issuing_dispute_provisional_credit_reversal": (Role.ISSUING, GENERAL),
    "contribution": (Role.CONTRIBUTIONS, GENERAL),
    "climate_order_purchase": (Role.CONTRIBUTIONS, GENERAL),
    "climate_order_refund": (Role.CONTRIBUTIONS, GENERAL),
    "unreconciled_customer_funds": (Role.UNAPPLIED_RECEIPTS, GENERAL),
    "fee_credit_funding": (Role.FEE_CREDITS, GENERAL),
    "tax_fund": (Role.TAX_FUNDS, GENERAL),
    "stripe_balance_payment_debit": (Role.BALANCE_PAYMENTS, GENERAL),
    "stripe_balance_payment_debit_reversal": (Role.BALANCE_PAYMENTS, GENERAL),
    "other_adjustment": (Role.ADJUSTMENTS, GENERAL),
    "obligation": (Role.ADJUSTMENTS, GENERAL),
}
OTHERS = ("", "Charge", "adjustment", "ocean_order_purchase", "something_new")


def usd(minor: int) -> Money:
    return Money(minor, "usd")


def transaction(
    category: str, amount: int, *details: tuple[str, int], currency: str = "usd"
) -> Transaction:
    fee = sum(minor for _, minor in details)
    return Transaction(
        "txn_1",
        category,
        Money(amount, currency),
        Money(fee, currency),
        Money(amount - fee, currency),
        tuple((kind, Money(minor, currency)) for kind, minor in details),
    )


def test_the_table_names_exactly_these_categories() -> None:
    assert sorted(RULES) == sorted(EXPECTED)


@pytest.mark.parametrize("category", EXPECTED)
def test_the_gross_line_of_each_category(category: str) -> None:
    account, kind = EXPECTED[category]
    (gross,) = post(transaction(category, 1000)).lines
    assert (gross.component, gross.kind, gross.account, gross.offset) == (
        "gross",
        kind,
        account,
        Role.CLEARING,
    )
    assert gross.amount == usd(-1000)
    assert gross.effect(Role.CLEARING) == usd(1000)
    assert not is_suspense(transaction(category, 1000))


@pytest.mark.parametrize("category", OTHERS)
def test_what_the_table_does_not_know_is_booked_on_suspense(category: str) -> None:
    found = transaction(category, -700)
    (gross,) = post(found).lines
    assert gross.account is Role.SUSPENSE
    assert gross.effect(Role.CLEARING) == usd(-700)
    assert is_suspense(found)
    assert rule_of(category).account is Role.SUSPENSE


def test_a_charge_credits_the_customer_and_each_fee_has_its_line() -> None:
    journal = post(transaction("charge", 5000, ("stripe_fee", 175), ("tax", 28)))
    lines = {line.component: (line.account, line.amount.minor) for line in journal.lines}
    assert lines == {
        "gross": (Role.CUSTOMER, -5000),
        "fee": (Role.FEES, 175),
        "fee_tax": (Role.FEE_TAX, 28),
    }
    assert journal.clearing == usd(4797)


@pytest.mark.parametrize(
    ("kind", "component", "role"),
    [
        ("stripe_fee", "fee", Role.FEES),
        ("payment_method_passthrough_fee", "passthrough_fee", Role.NETWORK_COSTS),
        ("application_fee", "application_fee", Role.APPLICATION_FEES),
        ("tax", "fee_tax", Role.FEE_TAX),
        ("withheld_tax", "withheld_tax", Role.WITHHELD_TAX),
    ],
)
def test_every_fee_type_has_its_account(kind: str, component: str, role: Role) -> None:
    _, fee = post(transaction("charge", 1000, (kind, 10))).lines
    assert (fee.component, fee.account, fee.offset) == (component, role, Role.CLEARING)
    assert not is_suspense(transaction("charge", 1000, (kind, 10)))


@pytest.mark.parametrize(("category", "amount"), [("dispute", -1), ("dispute_reversal", 1)])
def test_the_fee_of_a_dispute_has_an_account_of_its_own(category: str, amount: int) -> None:
    found = transaction(category, amount * 5000, ("stripe_fee", -amount * 1500), ("tax", 285))
    _, fee, tax = post(found).lines
    assert (fee.component, fee.account) == ("fee", Role.DISPUTE_FEES)
    assert (tax.component, tax.account) == ("fee_tax", Role.FEE_TAX)


@pytest.mark.parametrize("kind", ["", "new_fee", "Stripe_fee"])
def test_an_unknown_fee_type_goes_to_suspense(kind: str) -> None:
    found = transaction("charge", 1000, ("stripe_fee", 30), (kind, 10))
    lines = {line.component: line for line in post(found).lines}
    assert lines["other_fee"].account is Role.SUSPENSE
    assert lines["other_fee"].amount == usd(10)
    assert is_suspense(found)


def test_a_fee_that_is_given_back_credits_its_account() -> None:
    journal = post(transaction("refund", -1000, ("stripe_fee", -30)))
    gross, fee = journal.lines
    assert gross.amount == usd(1000)
    assert fee.amount == usd(-30)
    assert journal.clearing == usd(-970)


def test_several_details_of_one_type_make_one_line() -> None:
    journal = post(
        transaction("charge", 9000, ("stripe_fee", 100), ("tax", 7), ("stripe_fee", 23), ("x", 2))
    )
    found = {line.component: line.amount.minor for line in journal.lines}
    assert found == {"gross": -9000, "fee": 123, "fee_tax": 7, "other_fee": 2}


def test_details_that_cancel_each_other_make_no_line() -> None:
    journal = post(transaction("charge", 900, ("stripe_fee", 50), ("stripe_fee", -50)))
    assert [line.component for line in journal.lines] == ["gross"]


def test_zero_amounts_make_no_line() -> None:
    assert post(transaction("charge", 0)).lines == ()
    assert [line.component for line in post(transaction("fee", 0, ("tax", 5))).lines] == ["fee_tax"]


def test_a_net_that_is_not_amount_minus_fee_is_refused() -> None:
    with pytest.raises(InconsistentTransactionError, match=r"net USD .* is not amount"):
        post(Transaction("txn_1", "charge", usd(1000), usd(0), usd(999), ()))


@pytest.mark.parametrize("details", [(), (("stripe_fee", 58),), (("stripe_fee", 59), ("tax", 1))])
def test_fee_details_that_do_not_add_up_are_refused(details: tuple[tuple[str, int], ...]) -> None:
    pairs = tuple((kind, usd(minor)) for kind, minor in details)
    with pytest.raises(InconsistentTransactionError, match="fee details add up to"):
        post(Transaction("txn_1", "charge", usd(1000), usd(59), usd(941), pairs))


def test_a_fee_detail_in_another_currency_is_refused() -> None:
    pairs = (("stripe_fee", Money(59, "eur")),)
    with pytest.raises(CurrencyMismatchError):
        post(Transaction("txn_1", "charge", usd(1000), usd(59), usd(941), pairs))


DETAILS = st.lists(
    st.tuples(st.sampled_from([*FEE_COMPONENTS, "unheard_of", ""]), st.integers(-(10**9), 10**9)),
    max_size=8,
)


@given(st.sampled_from([*RULES, "something_new"]), st.integers(-(10**12), 10**12), DETAILS)
def test_the_lines_move_clearing_by_the_net_and_any_prefix_balances(
    category: str, amount: int, details: list[tuple[str, int]]
) -> None:
    found = transaction(category, amount, *details)
    journal = post(found)
    assert journal.clearing == found.net
    assert effect_on(Role.CLEARING, journal.lines, "usd") == found.net
    assert all(line.amount and line.offset is Role.CLEARING for line in journal.lines)
    for role_sums in (
        [effect_on(role, journal.lines[:end], "usd").minor for role in Role]
        for end in range(len(journal.lines) + 1)
    ):
        assert sum(role_sums) == 0
    steps = list(accumulate(line.effect(Role.CLEARING).minor for line in journal.lines))
    assert (steps[-1] if steps else 0) == found.net.minor

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from shared.domain.documents import AccountRole, facts_of, has_same_facts
from shared.domain.journal import JournalKind, Role
from shared.domain.money import Money
from shared.domain.records import Ref
from shared.entities.balance_transaction.documents import build
from shared.entities.common.journal_lines import (
    CustomerPaymentLine,
    GeneralLine,
    JournalLine,
    PaymentMethod,
)
from shared.entities.common.objects import Context, Desired, Enqueue, Listed
from shared.entities.common.transaction import category_of
from shared.errors import Parked
from tests.unit.entities.objects import (
    BOOKS,
    CONTEXT,
    CREATED,
    Json,
    charge,
    closed_through,
    old_charge,
    old_txn,
    payout,
    plain_txn,
    refund,
    snapshot,
    txn,
)

REMEDY_CHARS_MIN = 20


CUSTOMER = AccountRole(Role.CUSTOMER, "cus_1")


def documents(object: Json, **related: Json) -> tuple[JournalLine, ...]:
    return lines_of(build(snapshot(object, related=related), CONTEXT))


def lines_of(desired: Desired) -> tuple[JournalLine, ...]:
    found = tuple(each for each in desired.documents if isinstance(each, JournalLine))
    assert len(found) == len(desired.documents)
    return found


def parked(object: Json, context: Context = CONTEXT, **related: Json) -> Parked:
    with pytest.raises(Parked) as caught:
        build(snapshot(object, related=related), context)
    assert len(caught.value.remedy) >= REMEDY_CHARS_MIN
    return caught.value


def test_a_charge_becomes_a_payment_line_and_a_fee_line() -> None:
    gross, fee = documents(txn(), charge=charge())
    assert (type(gross), gross.key) == (CustomerPaymentLine, "txn_1:gross")
    assert gross.journal is JournalKind.CUSTOMER_PAYMENT
    assert facts_of(gross) == {
        "amount": Money(-5000, "usd"),
        "date": date(2026, 11, 1),
        "account": CUSTOMER,
        "offset": AccountRole(Role.CLEARING),
        "marked_invoice": "",
        "invoice": "",
        "exchange_rate": Decimal(0),
        "customer": None,
        "reverses": "",
    }
    assert (type(fee), fee.key) == (GeneralLine, "txn_1:fee")
    assert fee.journal is JournalKind.GENERAL
    assert (fee.account, fee.amount.minor) == (AccountRole(Role.FEES), 175)
    assert (gross.company, gross.accounting_date) == ("usmf", gross.date)


def test_the_customer_is_needed_in_the_owner_company_first() -> None:
    desired = build(snapshot(txn(), related={"charge": charge()}), CONTEXT)
    assert desired.masters == (Ref("customer", "cus_1", "usmf"),)
    assert desired.parked is None


@pytest.mark.parametrize("customer", [None, "", {"id": None}, {"deleted": True}, 7])
def test_a_charge_without_customer_needs_no_master(customer: Any) -> None:
    desired = build(snapshot(txn(), related={"charge": charge(customer=customer)}), CONTEXT)
    assert desired.masters == ()
    assert lines_of(desired)[0].account == AccountRole(Role.CUSTOMER)


def test_an_expanded_customer_is_read_like_its_id() -> None:
    found = charge(customer={"id": "cus_1", "object": "customer", "name": "Ada"})
    assert documents(txn(), charge=found) == documents(txn(), charge=charge())


def test_an_expanded_source_is_read_like_its_id() -> None:
    expanded = txn(source=charge())
    assert documents(expanded, charge=charge()) == documents(txn(), charge=charge())


def test_a_refund_books_the_opposite_on_the_charges_customer() -> None:
    found = plain_txn(-1000, "refund", "refund", "re_1", id="txn_re")
    (gross,) = documents(found, refund=refund(), charge=charge())
    assert (gross.amount.minor, gross.account) == (1000, CUSTOMER)
    assert isinstance(gross, CustomerPaymentLine)
    assert gross.source == "re_1"


def test_how_the_customer_paid_is_handed_to_the_spelling() -> None:
    gross, _ = documents(txn(), charge=charge())
    assert gross.payment_method == PaymentMethod("card", "visa", "credit", "apple_pay")


@pytest.mark.parametrize(
    "details", [None, {}, {"type": "card"}, {"type": "card", "card": None}, [], "card", 7]
)
def test_a_charge_without_readable_details_is_booked_all_the_same(details: Any) -> None:
    gross, _ = documents(txn(), charge=charge(payment_method_details=details))
    assert gross.amount.minor == -5000


def test_the_facts_do_not_depend_on_how_the_customer_paid() -> None:
    one, _ = documents(txn(), charge=charge())
    other, _ = documents(txn(), charge=charge(payment_method_details=None))
    assert has_same_facts(one, other)


def test_a_transaction_of_2017_is_booked_by_its_type() -> None:
    gross, _ = documents(old_txn(), charge=old_charge())
    assert isinstance(gross, CustomerPaymentLine)
    assert gross.date == date(2017, 6, 1)
    assert gross.account == AccountRole(Role.CUSTOMER, "cus_old")


@pytest.mark.parametrize(
    ("changes", "category"),
    [
        ({"type": "charge"}, "charge"),
        ({"type": "payment", "source": "py_1"}, "charge"),
        ({"type": "refund", "source": "re_1"}, "refund"),
        ({"type": "payment_refund", "source": "pyr_1"}, "refund"),
        ({"type": "payment_failure_refund"}, "charge_failure"),
        ({"type": "adjustment", "source": "dp_1", "amount": -5000}, "dispute"),
        ({"type": "adjustment", "source": "du_1", "amount": 5000}, "dispute_reversal"),
        ({"type": "adjustment", "source": {"id": "dp_1"}, "amount": -1}, "dispute"),
        ({"type": "adjustment", "source": None}, "adjustment"),
        ({"type": "stripe_fee", "source": None}, "fee"),
        ({"type": "payout", "source": "po_1"}, "payout"),
        ({"type": "payout_failure", "source": "po_1"}, "payout_reversal"),
        ({"type": "payout_cancel", "source": "po_1"}, "payout_reversal"),
        ({"type": "topup"}, "topup"),
        ({"type": ""}, "unknown"),
        ({"type": None}, "unknown"),
        ({"type": 7}, "unknown"),
    ],
)
def test_the_category_of_objects_without_one(changes: Json, category: str) -> None:
    assert category_of(old_txn(**changes)) == category


def test_a_category_that_stripe_gives_wins_over_the_type() -> None:
    assert category_of(txn(type="refund", reporting_category="partial_capture_reversal")) == (
        "partial_capture_reversal"
    )


def test_an_unknown_category_is_booked_on_suspense_and_parked() -> None:
    found = plain_txn(-250, "ocean_purchase", "ocean_purchase", "oc_1", id="txn_t")
    desired = build(snapshot(found), CONTEXT)
    (gross,) = lines_of(desired)
    assert gross.account == AccountRole(Role.SUSPENSE)
    assert desired.parked is not None
    assert desired.parked.cause == "unsupported_category"
    assert "ocean_purchase" in str(desired.parked)
    assert "USD -2.50" in str(desired.parked)


def test_an_unknown_fee_type_is_booked_on_suspense_and_parked() -> None:
    details = [{"amount": 175, "currency": "usd", "type": "moon_fee"}]
    desired = build(snapshot(txn(fee_details=details), related={"charge": charge()}), CONTEXT)
    assert [document.role for document in desired.documents] == ["gross", "other_fee"]
    assert desired.parked is not None
    assert "an unknown fee type" in str(desired.parked)


@pytest.mark.parametrize(("source", "whose"), [({"customer": "cus_1"}, "cus_1"), (None, None)])
def test_unreconciled_funds_are_an_unapplied_receipt_of_their_customer(
    source: Json | None, whose: str | None
) -> None:
    kind = "unreconciled_customer_funds"
    found = plain_txn(700, kind, "payment_unreconciled", None) | {"source": source}
    desired = build(snapshot(found), CONTEXT)
    [gross] = lines_of(desired)
    assert gross.account == AccountRole(Role.UNAPPLIED_RECEIPTS)
    assert gross.customer == whose
    assert desired.listed == Listed("unapplied", "usmf", "", 700, "usd")


def test_the_day_is_that_of_the_cut_off_time_zone() -> None:
    late = txn(created=CREATED - 3_600)  # 23:00 UTC of October 31st
    utc = build(snapshot(late, related={"charge": charge()}), CONTEXT)
    berlin = build(
        snapshot(late, related={"charge": charge()}), Context(BOOKS, time_zone="Europe/Berlin")
    )
    assert lines_of(utc)[0].date == date(2026, 10, 31)
    assert lines_of(berlin)[0].date == date(2026, 11, 1)
    assert (utc.documents[0].accounting_date, berlin.documents[0].accounting_date) == (
        date(2026, 10, 31),
        date(2026, 11, 1),
    )


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"currency": "gbp", "fee": 0, "net": 5000, "fee_details": []}, "currency_not_configured"),
        ({"currency": "dollar"}, "unreadable_object"),
        ({"currency": None}, "unreadable_object"),
        ({"balance_type": "issuing"}, "balance_not_configured"),
        ({"balance_type": "risk_reserved"}, "balance_not_configured"),
        ({"net": 4824}, "inconsistent_transaction"),
        ({"fee_details": []}, "inconsistent_transaction"),
        ({"fee_details": None}, "inconsistent_transaction"),
        ({"fee_details": 7}, "unreadable_object"),
        ({"fee_details": {"amount": 175}}, "unreadable_object"),
        ({"fee_details": ["fee_1"]}, "unreadable_object"),
        ({"fee_details": [{"amount": "175", "type": "stripe_fee"}]}, "unreadable_object"),
        (
            {"fee_details": [{"amount": 175, "currency": "eur", "type": "stripe_fee"}]},
            "inconsistent_transaction",
        ),
        ({"amount": None}, "unreadable_object"),
        ({"amount": 50.0}, "unreadable_object"),
        ({"amount": True}, "unreadable_object"),
        ({"fee": "175"}, "unreadable_object"),
        ({"net": None}, "unreadable_object"),
        ({"created": None}, "unreadable_object"),
        ({"created": "2026-11-01"}, "unreadable_object"),
        ({"created": 10**30}, "unreadable_object"),
        ({"created": -(10**13)}, "unreadable_object"),
        ({"exchange_rate": 1.08}, "settled_in_other_currency"),
    ],
)
def test_what_cannot_be_booked_parks_with_its_cause(changes: Json, cause: str) -> None:
    assert parked(txn(**changes), charge=charge()).cause == cause


def test_a_charge_settled_in_another_currency_parks() -> None:
    error = parked(txn(), charge=charge(currency="eur"))
    assert error.cause == "settled_in_other_currency"
    assert "EUR" in str(error)
    assert "USD" in str(error)


def test_a_refund_settled_in_another_currency_parks() -> None:
    found = plain_txn(-1000, "refund", "refund", "re_1", id="txn_re")
    error = parked(found, refund=refund(currency="eur"), charge=charge())
    assert error.cause == "settled_in_other_currency"


def test_a_payout_with_an_exchange_rate_has_no_customer_line_and_is_booked() -> None:
    found = plain_txn(-1000, "payout", "payout", "po_1", exchange_rate=1.1)
    assert [document.role for document in documents(found)] == ["gross"]


def test_a_line_of_a_closed_period_parks() -> None:
    error = parked(txn(), closed_through("2026-11-01"), charge=charge())
    assert error.cause == "period_closed"
    assert "2026-11-01" in str(error)


def test_a_line_of_the_first_open_day_is_booked() -> None:
    context = closed_through("2026-10-31")
    assert build(snapshot(txn(), related={"charge": charge()}), context).documents


def test_upper_case_currencies_are_read() -> None:
    gross, _ = documents(txn(currency="USD"), charge=charge(currency="USD"))
    assert gross.amount.currency == "usd"


def test_a_transaction_of_nothing_makes_no_lines() -> None:
    assert documents(plain_txn(0, "charge", "charge", "ch_1"), charge=charge()) == ()


def test_the_transaction_of_a_payout_hands_its_payout_on() -> None:
    found = plain_txn(-12345, "payout", "payout", None) | {"source": payout(status="in_transit")}
    desired = build(snapshot(found), CONTEXT)
    assert desired.enqueue == (Enqueue(Ref("payout", "po_1"), "po_1"),)


def test_the_transaction_of_a_failure_hands_its_payout_on_although_that_is_complete() -> None:
    found = plain_txn(12345, "payout_reversal", "payout_failure", None)
    desired = build(snapshot(found | {"source": payout(status="failed")}), CONTEXT)
    assert desired.enqueue == (Enqueue(Ref("payout", "po_1"), "po_1-failed", even_if_settled=True),)

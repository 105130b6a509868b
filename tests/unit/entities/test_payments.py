from typing import Any

import pytest

from shared.domain.records import Ref
from shared.entities.charge import CHARGE
from shared.entities.dispute import DISPUTE
from shared.entities.refund import REFUND
from shared.errors import Skipped, Waiting
from tests.unit.entities.objects import (
    CONTEXT,
    Json,
    charge,
    dispute,
    old_charge,
    refund,
    snapshot,
    txn,
)


def money(*ids: str) -> tuple[Ref, ...]:
    return tuple(Ref("balance_transaction", id) for id in ids)


def of(object: Json) -> tuple[Ref, ...]:
    build = {entity.name: entity.making().build for entity in (CHARGE, REFUND, DISPUTE)}
    desired = build[object["object"]](snapshot(object), CONTEXT)
    assert desired.documents == ()
    return tuple(each.ref for each in desired.enqueue if not each.even_if_settled)


def waits(object: Json) -> None:
    with pytest.raises(Waiting) as caught:
        of(object)
    assert caught.value.reason == "transaction_not_made"
    assert object["id"] in str(caught.value)


def skipped(object: Json) -> str:
    with pytest.raises(Skipped) as caught:
        of(object)
    return caught.value.reason


def test_a_charge_leads_to_its_transaction() -> None:
    assert of(charge()) == money("txn_1")


def test_an_expanded_transaction_is_read_like_its_id() -> None:
    assert of(charge(balance_transaction=txn())) == money("txn_1")


@pytest.mark.parametrize("missing", [None, "", {}, 7, {"id": None}])
def test_a_charge_whose_capture_is_not_finished_waits(missing: Any) -> None:
    waits(charge(balance_transaction=missing))


def test_a_pending_bank_debit_waits() -> None:
    waits(charge(status="pending", paid=True, balance_transaction=None))


def test_a_charge_that_failed_is_skipped() -> None:
    failed = charge(status="failed", paid=False, captured=False, balance_transaction=None)
    assert skipped(failed) == "charge_failed"


def test_a_charge_that_is_only_authorised_is_skipped() -> None:
    assert skipped(charge(captured=False, balance_transaction=None)) == "charge_not_captured"


def test_a_charge_that_failed_after_success_leads_to_both_transactions() -> None:
    failed = charge(status="failed", paid=False, failure_balance_transaction="txn_f")
    assert of(failed) == money("txn_1", "txn_f")


def test_a_failed_charge_with_a_failure_transaction_alone_leads_to_it() -> None:
    failed = charge(
        status="failed", paid=False, balance_transaction=None, failure_balance_transaction="txn_f"
    )
    assert of(failed) == money("txn_f")


def test_a_charge_of_2017_leads_to_the_transactions_of_its_refunds_too() -> None:
    refunds = {
        "object": "list",
        "has_more": False,
        "data": [
            refund(id="re_2", balance_transaction="txn_2"),
            refund(id="re_3", balance_transaction=None),
            refund(
                id="re_4", balance_transaction="txn_4", failure_balance_transaction={"id": "txn_5"}
            ),
        ],
    }
    assert of(old_charge(refunds=refunds)) == money("txn_old", "txn_2", "txn_4", "txn_5")


def test_a_charge_of_the_oldest_versions_lists_its_refunds_plainly() -> None:
    assert of(old_charge(refunds=[refund()])) == money("txn_old", "txn_re")


def test_a_charge_of_2017_without_refunds_is_read() -> None:
    assert of(old_charge()) == money("txn_old")


def test_old_charges_with_status_paid_are_read() -> None:
    assert of(old_charge(status="paid")) == money("txn_old")


@pytest.mark.parametrize(
    "refunds", [None, [], {}, {"data": None}, {"data": 7}, 7, True, "re_1", ["re_1", None]]
)
def test_refunds_of_another_kind_lead_nowhere(refunds: Any) -> None:
    assert of(charge(refunds=refunds)) == money("txn_1")


@pytest.mark.parametrize("value", ["du_1", {"id": "du_1", "object": "dispute"}])
def test_a_disputed_charge_leads_to_its_dispute(value: Any) -> None:
    assert of(charge(dispute=value)) == (*money("txn_1"), Ref("dispute", "du_1"))


def test_the_same_transaction_is_named_once() -> None:
    assert of(old_charge(refunds=[refund(balance_transaction="txn_old")])) == money("txn_old")


def test_a_refund_leads_to_its_transaction() -> None:
    assert of(refund()) == money("txn_re")


def test_a_refund_that_failed_leads_to_both_of_its_transactions() -> None:
    assert of(refund(status="failed", failure_balance_transaction="txn_back")) == money(
        "txn_re", "txn_back"
    )


@pytest.mark.parametrize("status", ["failed", "canceled"])
def test_a_refund_that_moved_nothing_is_skipped(status: str) -> None:
    assert skipped(refund(status=status, balance_transaction=None)) == "refund_moved_no_money"


@pytest.mark.parametrize("status", ["pending", "requires_action", "succeeded", None])
def test_a_refund_without_transaction_waits(status: str | None) -> None:
    waits(refund(status=status, balance_transaction=None))


def test_a_dispute_leads_to_its_transactions_in_order() -> None:
    found = dispute(balance_transactions=[txn(id="txn_out"), txn(id="txn_in")])
    assert of(found) == money("txn_out", "txn_in")


def test_an_old_dispute_has_one_transaction() -> None:
    found = dispute(balance_transaction="txn_out")
    del found["balance_transactions"]
    assert of(found) == money("txn_out")


@pytest.mark.parametrize("status", ["warning_closed", "prevented"])
def test_an_inquiry_that_is_over_is_skipped(status: str) -> None:
    assert skipped(dispute(status=status)) == "inquiry_moved_no_money"


@pytest.mark.parametrize("status", ["warning_needs_response", "warning_under_review"])
def test_an_open_inquiry_waits(status: str) -> None:
    desired = DISPUTE.making().build(snapshot(dispute(status=status)), CONTEXT)
    assert desired.waiting is not None
    assert desired.waiting.reason == "dispute_open"


def test_a_dispute_whose_money_was_not_withdrawn_yet_waits() -> None:
    waits(dispute())


def test_an_inquiry_that_withdrew_money_leads_to_it() -> None:
    found = dispute(status="warning_closed", balance_transactions=[txn(id="txn_out")])
    assert of(found) == money("txn_out")


@pytest.mark.parametrize("listed", [None, 7, True, {"data": None}, "txn_1", [None, 7]])
def test_transactions_of_another_kind_make_a_dispute_wait(listed: Any) -> None:
    waits(dispute(balance_transactions=listed))


def test_a_dispute_with_a_list_object_is_read() -> None:
    found = dispute(balance_transactions={"object": "list", "data": [txn(id="txn_out")]})
    assert of(found) == money("txn_out")

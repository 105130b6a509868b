from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from shared.domain.documents import AccountRole
from shared.domain.journal import Role
from shared.domain.records import Ref
from shared.entities.common.journal_lines import GeneralLine
from shared.entities.common.objects import Desired, FlowStart, unless_settled
from shared.entities.payout.documents import (
    build,
    instance_of,
    is_itemised,
    payout_of,
    payout_refs,
    returned_payout,
)
from shared.errors import Parked, Waiting
from tests.unit.entities.objects import (
    CONTEXT,
    CREATED,
    Json,
    closed_through,
    link,
    payout,
    plain_txn,
    snapshot,
    txn,
)

DAY = 86_400


def of(object: Json, *written: str) -> Desired:
    links = {role: link(role) for role in written}
    return build(snapshot(object, links=links), CONTEXT)


def lines_of(desired: Desired) -> tuple[GeneralLine, ...]:
    return tuple(each for each in desired.documents if isinstance(each, GeneralLine))


def facts(desired: Desired) -> list[tuple[str, Any, Any]]:
    return [
        (document.key, document.amount.minor, document.date.isoformat())
        for document in lines_of(desired)
    ]


def test_a_paid_payout_moves_money_from_transit_to_the_bank_on_arrival() -> None:
    desired = of(payout())
    (arrival,) = lines_of(desired)
    assert facts(desired) == [("po_1:arrival", 12345, "2026-11-03")]
    assert arrival.account == AccountRole(Role.BANK)
    assert arrival.offset == AccountRole(Role.PAYOUTS_IN_TRANSIT)
    assert (arrival.company, str(arrival.accounting_date)) == ("usmf", "2026-11-03")


def test_a_payout_leads_to_its_own_transaction() -> None:
    assert of(payout()).enqueue == unless_settled(Ref("balance_transaction", "txn_po"))


def test_the_arrival_day_is_stripes_whatever_the_cut_off_zone() -> None:
    context = replace(CONTEXT, time_zone="America/Los_Angeles")
    (arrival,) = lines_of(build(snapshot(payout()), context))
    assert arrival.date == date(2026, 11, 3)


@pytest.mark.parametrize("status", ["pending", "in_transit", "failed", "canceled"])
def test_a_payout_that_never_arrived_has_no_bank_line(status: str) -> None:
    assert of(payout(status=status)).documents == ()


def test_a_payout_that_failed_after_it_was_paid_is_taken_back() -> None:
    failed = payout(
        status="failed",
        failure_balance_transaction=txn(id="txn_back", created=CREATED + 4 * DAY),
    )
    desired = of(failed, "arrival")
    assert facts(desired) == [
        ("po_1:arrival", 12345, "2026-11-03"),
        ("po_1:arrival_return", -12345, "2026-11-05"),
    ]
    assert desired.enqueue == unless_settled(
        Ref("balance_transaction", "txn_po"),
        Ref("balance_transaction", "txn_back"),
    )


def test_a_return_whose_transaction_is_not_expanded_is_dated_by_the_arrival() -> None:
    failed = payout(status="failed", failure_balance_transaction="txn_back")
    assert facts(of(failed, "arrival"))[1] == ("po_1:arrival_return", -12345, "2026-11-03")


def test_the_arrival_line_stays_the_same_when_the_payout_fails() -> None:
    failed = payout(status="failed", failure_balance_transaction="txn_back")
    assert of(failed, "arrival").documents[0] == of(payout()).documents[0]


def test_a_negative_payout_takes_money_from_the_bank() -> None:
    assert facts(of(payout(amount=-700))) == [("po_1:arrival", -700, "2026-11-03")]


def test_a_payout_of_nothing_has_no_line() -> None:
    assert of(payout(amount=0)).documents == ()


@pytest.mark.parametrize(
    ("changes", "itemised"),
    [
        ({}, True),
        ({"reconciliation_status": "in_progress"}, False),
        ({"reconciliation_status": "not_applicable"}, False),
        ({"automatic": False, "reconciliation_status": "completed"}, False),
        ({"automatic": None}, False),
        ({"reconciliation_status": "completed", "status": "in_transit"}, True),
        ({"reconciliation_status": None}, True),
        ({"reconciliation_status": None, "status": "pending"}, False),
    ],
)
def test_which_payouts_can_be_itemised(changes: Json, itemised: bool) -> None:
    found = payout(**changes)
    assert is_itemised(found) is itemised
    assert bool(of(found).flows) is itemised


def test_a_payout_of_2017_counts_as_itemised_when_paid() -> None:
    old = payout()
    del old["reconciliation_status"]
    assert of(old).flows == (FlowStart("payout_flow", "payout-po_1", {"payout": "po_1"}),)
    assert instance_of("po_1") == "payout-po_1"


def test_a_manual_payout_has_its_lines_and_no_flow() -> None:
    desired = of(payout(automatic=False, reconciliation_status="not_applicable"))
    assert facts(desired) == [("po_1:arrival", 12345, "2026-11-03")]
    assert desired.flows == ()


@pytest.mark.parametrize("status", ["pending", "in_transit"])
@pytest.mark.parametrize("automatic", [True, False])
def test_a_payout_on_its_way_waits_until_it_arrives(status: str, automatic: bool) -> None:
    desired = of(payout(status=status, automatic=automatic))
    assert isinstance(desired.unfinished, Waiting)
    assert desired.unfinished.reason == "payout_not_arrived"
    assert desired.enqueue == unless_settled(Ref("balance_transaction", "txn_po"))


def test_a_paid_payout_that_cannot_be_itemised_yet_waits_for_that_and_has_its_line() -> None:
    desired = of(payout(reconciliation_status="in_progress"))
    assert isinstance(desired.unfinished, Waiting)
    assert desired.unfinished.reason == "payout_not_itemised"
    assert facts(desired) == [("po_1:arrival", 12345, "2026-11-03")]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"status": "failed"},
        {"status": "canceled"},
        {"status": "failed", "reconciliation_status": "in_progress"},
        {"automatic": False, "reconciliation_status": "not_applicable"},
        {"automatic": False, "reconciliation_status": "in_progress"},
        {"reconciliation_status": None},
    ],
)
def test_a_payout_that_is_final_waits_for_nothing(changes: Json) -> None:
    assert of(payout(**changes)).unfinished is None


@pytest.mark.parametrize("status", ["reversed", "", None, 7])
def test_a_payout_of_an_unknown_status_parks_and_its_money_goes_on(status: object) -> None:
    desired = of(payout(status=status))
    assert isinstance(desired.unfinished, Parked)
    assert desired.unfinished.cause == "unreadable_object"
    assert "status" in str(desired.unfinished)
    assert desired.documents == ()
    assert desired.enqueue == unless_settled(Ref("balance_transaction", "txn_po"))


def test_a_transaction_of_a_payout_leads_to_it() -> None:
    paid_out = plain_txn(-12345, "payout", "payout", "po_1")
    assert payout_of(paid_out) == "po_1"
    assert payout_refs(paid_out) == (Ref("payout", "po_1"),)
    assert payout_refs(paid_out | {"source": payout(status="in_transit")}) == payout_refs(paid_out)
    assert returned_payout(paid_out) == ()


@pytest.mark.parametrize("type", ["payout_failure", "payout_cancel"])
def test_a_transaction_that_takes_a_payout_back_leads_to_it_once_for_each_status(type: str) -> None:
    returned = plain_txn(12345, "payout_reversal", type, "po_1")
    assert payout_of(returned) == "po_1"
    assert payout_refs(returned) == ()
    (again,) = returned_payout(returned)
    assert (again.ref, again.reason) == (Ref("payout", "po_1"), f"po_1-{type}")
    (again,) = returned_payout(returned | {"source": payout(status="failed")})
    assert (again.ref, again.reason) == (Ref("payout", "po_1"), "po_1-failed")


@pytest.mark.parametrize(
    ("type", "source"),
    [
        ("charge", "ch_1"),
        ("stripe_fee", "po_1"),
        ("payout", None),
        ("payout", "tr_1"),
        ("payout", 7),
        ("payout_minimum_balance_hold", None),
        (None, "po_1"),
    ],
)
def test_other_transactions_lead_to_no_payout(type: Any, source: Any) -> None:
    found = plain_txn(-5, "other", type, source)
    assert (payout_of(found), payout_refs(found), returned_payout(found)) == ("", (), ())


def test_a_pending_payout_without_transaction_waits() -> None:
    with pytest.raises(Waiting, match="po_1"):
        of(payout(status="pending", balance_transaction=None))


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"amount": None}, "unreadable_object"),
        ({"amount": "12345"}, "unreadable_object"),
        ({"currency": 7}, "unreadable_object"),
        ({"arrival_date": None}, "unreadable_object"),
        ({"arrival_date": 10**20}, "unreadable_object"),
        ({"currency": "gbp"}, "currency_not_configured"),
    ],
)
def test_what_cannot_be_read_parks(changes: Json, cause: str) -> None:
    with pytest.raises(Parked) as caught:
        of(payout(**changes))
    assert caught.value.cause == cause


def test_an_arrival_in_a_closed_period_parks() -> None:
    with pytest.raises(Parked) as caught:
        build(snapshot(payout()), closed_through("2026-11-03"))
    assert caught.value.cause == "period_closed"


def test_an_arrival_that_is_written_already_does_not_mind_a_closed_period() -> None:
    written = {"arrival": link("arrival")}
    assert build(snapshot(payout(), links=written), closed_through("2026-11-30")).documents

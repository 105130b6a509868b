"""Which transactions payouts of exported files paid."""

from typing import Any

from local.replay.exported import Exported
from local.replay.payout_members import Members, members_of
from tests.exports import AT, DAY, payout, transaction

type Json = dict[str, Any]


def found(*objects: Json, members: dict[str, dict[str, None]] | None = None) -> Members:
    return members_of(Exported(objects=list(objects), members=members or {}))


A = transaction("txn_a", 1_000, "ch_a")
B = transaction("txn_b", 500, "ch_b", at=AT + 2 * DAY)


def test_all_that_was_available_and_adds_up_is_what_a_payout_paid() -> None:
    members = found(A, B, payout("po_2", 500, created=AT + 4 * DAY), payout("po_1", 1_000))
    assert members.listed == {"po_1": ("txn_a",), "po_2": ("txn_b",)}
    assert (members.derived, members.unknown) == (("po_1", "po_2"), ())


def test_what_does_not_add_up_from_the_first_one_on_is_nobodys() -> None:
    members = found(A, B, payout("po_1", 500, created=AT + 4 * DAY))
    assert (members.listed, members.unknown) == ({"po_1": ()}, ("po_1",))


def test_half_a_day_is_no_payout() -> None:
    members = found(A, A | {"id": "txn_c"}, payout("po_1", 1_000))
    assert members.unknown == ("po_1",)


def test_what_was_listed_for_one_payout_is_not_paid_by_another() -> None:
    listed = {"po_2": {"txn_a": None}}
    members = found(A, payout("po_1", 1_000), payout("po_2", 1_000), members=listed)
    assert members.listed == {"po_2": ("txn_a",), "po_1": ()}
    assert members.unknown == ("po_1",)


def test_payouts_that_stripe_cannot_itemise_claim_nothing_and_lack_nothing() -> None:
    open_ = payout("po_1", 1_000, reconciliation_status="in_progress")
    assert found(A, open_).unknown == ()
    manual = payout("po_2", 1_000, automatic=False, reconciliation_status="not_applicable")
    assert found(A, manual) == Members({}, (), ())


def test_other_currencies_later_ones_and_payouts_own_rows_are_left_out() -> None:
    own = transaction("txn_po", -1_000, "po_1", "payout")
    later = transaction("txn_l", 1, "ch_l", at=AT + 9 * DAY)
    euros = transaction("txn_e", 7, "ch_e", currency="eur")
    assert found(own, later, euros, A, payout("po_1", 1_000)).listed == {"po_1": ("txn_a",)}


def test_amounts_that_are_no_numbers_add_up_to_nothing() -> None:
    odd = payout("po_1", 1_000) | {"amount": None, "created": "x", "arrival_date": None}
    assert found(A | {"net": None}, odd).listed == {"po_1": ()}

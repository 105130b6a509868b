from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.clearing import (
    ACCEPTED,
    LISTING_DIFFERS,
    NOT_WRITTEN,
    OTHER_LEDGER_ENTRIES,
    UNKNOWN_LINE,
    WRONG_AMOUNT,
    BookedLine,
    Resolution,
    prove,
)
from shared.domain.money import Money, total


def usd(minor: int) -> Money:
    return Money(minor, "usd")


def named(proof_differences: tuple[object, ...]) -> list[tuple[str, str, int]]:
    return [(each.kind, each.id, each.amount.minor) for each in proof_differences]  # type: ignore[attr-defined]


def test_books_that_equal_the_balance_have_no_exceptions() -> None:
    lines = [
        BookedLine("txn_1", usd(1000), posted=True),
        BookedLine("txn_1", usd(-59), posted=True),
        BookedLine("txn_2", usd(-500), posted=False),
    ]
    proof = prove(usd(441), {"txn_1": 941, "txn_2": -500, "txn_0": 0}, lines)
    assert (proof.posted, proof.draft) == (usd(941), usd(-500))
    assert proof.transactions == 3
    assert proof.differences == ()
    assert not proof.gap
    assert not proof.unexplained


def test_each_exception_is_named_with_what_it_adds_to_the_gap() -> None:
    lines = [
        BookedLine("txn_half", usd(1000), posted=True),
        BookedLine("txn_alien", usd(7), posted=False),
        BookedLine("txn_nil", usd(5), posted=True),
        BookedLine("txn_nil", usd(-5), posted=True),
    ]
    proof = prove(usd(1200), {"txn_new": 300, "txn_half": 941}, lines, ledger=usd(990))
    assert named(proof.differences) == [
        (NOT_WRITTEN, "txn_new", 300),
        (WRONG_AMOUNT, "txn_half", -59),
        (UNKNOWN_LINE, "txn_alien", -7),
        (OTHER_LEDGER_ENTRIES, "", 10),
        (LISTING_DIFFERS, "", -41),
    ]
    assert proof.posted == usd(990)
    assert proof.gap == usd(203)
    assert not proof.unexplained


def test_a_transaction_of_zero_that_has_a_line_is_wrong() -> None:
    proof = prove(usd(0), {"txn_0": 0}, [BookedLine("txn_0", usd(3), posted=True)])
    assert named(proof.differences) == [(WRONG_AMOUNT, "txn_0", -3)]


def test_a_ledger_that_agrees_adds_no_exception() -> None:
    lines = [BookedLine("txn_1", usd(10), posted=True)]
    assert prove(usd(10), {"txn_1": 10}, lines, ledger=usd(10)).differences == ()


IDS = st.sampled_from([f"txn_{number}" for number in range(8)])
AMOUNTS = st.integers(-(10**10), 10**10)


@given(
    balance=AMOUNTS,
    transactions=st.dictionaries(IDS, AMOUNTS),
    lines=st.lists(st.tuples(IDS, AMOUNTS, st.booleans()), max_size=20),
    ledger=st.none() | AMOUNTS,
)
def test_the_exceptions_add_up_exactly_to_the_gap(
    balance: int,
    transactions: dict[str, int],
    lines: list[tuple[str, int, bool]],
    ledger: int | None,
) -> None:
    booked = [BookedLine(id, usd(minor), posted) for id, minor, posted in lines]
    proof = prove(usd(balance), transactions, booked, None if ledger is None else usd(ledger))
    assert not proof.unexplained
    assert total((each.amount for each in proof.differences), "usd") == proof.gap
    assert all(each.amount for each in proof.differences)
    # Computed apart: every transaction whose lines do not equal its net is named, and no other.
    sums: dict[str, int] = defaultdict(int)
    for id, minor, _ in lines:
        sums[id] += minor
    wrong = [id for id in {**transactions, **sums} if transactions.get(id, 0) != sums[id]]
    assert sorted(each.id for each in proof.differences if each.id) == sorted(wrong)


BY_HAND = Resolution("Kim", "by the bank desk", datetime(2026, 11, 2, tzinfo=UTC), "usmf", "GJ-1")
NOWHERE = Resolution("Kim", "a test", datetime(2026, 11, 2, tzinfo=UTC), not_to_book=True)
KEY = ("usmf", "gj-1")


def test_what_a_person_settled_stays_in_the_gap_and_is_named_as_accepted() -> None:
    resolutions = {"txn_1": BY_HAND, "txn_2": NOWHERE}
    proof = prove(usd(1000), {"txn_1": 700, "txn_2": 300}, [], resolutions=resolutions)
    assert named(proof.differences) == [(ACCEPTED, "txn_1", 700), (ACCEPTED, "txn_2", 300)]
    assert [each.resolution for each in proof.differences] == [BY_HAND, NOWHERE]
    assert (proof.gap, proof.unexplained, proof.by_hand) == (usd(1000), usd(0), usd(0))


def test_a_confirmed_voucher_counts_as_posted_and_leaves_the_gap() -> None:
    lines = [BookedLine("txn_1", usd(1000), posted=True)]  # the fee was booked by hand
    proof = prove(
        usd(1641),
        {"txn_1": 941, "txn_2": 700},
        lines,
        ledger=usd(1641),
        resolutions={"txn_1": BY_HAND, "txn_2": BY_HAND},
        vouchers={KEY: usd(641)},
    )
    assert proof.differences == ()
    assert (proof.posted, proof.by_hand, proof.gap) == (usd(1641), usd(641), usd(0))


def test_a_voucher_that_holds_another_amount_confirms_nothing() -> None:
    proof = prove(
        usd(700),
        {"txn_1": 700},
        [],
        ledger=usd(600),
        resolutions={"txn_1": BY_HAND},
        vouchers={KEY: usd(600)},
    )
    assert named(proof.differences) == [(ACCEPTED, "txn_1", 700), (OTHER_LEDGER_ENTRIES, "", -600)]
    assert (proof.gap, proof.unexplained) == (usd(100), usd(0))


def test_what_is_not_to_be_booked_is_accepted_for_ever_whatever_the_ledger_holds() -> None:
    resolution = replace(BY_HAND, not_to_book=True)
    proof = prove(
        usd(700), {"txn_1": 700}, [], resolutions={"txn_1": resolution}, vouchers={KEY: usd(700)}
    )
    assert named(proof.differences) == [(ACCEPTED, "txn_1", 700)]


def test_a_resolved_transaction_that_is_booked_whole_is_no_difference() -> None:
    lines = [BookedLine("txn_1", usd(700), posted=True)]
    proof = prove(usd(700), {"txn_1": 700}, lines, resolutions={"txn_1": NOWHERE})
    assert proof.differences == ()


def test_a_voucher_that_was_booked_in_a_journal_counts_once() -> None:
    lines = [
        BookedLine("GJ-00007/1", usd(700), posted=True, company="usmf", voucher="GJ-1"),
        BookedLine("GJ-00008/1", usd(5), posted=True, company="usmf", voucher="GJ-2"),
    ]
    proof = prove(
        usd(700),
        {"txn_1": 700},
        lines,
        ledger=usd(705),
        resolutions={"txn_1": BY_HAND},
        vouchers={KEY: usd(700)},
    )
    assert named(proof.differences) == [(UNKNOWN_LINE, "GJ-00008/1", -5)]
    assert (proof.posted, proof.by_hand) == (usd(705), usd(700))
    assert (proof.gap, proof.unexplained) == (usd(-5), usd(0))

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.clearing import (
    LISTING_DIFFERS,
    NOT_WRITTEN,
    OTHER_LEDGER_ENTRIES,
    UNKNOWN_LINE,
    WRONG_AMOUNT,
    BookedLine,
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

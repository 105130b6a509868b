"""The law of spreading: nothing lost, nothing doubled, no line below nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.allotment import AllotmentError, RefundShare, allot, spread

WORTH = st.lists(st.integers(0, 10**9), min_size=1, max_size=8)


@given(WORTH, st.integers(0, 10**10))
def test_an_amount_is_spread_whole_and_no_line_gives_more_than_it_is_worth(
    worth: list[int], amount: int
) -> None:
    amount = min(amount, sum(worth))
    shares = spread(amount, worth)
    assert sum(shares) == amount
    assert all(0 <= share <= each for share, each in zip(shares, worth, strict=True))


@given(WORTH, st.integers(-5, -1))
def test_the_whole_amount_takes_every_line_to_nothing(worth: list[int], rounding: int) -> None:
    lines = [*worth, rounding]
    assert spread(sum(lines), lines) == lines


def test_the_remainder_goes_to_the_largest_line_and_then_to_the_next() -> None:
    assert spread(100, [100, 100, 101]) == [33, 33, 34]
    assert spread(1, [5, 9, 9]) == [0, 1, 0]
    assert spread(2, [1, 1, 1]) == [1, 1, 0]
    assert spread(0, [0, 0]) == [0, 0]
    assert spread(99, [101, -1]) == [99, 0]


@pytest.mark.parametrize(("amount", "worth"), [(11, [5, 5]), (-1, [5]), (1, []), (3, [5, -3])])
def test_more_than_the_lines_hold_is_refused(amount: int, worth: list[int]) -> None:
    with pytest.raises(AllotmentError):
        spread(amount, worth)


@st.composite
def refunds(draw: st.DrawFn) -> tuple[dict[int, int], list[RefundShare]]:
    worth = dict(enumerate(draw(WORTH), start=1))
    left, refund_shares = sum(worth.values()), []
    for number in range(draw(st.integers(0, 5))):
        amount = draw(st.integers(0, left))
        left -= amount
        refund_shares.append(RefundShare(f"re_{number}", amount, {}))
    return worth, refund_shares


@given(refunds(), st.data())
def test_refunds_never_take_more_than_the_lines_and_keep_their_shares(
    case: tuple[dict[int, int], list[RefundShare]], data: st.DataObject
) -> None:
    worth, refund_shares = case
    shares = allot(worth, refund_shares)
    for claim in refund_shares:
        assert sum(shares[claim.id].values()) == claim.amount
    for number, each in worth.items():
        assert 0 <= sum(found.get(number, 0) for found in shares.values()) <= each
    # Some were written, then one of them failed: what was written stays what it was.
    written = data.draw(st.integers(0, len(refund_shares)))
    fixed = [
        RefundShare(claim.id, claim.amount, shares[claim.id] if index < written else {})
        for index, claim in enumerate(refund_shares)
    ]
    failed = data.draw(st.integers(0, len(refund_shares)))
    rest = [claim for index, claim in enumerate(fixed) if index != failed]
    again = allot(worth, rest)
    for claim in rest:
        assert sum(again[claim.id].values()) == claim.amount
        if claim.fixed:
            assert again[claim.id] == shares[claim.id]
    for number, each in worth.items():
        assert 0 <= sum(found.get(number, 0) for found in again.values()) <= each


def test_given_shares_win_over_the_rule() -> None:
    found = allot(
        {1: 500, 2: 500}, [RefundShare("re_1", 300, {}, {2: 300}), RefundShare("re_2", 700, {})]
    )
    assert found == {"re_1": {2: 300}, "re_2": {1: 500, 2: 200}}


@pytest.mark.parametrize(
    "claim",
    [
        RefundShare("re_1", 300, {}, {1: 200}),
        RefundShare("re_1", 600, {}, {1: 600}),
        RefundShare("re_1", 100, {}, {3: 100}),
        RefundShare("re_1", 100, {}, {1: 200, 2: -100}),
        RefundShare("re_1", 100, {3: 100}),
        RefundShare("re_1", 100, {1: 200}),
        RefundShare("re_1", 1_001, {}),
    ],
)
def test_shares_that_do_not_fit_are_refused(claim: RefundShare) -> None:
    with pytest.raises(AllotmentError):
        allot({1: 500, 2: 500}, [claim])

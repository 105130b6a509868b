"""The law of spreading: nothing lost, nothing doubled, no line below nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.allotment import AllotmentError, Part, RefundShare, allot, split, spread

WORTH = st.lists(st.integers(0, 10**9), min_size=1, max_size=8)
ONE, TWO, NOWHERE = Part(1), Part(2), Part(3)


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
def taxed_lines(draw: st.DrawFn) -> dict[Part, int]:
    """What lines are worth, with the tax of each: on one of two tax lines, or of both, or none."""
    worth = {}
    for number, net in enumerate(draw(WORTH), start=1):
        worth[Part(number)] = net
        for line in draw(st.sampled_from(((), (101,), (102,), (101, 102)))):
            worth[Part(line, number)] = net * draw(st.sampled_from((0, 7, 19, 25))) // 100
    return worth


@st.composite
def refunds(draw: st.DrawFn) -> tuple[dict[Part, int], list[RefundShare]]:
    worth = draw(taxed_lines())
    left, refund_shares = sum(worth.values()), []
    for number in range(draw(st.integers(0, 5))):
        amount = draw(st.integers(0, left))
        left -= amount
        refund_shares.append(RefundShare(f"re_{number}", amount, {}))
    return worth, refund_shares


@given(refunds(), st.data())
def test_refunds_never_take_more_than_the_lines_and_keep_their_shares(
    case: tuple[dict[Part, int], list[RefundShare]], data: st.DataObject
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
        {ONE: 500, TWO: 500}, [RefundShare("re_1", 300, {}, {2: 300}), RefundShare("re_2", 700, {})]
    )
    assert found == {"re_1": {TWO: 300}, "re_2": {ONE: 500, TWO: 200}}


@pytest.mark.parametrize(
    "claim",
    [
        RefundShare("re_1", 300, {}, {1: 200}),
        RefundShare("re_1", 600, {}, {1: 600}),
        RefundShare("re_1", 100, {}, {3: 100}),
        RefundShare("re_1", 100, {}, {1: 200, 2: -100}),
        RefundShare("re_1", 100, {NOWHERE: 100}),
        RefundShare("re_1", 100, {ONE: 200}),
        RefundShare("re_1", 1_001, {}),
    ],
)
def test_shares_that_do_not_fit_are_refused(claim: RefundShare) -> None:
    with pytest.raises(AllotmentError):
        allot({ONE: 500, TWO: 500}, [claim])


# --- lines with their tax -------------------------------------------------------------------

BOOK, LAMP, VAT_7, VAT_19 = Part(1), Part(2), Part(3, 1), Part(4, 2)
BASKET = {BOOK: 2_000, LAMP: 10_000, VAT_7: 140, VAT_19: 1_900}


@given(WORTH, st.integers(0, 10**10))
def test_a_share_of_a_line_is_split_whole_and_each_part_is_right_to_a_minor_unit(
    worth: list[int], amount: int
) -> None:
    amount = min(amount, sum(worth))
    shares = split(amount, worth)
    assert sum(shares) == amount
    for share, each in zip(shares, worth, strict=True):
        assert 0 <= share <= each
        assert abs(share * sum(worth) - amount * each) <= sum(worth)


def test_the_largest_remainder_gets_the_minor_unit_that_is_left() -> None:
    assert split(50, [100, 19]) == [42, 8]
    assert split(0, [0, 0]) == [0, 0]
    for amount, worth in ((120, [100, 19]), (-1, [5]), (1, [])):
        with pytest.raises(AllotmentError):
            split(amount, worth)


def test_a_book_returned_out_of_a_mixed_basket_takes_its_own_tax_along() -> None:
    by_line = RefundShare("re_1", 2_140, {}, {1: 2_140})
    assert allot(BASKET, [by_line]) == {"re_1": {BOOK: 2_000, VAT_7: 140}}


def test_a_refund_without_lines_is_spread_over_lines_with_their_tax() -> None:
    found = allot(BASKET, [RefundShare("re_1", 2_140, {})])
    assert found == {"re_1": {BOOK: 305, VAT_7: 21, LAMP: 1_524, VAT_19: 290}}


def test_a_refund_may_take_from_a_tax_line_alone() -> None:
    found = allot(BASKET, [RefundShare("re_1", 2_240, {}, {1: 2_140, 4: 100})])
    assert found == {"re_1": {BOOK: 2_000, VAT_7: 140, VAT_19: 100}}
    with pytest.raises(AllotmentError, match="takes 1 of line 3, which holds 0"):
        allot(BASKET, [RefundShare("re_1", 2_141, {}, {1: 2_140, 3: 1})])


@given(taxed_lines(), st.data())
def test_the_shares_of_a_line_add_up_to_its_net_and_its_tax_whatever_the_order_of_refunds(
    worth: dict[Part, int], data: st.DataObject
) -> None:
    """Partial refunds of lines by metadata and without, in any order: all of them together take
    each line, and each tax of it, to nothing."""
    left, claims = dict(worth), []
    for number in range(data.draw(st.integers(1, 8))):
        total = sum(left.values())
        amount, wanted = data.draw(st.integers(0, total)), None
        if data.draw(st.booleans()):
            line = data.draw(st.sampled_from(sorted({part.sold for part in left})))
            gross = sum(each for part, each in left.items() if part.sold == line)
            amount = data.draw(st.integers(0, gross) | st.just(gross))
            wanted = {line: amount}
        claim = RefundShare(f"re_{number}", amount, {}, wanted)
        claims.append(claim)
        shares = allot(worth, claims)[claim.id]
        assert sum(shares.values()) == amount
        if wanted:
            assert {part.sold for part in shares} <= set(wanted)
        for part, share in shares.items():
            left[part] -= share
        assert all(each >= 0 for each in left.values())
    claims.append(RefundShare("re_last", sum(left.values()), {}))
    found = allot(worth, claims)
    for part, each in worth.items():
        assert sum(shares.get(part, 0) for shares in found.values()) == each

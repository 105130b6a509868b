from dataclasses import replace

from shared.domain.matching import TieOut
from shared.domain.money import Money


def usd(minor: int) -> Money:
    return Money(minor, "usd")


GOOD = TieOut(usd(5000), 3, usd(5000), 0, usd(0))


def test_a_payout_ties_when_members_sum_to_it_and_are_written() -> None:
    assert GOOD.is_tied
    assert GOOD.difference == usd(0)


def test_a_difference_of_a_cent_is_not_tied() -> None:
    short = replace(GOOD, members_net=usd(4999))
    assert not short.is_tied
    assert short.difference == usd(1)


def test_a_member_without_lines_is_not_tied() -> None:
    assert not replace(GOOD, unwritten=1, unwritten_net=usd(0)).is_tied


def test_a_member_with_other_amounts_is_not_tied() -> None:
    assert not replace(GOOD, wrong=1).is_tied


def test_a_negative_payout_ties_against_negative_members() -> None:
    assert TieOut(usd(-700), 2, usd(-700), 0, usd(0)).is_tied
    assert not TieOut(usd(-700), 2, usd(700), 0, usd(0)).is_tied


def test_a_payout_of_nothing_without_members_is_tied() -> None:
    assert TieOut(usd(0), 0, usd(0), 0, usd(0)).is_tied

"""Spreading an amount over lines, to the last minor unit.

The named rule: *proportional, remainder to the largest line*. No line gets more than it is worth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class AllotmentError(ValueError):
    """The amount cannot be spread like that; the text says why."""


@dataclass(frozen=True, slots=True)
class RefundShare:
    """An amount to spread (minor units): `fixed` shares by line number stay as they are, `wanted`
    ones are given by somebody; without either the rule decides."""

    id: str
    amount: int
    fixed: Mapping[int, int]
    wanted: Mapping[int, int] | None = None


def spread(amount: int, worth: Sequence[int]) -> list[int]:
    """`amount` over lines in proportion to what they are worth, remainder to the largest.

    All of it is spread: when it is the whole worth, every line gets exactly its own (a negative
    one too); else only positive lines take part. Raises `AllotmentError` when it is more than the
    lines are worth together, or negative.
    """
    if amount == sum(worth):
        return list(worth)
    room = [max(each, 0) for each in worth]
    whole = sum(room)
    if not 0 <= amount <= min(whole, sum(worth)):
        raise AllotmentError(f"{amount} does not go into lines worth {sum(worth)}")
    if whole == 0:
        return [0] * len(room)
    shares = [amount * each // whole for each in room]
    rest = amount - sum(shares)
    for index in sorted(range(len(room)), key=lambda index: (-room[index], index)):
        more = min(rest, room[index] - shares[index])
        shares[index] += more
        rest -= more
    return shares


def allot(
    worth: Mapping[int, int], refund_shares: Sequence[RefundShare]
) -> dict[str, dict[int, int]]:
    """The shares of each claim by line number; lines without a share are left out.

    Claims come in their order; fixed shares of all of them are taken first. A claim that is fixed
    in part is spread as it was when its first share was fixed, where that can still be; so shares
    that nobody keeps (of a credit memo made elsewhere) come out the same each time. Raises
    `AllotmentError` when a line would have to give more than it is worth.
    """
    left = dict(worth)
    for claim in refund_shares:
        for number, share in claim.fixed.items():
            if number not in left:
                raise AllotmentError(f"{claim.id} is spread over line {number}, which is not there")
            left[number] -= share
    result = {}
    before = dict(worth)
    for claim in refund_shares:
        shares = _whole(claim, before, left)
        for number, share in shares.items():
            left[number] -= share - claim.fixed.get(number, 0)
            before[number] -= share
        result[claim.id] = {number: share for number, share in shares.items() if share}
    return result


def _whole(
    claim: RefundShare, before: Mapping[int, int], left: Mapping[int, int]
) -> dict[int, int]:
    """All shares of a claim. `before`: what earlier claims left of the lines; `left`: what the
    fixed shares of later ones, and its own, left of that."""
    fixed = claim.fixed
    rest = claim.amount - sum(fixed.values())
    if rest < 0:
        raise AllotmentError(f"{claim.id} is spread with {-rest} more than its amount")
    if not rest:
        return dict(fixed)
    if not fixed:
        return _share(claim, left)
    try:
        at_first = _share(claim, before)
    except AllotmentError:
        at_first = {}
    is_same = all(at_first.get(number) == share for number, share in fixed.items())
    if at_first and is_same and _fits(at_first, fixed, left):
        return at_first
    found = dict(fixed)
    for number, share in _rest(rest, fixed, left).items():
        found[number] = found.get(number, 0) + share
    return found


def _fits(shares: Mapping[int, int], fixed: Mapping[int, int], left: Mapping[int, int]) -> bool:
    return all(number in fixed or share <= left[number] for number, share in shares.items())


def _rest(rest: int, fixed: Mapping[int, int], left: Mapping[int, int]) -> dict[int, int]:
    """What is left of a claim: over lines without a fixed share first, which are whole already."""
    if rest >= sum(left.values()):
        return _spread(rest, left)
    others = {number: max(each, 0) for number, each in left.items() if number not in fixed}
    mine = {number: max(left[number], 0) for number in fixed}
    first = min(rest, sum(others.values()))
    return _spread(first, others) | _spread(rest - first, mine)


def _spread(amount: int, lines: Mapping[int, int]) -> dict[int, int]:
    return dict(zip(lines, spread(amount, list(lines.values())), strict=True))


def _share(claim: RefundShare, left: Mapping[int, int]) -> dict[int, int]:
    """The shares of a claim of which nothing is fixed."""
    if claim.wanted is None:
        return _spread(claim.amount, left)
    given = sum(claim.wanted.values())
    if given != claim.amount:
        raise AllotmentError(
            f"the lines of {claim.id} add up to {given}, its amount is {claim.amount}"
        )
    for number, share in claim.wanted.items():
        there = left.get(number, 0)
        if number not in left or not 0 <= share <= there:
            raise AllotmentError(f"{claim.id} takes {share} of line {number}, which holds {there}")
    return dict(claim.wanted)

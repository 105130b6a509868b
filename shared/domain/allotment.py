"""Spreading an amount over lines, to the last minor unit.

The named rule: *proportional, remainder to the largest line*. No line gets more than it is worth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class AllotmentError(ValueError):
    """The amount cannot be spread like that; the text says why."""


@dataclass(frozen=True, slots=True)
class Claim:
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


def allot(worth: Mapping[int, int], claims: Sequence[Claim]) -> dict[str, dict[int, int]]:
    """The shares of each claim by line number; lines without a share are left out.

    Claims come in their order; fixed shares of all of them are taken first. Raises
    `AllotmentError` when a line would have to give more than it is worth.
    """
    left = dict(worth)
    for claim in claims:
        for number, share in claim.fixed.items():
            if number not in left:
                raise AllotmentError(f"{claim.id} is spread over line {number}, which is not there")
            left[number] -= share
    result = {}
    for claim in claims:
        rest = claim.amount - sum(claim.fixed.values())
        shares = dict(claim.fixed)
        for number, share in _share(claim, rest, left).items():
            shares[number] = shares.get(number, 0) + share
            left[number] -= share
        result[claim.id] = {number: share for number, share in shares.items() if share}
    return result


def _share(claim: Claim, rest: int, left: Mapping[int, int]) -> dict[int, int]:
    if rest < 0:
        raise AllotmentError(f"{claim.id} is spread with {-rest} more than its amount")
    if rest == 0:
        return {}
    if claim.wanted is None or claim.fixed:
        return dict(zip(left, spread(rest, list(left.values())), strict=True))
    if sum(claim.wanted.values()) != rest:
        given = sum(claim.wanted.values())
        raise AllotmentError(f"the lines of {claim.id} add up to {given}, its amount is {rest}")
    for number, share in claim.wanted.items():
        if not 0 <= share <= left.get(number, 0):
            there = left.get(number, 0)
            raise AllotmentError(f"{claim.id} takes {share} of line {number}, which holds {there}")
    return dict(claim.wanted)

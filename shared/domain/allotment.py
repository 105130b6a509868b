"""Spreading an amount over lines and their tax, to the last minor unit.

The named rules: over lines *proportional, remainder to the largest line*; within a line, over its
net amount and its taxes, *proportional, largest remainder first*. Both look at what is left, so
whatever came before, the last share takes exactly the rest. No part gets more than it is worth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class AllotmentError(ValueError):
    """The amount cannot be spread like that; the text says why."""


class Part(NamedTuple):
    """What an amount is spread over: what the line `line` is worth by itself, or what it holds of
    the tax of the line `of`."""

    line: int
    of: int = 0

    @property
    def sold(self) -> int:
        """The number of the line that was sold: what is given back of it takes its tax along."""
        return self.of or self.line


type PartShares = dict[Part, int]


@dataclass(frozen=True, slots=True)
class RefundShare:
    """An amount to spread (minor units): `fixed` shares by part stay as they are, `wanted` ones are
    given by somebody, by line and with tax; without either the rule decides."""

    id: str
    amount: int
    fixed: Mapping[Part, int]
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


def split(amount: int, worth: Sequence[int]) -> list[int]:
    """`amount` over the parts of a line in proportion, to the largest remainders first.

    When it is the whole worth, every part gets exactly its own. Raises `AllotmentError` when it is
    more than the parts are worth together, or negative.
    """
    if amount == sum(worth):
        return list(worth)
    room = [max(each, 0) for each in worth]
    whole = sum(room)
    if not 0 <= amount <= whole:
        raise AllotmentError(f"{amount} does not go into parts worth {sum(worth)}")
    if whole == 0:
        return [0] * len(room)
    shares = [amount * each // whole for each in room]
    by_remainder = sorted(
        range(len(room)), key=lambda index: (-(amount * room[index] % whole), index)
    )
    for index in by_remainder[: amount - sum(shares)]:
        shares[index] += 1
    return shares


def allot(worth: Mapping[Part, int], refund_shares: Sequence[RefundShare]) -> dict[str, PartShares]:
    """The shares of each claim by part; parts without a share are left out.

    Claims come in their order; fixed shares of all of them are taken first. A claim that is fixed
    in part is spread as it was when its first share was fixed, where that can still be; so shares
    that nobody keeps (of a credit memo made elsewhere) come out the same each time. Raises
    `AllotmentError` when a line would have to give more than it is worth.
    """
    left = dict(worth)
    for claim in refund_shares:
        for part, share in claim.fixed.items():
            if part not in left:
                raise AllotmentError(
                    f"{claim.id} is spread over line {part.line}, which is not there"
                )
            left[part] -= share
    result = {}
    before = dict(worth)
    for claim in refund_shares:
        shares = _whole(claim, before, left)
        for part, share in shares.items():
            left[part] -= share - claim.fixed.get(part, 0)
            before[part] -= share
        result[claim.id] = {part: share for part, share in shares.items() if share}
    return result


def _whole(claim: RefundShare, before: Mapping[Part, int], left: Mapping[Part, int]) -> PartShares:
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
    is_same = all(at_first.get(part) == share for part, share in fixed.items())
    if at_first and is_same and _fits(at_first, fixed, left):
        return at_first
    found = dict(fixed)
    for part, share in _rest(rest, fixed, left).items():
        found[part] = found.get(part, 0) + share
    return found


def _fits(shares: Mapping[Part, int], fixed: Mapping[Part, int], left: Mapping[Part, int]) -> bool:
    return all(part in fixed or share <= left[part] for part, share in shares.items())


def _rest(rest: int, fixed: Mapping[Part, int], left: Mapping[Part, int]) -> PartShares:
    """What is left of a claim: over parts without a fixed share first, which are whole already."""
    if rest >= sum(left.values()):
        return _spread(rest, left)
    others = {part: max(each, 0) for part, each in left.items() if part not in fixed}
    mine = {part: max(left[part], 0) for part in fixed}
    first = min(rest, sum(others.values()))
    return _spread(first, others) | _spread(rest - first, mine)


def _spread(amount: int, parts: Mapping[Part, int]) -> PartShares:
    """An amount over lines, each with its tax, and of each line over its parts."""
    lines: dict[int, PartShares] = {}
    for part, worth in parts.items():
        lines.setdefault(part.sold, {})[part] = worth
    found: PartShares = {}
    worths = [sum(line.values()) for line in lines.values()]
    for line, share in zip(lines.values(), spread(amount, worths), strict=True):
        found |= _split(share, line)
    return found


def _split(amount: int, parts: Mapping[Part, int]) -> PartShares:
    return dict(zip(parts, split(amount, list(parts.values())), strict=True))


def _share(claim: RefundShare, left: Mapping[Part, int]) -> PartShares:
    """The shares of a claim of which nothing is fixed."""
    if claim.wanted is None:
        return _spread(claim.amount, left)
    given = sum(claim.wanted.values())
    if given != claim.amount:
        raise AllotmentError(
            f"the lines of {claim.id} add up to {given}, its amount is {claim.amount}"
        )
    rest, found = dict(left), dict.fromkeys(left, 0)
    for number, share in sorted(claim.wanted.items()):
        parts = _parts_of(number, rest)
        there = sum(parts.values())
        if not parts or not 0 <= share <= there:
            raise AllotmentError(f"{claim.id} takes {share} of line {number}, which holds {there}")
        for part, each in _split(share, parts).items():
            rest[part] -= each
            found[part] += each
    return {part: share for part, share in found.items() if share}


def _parts_of(number: int, left: Mapping[Part, int]) -> PartShares:
    """What is left of a line that was sold, with its tax; of a tax line, of all tax on it."""
    sold = {part: each for part, each in left.items() if part.sold == number}
    return sold or {part: each for part, each in left.items() if part.line == number}

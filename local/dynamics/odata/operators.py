"""What the operators of a `$filter` do to two values."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
EQUALITY = ("eq", "ne")
KIND_NAMES: Mapping[str, str] = {
    "eq": "Equal",
    "ne": "NotEqual",
    "gt": "GreaterThan",
    "ge": "GreaterThanOrEqual",
    "lt": "LessThan",
    "le": "LessThanOrEqual",
}
SUMS: Mapping[str, Callable[[Any, Any], Any]] = {"add": operator.add, "sub": operator.sub}
PRODUCTS: Mapping[str, Callable[[Any, Any], Any]] = {
    "mul": operator.mul,
    "div": operator.truediv,
    "mod": operator.mod,
}


def wildcard(pattern: str) -> Callable[[str], bool]:
    """F&O's way to search: tests whole texts against a pattern, each `*` standing for any text.

    Ignores case. Takes time linear in the text, whatever the pattern is.
    """
    first, *rest = pattern.casefold().split("*")
    *middle, last = rest

    def matches(text: str) -> bool:
        folded = text.casefold()
        if len(folded) < len(first) + len(last) or not folded.startswith(first):
            return False
        at, end = len(first), len(folded) - len(last)
        for part in middle:
            found = folded.find(part, at, end)
            if found < 0:
                return False
            at = found + len(part)
        return folded.endswith(last)

    return matches

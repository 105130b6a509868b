"""What `/api/ready` answers, in words: the checks by what they are about, then what is left to look
at by hand."""

from collections.abc import Iterator, Mapping
from typing import Any

from cli.setup.page import MARKS, state_of

INDENT = " " * 5
BY_HAND = "Look at by hand"


def ready_lines(answer: Mapping[str, Any]) -> Iterator[str]:
    """All lines. Checks of a group stand together, in the order of the answer."""
    checks = answer.get("checks", ())
    groups = dict.fromkeys(str(check.get("group", "")) for check in checks)
    for group in groups:
        if group:
            yield group
        for check in checks:
            if check.get("group", "") == group:
                yield from _check_lines(check)
    by_hand = [check for check in checks if check.get("by_hand")]
    if by_hand:
        yield BY_HAND
    for check in by_hand:
        yield f"?    {check['name']}: {check['by_hand']}"
    if "message" in answer:
        yield str(answer["message"])


def _check_lines(check: Mapping[str, Any]) -> Iterator[str]:
    mark = MARKS[state_of(check)]
    yield f"{mark} {check['name']}: {check['problem'] or check.get('note') or 'ready'}"
    if check.get("remedy"):
        yield f"{INDENT}{check['remedy']}"

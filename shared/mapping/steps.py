"""What the makers of transforms share: their context, and the reading of arguments."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared.errors import Parked
from shared.mapping.problems import RuleRefused
from shared.mapping.schema import Raw
from shared.mapping.values import TEXT, Expression, Scope

CHECKS_MAX = 100_000  # of the rules of one template, `use` written out
CONDITION_CHECKS = 10  # that one part of a condition counts for

type Operand = Callable[[str], Expression]
type Value = Any


@dataclass(slots=True)
class Allowance:
    """How much may still be checked while a template is compiled: large tables, or conditions, in
    rules that are used in many places would take minutes."""

    left: int = CHECKS_MAX

    def spend(self, count: int) -> None:
        """Take so many checks. Raises `RuleRefused` when they are more than are left."""
        self.left -= count
        if self.left < 0:
            raise RuleRefused(
                f"the template's rules need more than {CHECKS_MAX} checks: "
                "look up in fewer rules or smaller tables, or use long conditions in fewer places"
            )

    def spend_condition(self, condition: Raw) -> None:
        """Take what a condition needs; the loader has bounded its depth."""
        self.spend(CONDITION_CHECKS)
        if not isinstance(condition, str):
            for part in condition.values() if isinstance(condition, Mapping) else condition:
                self.spend_condition(part)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What steps may use besides their value: source paths, and lookup tables by name."""

    read: Operand
    tables: Mapping[str, Mapping[str, str]]
    allowance: Allowance


type Maker = Callable[[Raw, Expression, Surroundings], Expression]


def takes(before: Expression, step: str, *kinds: str) -> None:
    """Refuses a value of another kind than the step takes."""
    if before.kind not in kinds:
        wanted = " or ".join(kinds)
        raise RuleRefused(f"{step} takes {wanted}, not {before.kind}", before.path)


def then(before: Expression, change: Callable[[Value], Value], kind: str) -> Expression:
    """The expression with one more change; nothing stays nothing."""
    run = before.run

    def changed(scope: Scope) -> Value:
        value = run(scope)
        return None if value is None else change(value)

    try:
        outcomes = tuple(change(text) for text in before.outcomes) if kind == TEXT else ()
    except Parked as error:
        raise RuleRefused(str(error), before.path) from None
    return replace(before, run=changed, kind=kind, outcomes=outcomes)


def bare(argument: Raw, step: str) -> None:
    """Refuses an argument."""
    if argument != "":
        raise RuleRefused(f"{step} takes no argument")


def whole(argument: Raw, step: str, least: int, most: int) -> int:
    """A whole number in a range."""
    if not isinstance(argument, str) or not re.fullmatch(r"[0-9]{1,9}", argument):
        raise RuleRefused(f"{step} needs a whole number")
    if not least <= int(argument) <= most:
        raise RuleRefused(f"{step} must be from {least} to {most}")
    return int(argument)


def options(argument: Raw, step: str, *names: str) -> Mapping[str, str]:
    """Exactly these options, all text."""
    if not isinstance(argument, Mapping) or sorted(argument) != sorted(names):
        raise RuleRefused(f"{step} needs {', '.join(names)}, and nothing else")
    given = {name: text for name, text in argument.items() if isinstance(text, str)}
    if len(given) != len(names):
        raise RuleRefused(f"{step} takes text in {', '.join(names)}")
    return given

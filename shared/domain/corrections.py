"""Corrections: what a person orders about a line that is written. The line itself stays.

A `reclass` takes what a transaction has on suspense to the account that it belongs to; a `reversal`
takes back a posted line, with or without a replacement by the rules of now.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from shared.domain.journal import Role
from shared.domain.money import Money

RECLASS = "reclass"
REVERSAL_SUFFIX, REPLACEMENT_SUFFIX = ":rev1", ":g1"


class CorrectionKind(StrEnum):
    """What a person may order."""

    RECLASS = "reclass"
    REVERSAL = "reversal"


@dataclass(frozen=True, slots=True)
class Correction:
    """One order of a person. `id` tells it from others; `line`: the role of the line that is taken
    back; `to`: of a reclass, the role of the account that suspense is cleared against; `amount`:
    what the account is debited; `date`: the accounting date of what is written for it."""

    id: str
    kind: CorrectionKind
    company: str
    amount: Money
    date: date
    who: str
    why: str
    at: datetime
    line: str = ""
    to: Role | None = None
    replaces: bool = False

    @property
    def role(self) -> str:
        """The role of the line that is written for it first."""
        if self.kind is CorrectionKind.RECLASS:
            return RECLASS
        return self.line + REVERSAL_SUFFIX

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles of all lines that are written for it."""
        return (self.role, self.line + REPLACEMENT_SUFFIX) if self.replaces else (self.role,)

    def says_the_same(self, other: "Correction") -> bool:
        """Whether two orders want the same lines, whoever gave them and when."""
        return (self.kind, self.line, self.to, self.amount, self.replaces) == (
            *(other.kind, other.line, other.to, other.amount, other.replaces),
        )


@dataclass(frozen=True, slots=True)
class NamedCorrection:
    """A correction as the proof names it. `written`: all its lines are in journals."""

    transaction: str
    correction: Correction
    written: bool

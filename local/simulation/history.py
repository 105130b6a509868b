"""What the judge must know of a run besides the peers' own state: what people decided, and when."""

from dataclasses import dataclass, field
from datetime import date, datetime

LATER = "gbp"  # gets its book while the app runs
RECLASS = "reclass"
UNBOOKED = ("chf",)
"""Currencies that no book will ever have: what is charged in them stays in the inbox."""


def is_unbooked(alias: str, currency: str) -> bool:
    """Whether a Stripe account will never have a book for a currency: the second one gets none of
    those that come later."""
    return currency in UNBOOKED or (alias != "default" and currency == LATER)


@dataclass(frozen=True, slots=True)
class HandResolution:
    """What a person decided about a balance transaction. `voucher`: what was entered by hand;
    empty: it is never to be booked."""

    currency: str
    net_minor: int
    voucher: str
    who: str
    reason: str


@dataclass(frozen=True, slots=True)
class TaxDocument:
    """A tax document of Stripe that a person confirmed, or is to confirm."""

    month: str
    company: str
    currency: str
    number: str
    total_minor: int


@dataclass(frozen=True, slots=True)
class OrderedCorrection:
    """What a person ordered about a written line. `line`: what is taken back, or `RECLASS`; `to`:
    of a reclass, the role of the account. `stands`: the app has answered the order."""

    transaction: str
    line: str
    date: date
    to: str = ""
    replaces: bool = False
    stands: bool = False

    @property
    def key(self) -> str:
        """The key of the line that is written first."""
        end = "" if self.line == RECLASS else ":rev1"
        return f"{self.transaction}:{self.line}{end}"


@dataclass(slots=True)
class History:
    """`began`: when the app was switched on. `decided`: by balance transaction. `rerouted`: whether
    a policy with other routes was ever published. `tax_documents`: those confirmed, by number.
    `corrections`: by key."""

    began: datetime
    decided: dict[str, HandResolution] = field(default_factory=dict)
    rerouted: bool = False
    tax_documents: dict[str, TaxDocument] = field(default_factory=dict)
    corrections: dict[str, OrderedCorrection] = field(default_factory=dict)

    @property
    def corrected(self) -> dict[str, None]:
        """The transactions that people ordered a correction of."""
        return {each.transaction: None for each in self.corrections.values()}

    @property
    def incomplete(self) -> dict[str, None]:
        """The transactions whose lines are not all ours, as people wanted it."""
        taken_back = (each for each in self.corrections.values() if each.line != RECLASS)
        left = [each.transaction for each in taken_back if not each.replaces]
        return dict.fromkeys((*self.decided, *left))

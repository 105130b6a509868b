"""Does a payout equal its members? https://docs.stripe.com/payouts/reconciliation"""

from dataclasses import dataclass

from shared.domain.money import Money


@dataclass(frozen=True, slots=True)
class TieOut:
    """The comparison of a payout with its member transactions.

    `members_net`: the sum of their nets without the payout's own row. `unwritten`: members whose
    lines are not in Dynamics yet, with their net in `unwritten_net`.
    """

    amount: Money
    members: int
    members_net: Money
    unwritten: int
    unwritten_net: Money
    wrong: int = 0

    @property
    def difference(self) -> Money:
        """What the members do not explain of the payout's amount."""
        return self.amount - self.members_net

    @property
    def is_tied(self) -> bool:
        """True when the sums are equal and every member is written with its amount."""
        return not self.difference and self.unwritten == 0 and self.wrong == 0

"""The clearing proof: posted + draft + not yet written = available + pending, per currency.

The exceptions are computed from the parts, not from the gap, so that their adding up to it is a
check and not a definition.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.domain.money import Money, total

NOT_WRITTEN = "not_written"
WRONG_AMOUNT = "wrong_amount"
UNKNOWN_LINE = "unknown_line"
OTHER_LEDGER_ENTRIES = "other_ledger_entries"
LISTING_DIFFERS = "listing_differs_from_balance"


@dataclass(frozen=True, slots=True)
class BookedLine:
    """A line in our journals: the transaction its key names, its effect on clearing."""

    transaction: str
    effect: Money
    posted: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """One exception; `amount` is what it adds to the gap (balance minus books)."""

    kind: str
    id: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Proof:
    """The proof of one currency. `gap` = balance - posted - draft; `unexplained` must be zero."""

    balance: Money
    posted: Money
    draft: Money
    transactions: int
    differences: tuple[Difference, ...]

    @property
    def gap(self) -> Money:
        """What the books lack (negative: what they have too much)."""
        return self.balance - self.posted - self.draft

    @property
    def unexplained(self) -> Money:
        """The part of the gap that the differences do not name."""
        amounts = (difference.amount for difference in self.differences)
        return self.gap - total(amounts, self.balance.currency)


def prove(
    balance: Money,
    transactions: Mapping[str, int],
    lines: Iterable[BookedLine],
    ledger: Money | None = None,
) -> Proof:
    """Compare a Stripe balance with the books.

    `transactions`: net in minor units by id, all that made up the balance. `ledger`: the clearing
    account as the posted ledger shows it, when an entity for that is configured. Time and memory
    grow with the number of transactions.
    """
    currency = balance.currency
    zero = Money(0, currency)
    posted, draft = zero, zero
    booked: dict[str, int] = {}
    for line in lines:
        booked[line.transaction] = booked.get(line.transaction, 0) + line.effect.minor
        if line.posted:
            posted = posted + line.effect
        else:
            draft = draft + line.effect
    differences = _differences(transactions, booked, currency)
    if ledger is not None and ledger != posted:
        differences.append(Difference(OTHER_LEDGER_ENTRIES, "", posted - ledger))
        posted = ledger
    listed = Money(sum(transactions.values()), currency)
    if listed != balance:
        differences.append(Difference(LISTING_DIFFERS, "", balance - listed))
    return Proof(balance, posted, draft, len(transactions), tuple(differences))


def _differences(
    transactions: Mapping[str, int], booked: Mapping[str, int], currency: str
) -> list[Difference]:
    found: list[Difference] = []
    for id, net in transactions.items():
        if id not in booked and net:
            found.append(Difference(NOT_WRITTEN, id, Money(net, currency)))
        elif booked.get(id, 0) != net:
            found.append(Difference(WRONG_AMOUNT, id, Money(net - booked.get(id, 0), currency)))
    found += [
        Difference(UNKNOWN_LINE, id, Money(-effect, currency))
        for id, effect in booked.items()
        if id not in transactions and effect
    ]
    return found

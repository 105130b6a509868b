"""The clearing proof: posted + draft + not yet written = available + pending, per currency.

The exceptions are computed from the parts, not from the gap, so that their adding up to it is a
check and not a definition.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from shared.domain.corrections import NamedCorrection
from shared.domain.money import Money, total

NOT_WRITTEN = "not_written"
WRONG_AMOUNT = "wrong_amount"
UNKNOWN_LINE = "unknown_line"
OTHER_LEDGER_ENTRIES = "other_ledger_entries"
ACCEPTED = "accepted"
LISTING_DIFFERS = "listing_differs_from_balance"


@dataclass(frozen=True, slots=True)
class BookedLine:
    """A line in a journal: the transaction its key names, its effect on clearing, its voucher."""

    transaction: str
    effect: Money
    posted: bool
    company: str = ""
    voucher: str = ""

    @property
    def by_voucher(self) -> tuple[str, str]:
        """Company and case-folded voucher."""
        return self.company, self.voucher.casefold()


@dataclass(frozen=True, slots=True)
class Resolution:
    """A person's decision that an object is settled by hand: who, why, when.

    Money: `voucher` of `company` holds it, `amount_minor` of `currency`; or `not_to_book`. Both are
    empty where no money is at stake.
    """

    who: str
    why: str
    at: datetime
    company: str = ""
    voucher: str = ""
    amount_minor: int = 0
    currency: str = ""
    not_to_book: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """One exception; `amount` is what it adds to the gap (balance minus books). `resolution`: a
    person accepted it."""

    kind: str
    id: str
    amount: Money
    resolution: Resolution | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """The proof of one currency. `gap` = balance - posted - draft; `unexplained` must be zero.

    `by_hand`: the part of `posted` that people booked, in vouchers that the posted ledger confirms.
    `corrections`: what people ordered about lines of its transactions.
    """

    balance: Money
    posted: Money
    draft: Money
    transactions: int
    differences: tuple[Difference, ...]
    by_hand: Money
    corrections: tuple[NamedCorrection, ...] = ()

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
    *,
    resolutions: Mapping[str, Resolution] = MappingProxyType({}),
    vouchers: Mapping[tuple[str, str], Money] = MappingProxyType({}),
) -> Proof:
    """Compare a Stripe balance with the books.

    `transactions`: net in minor units by id, all that made up the balance. `ledger`: the clearing
    account as the posted ledger shows it, when an entity for that is configured. `resolutions`:
    transactions that people settled by hand. `vouchers`: what the posted ledger shows on clearing
    of the vouchers that they name, by company and case-folded voucher. A voucher is confirmed when
    it holds all that the transactions which name it lack. Time and memory grow with the number of
    transactions.
    """
    currency = balance.currency
    zero = Money(0, currency)
    posted, draft = zero, zero
    booked: dict[str, int] = {}
    strangers: list[BookedLine] = []
    for line in lines:
        if line.transaction in transactions:
            booked[line.transaction] = booked.get(line.transaction, 0) + line.effect.minor
        else:
            strangers.append(line)
        if line.posted:
            posted = posted + line.effect
        else:
            draft = draft + line.effect
    differences = _differences(transactions, booked, resolutions, currency)
    confirmed = _confirmed(differences, vouchers, currency)
    differences = [each for each in differences if _voucher(each) not in confirmed]
    by_hand = total((vouchers[key] for key in confirmed), currency)
    # Of what people booked in a journal the lines are counted already.
    seen = [line for line in strangers if line.posted and line.by_voucher in confirmed]
    posted = posted + by_hand - total((line.effect for line in seen), currency)
    differences += _unknown([line for line in strangers if line not in seen], currency)
    if ledger is not None and ledger != posted:
        differences.append(Difference(OTHER_LEDGER_ENTRIES, "", posted - ledger))
        posted = ledger
    listed = Money(sum(transactions.values()), currency)
    if listed != balance:
        differences.append(Difference(LISTING_DIFFERS, "", balance - listed))
    return Proof(balance, posted, draft, len(transactions), tuple(differences), by_hand)


def _voucher(difference: Difference) -> tuple[str, str] | None:
    """Company and voucher in which a person says to have booked what a transaction lacks."""
    resolution = difference.resolution
    if resolution is None or resolution.not_to_book or not resolution.voucher:
        return None
    return resolution.company, resolution.voucher.casefold()


def _confirmed(
    differences: Iterable[Difference], vouchers: Mapping[tuple[str, str], Money], currency: str
) -> list[tuple[str, str]]:
    """The vouchers that hold what the transactions which name them lack."""
    lacking: dict[tuple[str, str], Money] = {}
    for difference in differences:
        key = _voucher(difference)
        if key is not None:
            lacking[key] = lacking.get(key, Money(0, currency)) + difference.amount
    return [key for key, amount in lacking.items() if vouchers.get(key) == amount]


def _differences(
    transactions: Mapping[str, int],
    booked: Mapping[str, int],
    resolutions: Mapping[str, Resolution],
    currency: str,
) -> list[Difference]:
    found: list[Difference] = []
    for id, net in transactions.items():
        lacking = Money(net - booked.get(id, 0), currency)
        if id in resolutions and lacking:
            found.append(Difference(ACCEPTED, id, lacking, resolutions[id]))
        elif id not in booked and net:
            found.append(Difference(NOT_WRITTEN, id, Money(net, currency)))
        elif booked.get(id, 0) != net:
            found.append(Difference(WRONG_AMOUNT, id, Money(net - booked.get(id, 0), currency)))
    return found


def _unknown(lines: Iterable[BookedLine], currency: str) -> list[Difference]:
    effects: dict[str, int] = {}
    for line in lines:
        effects[line.transaction] = effects.get(line.transaction, 0) + line.effect.minor
    return [
        Difference(UNKNOWN_LINE, id, Money(-effect, currency))
        for id, effect in effects.items()
        if effect
    ]

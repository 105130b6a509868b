"""Double entry: lines that balance by themselves, journals that cannot be unbalanced."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from shared.domain.money import Money, total


class Role(StrEnum):
    """What an account is for. Settings give each role its account in each company."""

    CUSTOMER = "customer"
    CLEARING = "clearing"
    BANK = "bank"
    FEES = "fees"
    FEE_TAX = "fee_tax"
    NETWORK_COSTS = "network_costs"
    APPLICATION_FEES = "application_fees"
    WITHHELD_TAX = "withheld_tax"
    DISPUTES = "disputes"
    DISPUTE_FEES = "dispute_fees"
    PAYOUTS_IN_TRANSIT = "payouts_in_transit"
    CONNECT = "connect"
    PLATFORM_EARNINGS = "platform_earnings"
    RESERVES = "reserves"
    LOANS = "loans"
    ISSUING = "issuing"
    CONTRIBUTIONS = "contributions"
    FEE_CREDITS = "fee_credits"
    TAX_FUNDS = "tax_funds"
    BALANCE_PAYMENTS = "balance_payments"
    ADJUSTMENTS = "adjustments"
    SUSPENSE = "suspense"
    UNAPPLIED_RECEIPTS = "unapplied_receipts"
    FX_TRANSIT = "fx_transit"
    SALES_RETURNS = "sales_returns"
    SALES_TAX = "sales_tax"


class JournalKind(StrEnum):
    """The kinds of journal that lines are written to."""

    CUSTOMER_PAYMENT = "customer_payment"
    GENERAL = "general"


class UnbalancedError(ValueError):
    """The lines do not have the effect they must have."""


@dataclass(frozen=True, slots=True)
class Line:
    """Debit `account` by `amount` and credit `offset` by the same (negative: the reverse)."""

    component: str
    kind: JournalKind
    account: Role
    offset: Role
    amount: Money

    def effect(self, role: Role) -> Money:
        """What the line does to an account of this role, debits positive."""
        zero = Money(0, self.amount.currency)
        debit = self.amount if self.account is role else zero
        credit = self.amount if self.offset is role else zero
        return debit - credit


@dataclass(frozen=True, slots=True)
class Journal:
    """Lines of one event in the books, checked when it is made.

    Each line balances by its offset, so any prefix balances too. `clearing` is the effect the
    whole must have on the clearing account. Raises `UnbalancedError` when it has another, when a
    component occurs twice, or when a line posts an account against itself.
    """

    lines: tuple[Line, ...]
    clearing: Money

    def __post_init__(self) -> None:
        components = [line.component for line in self.lines]
        if len(dict.fromkeys(components)) != len(components):
            raise UnbalancedError(f"a component occurs twice: {components}")
        for line in self.lines:
            if line.account is line.offset:
                raise UnbalancedError(f"{line.component} posts {line.account} against itself")
        effect = effect_on(Role.CLEARING, self.lines, self.clearing.currency)
        if effect != self.clearing:
            raise UnbalancedError(f"clearing moves by {effect}, must move by {self.clearing}")


def effect_on(role: Role, lines: Iterable[Line], currency: str) -> Money:
    """What the lines do together to the account of a role."""
    return total((line.effect(role) for line in lines), currency)

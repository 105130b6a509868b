"""Journal lines: what every entity that moves money asks for."""

import datetime as dt
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Self, override

from shared.domain.documents import AccountRole, Attribute, Fact
from shared.domain.journal import JournalKind, Role
from shared.domain.money import Money
from shared.entities.common.sale_document import SaleDocument

NO_RATE = Decimal(0)


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """How a customer paid; empty texts where it is not known."""

    type: Annotated[str, Attribute("card, sepa_debit, ...")] = ""
    brand: Annotated[str, Attribute("visa, amex, ..., of cards")] = ""
    funding: Annotated[str, Attribute("credit, debit or prepaid, of cards")] = ""
    wallet: Annotated[str, Attribute("apple_pay, google_pay, ...")] = ""


NO_METHOD = PaymentMethod()


@dataclass(frozen=True, slots=True)
class SaleNames:
    """What a reader knows a sale by; empty texts where it is not known."""

    order: Annotated[str, Attribute("the order number: of metadata, else of the session")] = ""
    invoice: Annotated[str, Attribute("the invoice number: of metadata, else Stripe's")] = ""
    statement_descriptor: Annotated[str, Attribute("on the customer's statement")] = ""


NO_SALE = SaleNames()


@dataclass(frozen=True, slots=True)
class PayoutNames:
    """What a reader knows a payout by; empty texts where there is none."""

    id: Annotated[str, Attribute("the Stripe id")] = ""
    trace_id: Annotated[str, Attribute("what the bank calls it")] = ""
    statement_descriptor: Annotated[str, Attribute("on our bank statement")] = ""
    reference: Annotated[str, Attribute("of bank lines: the first of both that has 20 signs")] = ""


NO_PAYOUT = PayoutNames()


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalLine(SaleDocument):
    """A journal line: debit `account` by `amount` and credit `offset` by the same. `customer`:
    whose unapplied receipt or disputed sale it is; empty for a guest, None for any other line.
    `reverses`: the role of the line whose very accounts it takes back."""

    amount: Annotated[Money, Fact("debit of the account, credit of the offset")]
    date: Annotated[dt.date, Fact("the accounting date, in the cut-off time zone")]
    account: Annotated[AccountRole, Fact("the account")]
    offset: Annotated[AccountRole, Fact("the offset account")]
    marked_invoice: Annotated[str, Fact("the posted invoice that a receipt settles")] = ""
    invoice: Annotated[str, Fact("the number of its own of a customer debit")] = ""
    exchange_rate: Annotated[Decimal, Fact("for 100 units; 0: Dynamics looks it up")] = NO_RATE
    customer: str | None = None
    reverses: str = ""
    category: Annotated[str, Attribute("Stripe's reporting category")]
    source: Annotated[str, Attribute("the id of the charge, refund, dispute, ...; may be empty")]
    payment_method: Annotated[PaymentMethod, Attribute("how the customer paid")] = NO_METHOD
    description: Annotated[str, Attribute("description of the charge", personal=True)] = ""
    explanation: Annotated[str, Attribute("Stripe's own, of fees and adjustments")] = ""
    sale: Annotated[SaleNames, Attribute("the sale behind it")] = NO_SALE
    payout: Annotated[PayoutNames, Attribute("the payout that it is of")] = NO_PAYOUT

    @property
    @override
    def accounting_date(self) -> dt.date:
        """The date of the line."""
        return self.date

    @property
    def clearing_minor(self) -> int:
        """What the line does to the clearing account, in minor units, debits positive."""
        return -self.amount.minor if self.offset.role is Role.CLEARING else 0

    @property
    def clearing(self) -> Money | None:
        """The same with its currency; None for a line between other accounts."""
        minor = self.clearing_minor
        return Money(minor, self.amount.currency) if minor else None

    @classmethod
    def of(cls, line: "JournalLine", **changes: Any) -> Self:  # noqa: ANN401 - fields by name
        """A line of this kind that says what another one says, but for `changes`."""
        for each in fields(line):
            changes.setdefault(each.name, getattr(line, each.name))
        return cls(**changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerPaymentLine(JournalLine):
    """A line of the customer payment journal: a receipt (negative) or a refund of a customer."""

    template: ClassVar[str] = "customer_payment_line"
    journal: ClassVar[JournalKind | None] = JournalKind.CUSTOMER_PAYMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneralLine(JournalLine):
    """A line of the general journal."""

    template: ClassVar[str] = "general_line"
    journal: ClassVar[JournalKind | None] = JournalKind.GENERAL


def line_kind(kind: JournalKind) -> type[CustomerPaymentLine] | type[GeneralLine]:
    """The kind of document for lines of a kind of journal."""
    return GeneralLine if kind is JournalKind.GENERAL else CustomerPaymentLine

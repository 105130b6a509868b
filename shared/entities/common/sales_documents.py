"""The commercial records of a charge: its sales order, and the credit memos of its refunds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, ClassVar

from shared.domain.documents import AccountRole, Attribute, Document, Fact, Party
from shared.domain.money import Money
from shared.entities.common.journal_lines import NO_METHOD, PaymentMethod
from shared.entities.common.sale_document import SaleDocument
from shared.entities.common.sale_line import SaleLine
from shared.entities.common.sale_tax import NO_TAX, SaleTax

NET, GROSS = "net", "gross"  # prices of a document: without its tax, or with it


@dataclass(frozen=True, slots=True)
class OmittedLine:
    """A line that refunds took back before the order was written. `reductions`: minor units by
    refund; `tax_reductions`: of a tax line, whose tax they are, by refund and line."""

    sold: SaleLine
    reductions: Mapping[str, int]
    tax_reductions: Mapping[str, Mapping[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesOrder(SaleDocument):
    """The header of a sales order."""

    template: ClassVar[str] = "sales_order"

    currency: Annotated[str, Fact("the currency, lower case")]
    customer: Annotated[Party, Fact("the customer")]
    prices: Annotated[str, Fact("net, or gross: with the tax that Dynamics computes")] = NET
    omitted: tuple[OmittedLine, ...] = ()
    session: Annotated[str, Attribute("the Checkout Session; may be empty")] = ""
    reference: Annotated[str, Attribute("its client_reference_id; may be empty")] = ""
    payment_intent: Annotated[str, Attribute("the PaymentIntent; may be empty")] = ""
    description: Annotated[str, Attribute("description of the charge", personal=True)] = ""
    charged_at: Annotated[int, Attribute("when the charge was made, seconds since 1970")] = 0
    payment_method: Annotated[PaymentMethod, Attribute("how the customer paid")] = NO_METHOD


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesOrderLine(SaleDocument):
    """A line of a sales order. `reductions`: what refunds took of it, in minor units by refund;
    `tax_reductions`: of a tax line, whose tax that was, by refund and line; `sold`: the line as it
    was sold."""

    template: ClassVar[str] = "sales_order_line"
    belongs_to: ClassVar[str] = "the order"

    quantity: Annotated[int, Fact("units; 0 cancels the line")]
    price: Annotated[Money, Fact("the price of one unit")]
    discount: Annotated[Money, Fact("the discount of the line")]
    amount: Annotated[Money, Fact("the amount of the line, without tax unless prices are gross")]
    tax_group: Annotated[str, Fact("its sales tax group; empty where Stripe's tax is a line")] = ""
    item_tax_group: Annotated[str, Fact("its item sales tax group; may be empty")] = ""
    reductions: Mapping[str, int] = field(default_factory=dict)
    tax_reductions: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    sold: SaleLine
    kind: Annotated[str, Attribute("goods, shipping, tax, rounding or sale")]
    product: Annotated[str, Attribute("the Stripe product; may be empty")] = ""
    stripe_price: Annotated[str, Attribute("the Stripe price; may be empty")] = ""
    item: Annotated[str, Attribute("the item number that metadata or the product names")] = ""
    text: Annotated[str, Attribute("the text of the line; may be empty")] = ""
    tax: Annotated[SaleTax, Attribute("the tax of the line")] = NO_TAX


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesOrderRelease(Document):
    """The change that lets Dynamics process an order, once its total is right."""

    template: ClassVar[str] = "sales_order_release"

    total: Money


@dataclass(frozen=True, slots=True)
class MemoLine:
    """A line of a credit memo as its header remembers it. `amount_minor`: negative where it is
    given back; `taxes`: of a tax line, whose tax that is, by line."""

    number: int
    amount_minor: int
    kind: str
    product: str = ""
    item: str = ""
    text: str = ""
    taxes: Mapping[int, int] = field(default_factory=dict)
    tax: SaleTax = NO_TAX
    tax_group: str = ""
    item_tax_group: str = ""
    account: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoHeader(SaleDocument):
    """The header of a credit memo, of a return order, or of what reverses them. It remembers its
    lines, so that what was announced once is written to its end."""

    currency: Annotated[str, Fact("the currency, lower case")]
    customer: Annotated[Party, Fact("the customer")]
    sale: Annotated[str, Fact("the charge")]
    date: Annotated[date, Fact("the day of the refund")]
    prices: Annotated[str, Fact("net, or gross: with the tax that Dynamics computes")] = NET
    lines: tuple[MemoLine, ...] = ()
    refund: Annotated[str, Attribute("the refund")]


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditMemo(MemoHeader):
    """A free text credit memo (negative), or the free text invoice that reverses one."""

    template: ClassVar[str] = "credit_memo"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnOrder(MemoHeader):
    """A return order with disposition "credit only"."""

    template: ClassVar[str] = "return_order"


@dataclass(frozen=True, slots=True, kw_only=True)
class _MemoLineRecord(SaleDocument):
    amount: Annotated[Money, Fact("negative: given back to the customer")]
    memo: Annotated[str, Fact("the key of the memo")]
    kind: Annotated[str, Attribute("goods, shipping, tax, rounding or sale")]
    product: Annotated[str, Attribute("the Stripe product; may be empty")] = ""
    item: Annotated[str, Attribute("the item number; may be empty")] = ""
    text: Annotated[str, Attribute("the text of the line; may be empty")] = ""
    tax: Annotated[SaleTax, Attribute("the tax of the line")] = NO_TAX


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditMemoLine(_MemoLineRecord):
    """A line of a free text credit memo, against an account."""

    template: ClassVar[str] = "credit_memo_line"

    account: Annotated[AccountRole, Fact("the account")]
    main_account: Annotated[str, Fact("the main account that a table gives the tax key")] = ""
    tax_group: Annotated[str, Fact("its sales tax group; empty where Stripe's tax is a line")] = ""
    item_tax_group: Annotated[str, Fact("its item sales tax group; may be empty")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnOrderLine(_MemoLineRecord):
    """A line of a return order."""

    template: ClassVar[str] = "return_order_line"
    belongs_to: ClassVar[str] = "the return order"

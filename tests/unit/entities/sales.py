"""Sales as Stripe shows them, and a plain model of the orders that Dynamics makes of them.

The model knows nothing of how documents come about: it reads the fields of records and totals them
as Dynamics does: quantity times price less discount, rounded half up to the currency.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from shared.domain.documents import Document
from shared.domain.records import Link, Record
from shared.entities.charge import sale
from shared.entities.common.objects import Snapshot
from shared.mapping.finance import Target, render
from shared.packaged import packaged_mapping
from shared.policy import Policy
from tests.unit.entities.objects import BOOKS, CONTEXT, Json, charge, refund

PLACES = {"usd": 2, "eur": 2, "jpy": 0, "kwd": 3}
COMPANY = {"usd": "usmf", "jpy": "usmf", "kwd": "usmf", "eur": "demf"}
TARGET = Target(
    BOOKS,
    customer_id_property="StripeCustomerId",
    customer_id_chars_max=255,
    customers={("cus_1", "usmf"): "US-001", ("cus_1", "demf"): "DE-001"},
    mapping=packaged_mapping(),
)
NUMBER = {"SalesOrderNumber": "SO-1"}


def policy(**parts: Any) -> Policy:
    """Orders of all sales, with what the parts say."""
    orders = {"rounding_minor_max": 1_000, **parts.pop("orders", {})}
    return Policy.model_validate({"sales": [{"book": "order"}], "orders": orders, **parts})


def sold_charge(amount: int, currency: str, **changes: Any) -> Json:
    """A charge of an amount, captured whole."""
    return charge(amount=amount, amount_captured=amount, currency=currency, **changes)


def line_item(number: int, **changes: Any) -> Json:
    """A line item of a Checkout Session: 1000 minor units of one product."""
    return {
        "id": f"li_{number}",
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": 1_000,
        "amount_tax": 0,
        "amount_total": 1_000,
        "currency": "usd",
        "description": f"Thing {number}",
        "price": {"id": f"price_{number}", "object": "price", "product": f"prod_{number}"},
        "quantity": 1,
    } | changes


def session(items: list[Any], currency: str = "usd", **changes: Any) -> Json:
    """A paid Checkout Session."""
    listed = {"object": "list", "data": items, "has_more": False, "url": "/v1/line_items"}
    return {
        "id": "cs_1",
        "object": "checkout.session",
        "client_reference_id": "cart-7",
        "currency": currency,
        "invoice": None,
        "invoice_creation": {"enabled": False},
        "line_items": listed,
        "metadata": {},
        "mode": "payment",
        "shipping_cost": None,
    } | changes


def with_refunds(source: Json, refunds: Iterable[Json]) -> Json:
    """The charge with a list of refunds."""
    found = list(refunds)
    return {**source, "refunds": {"object": "list", "data": found, "has_more": False}}


def given_back(number: int, amount: int, **changes: Any) -> Json:
    """A refund, later than those with lower numbers."""
    made = refund()["created"] + number
    return refund(id=f"re_{number}", amount=amount, created=made, metadata={}, **changes)


def rounded(amount: Decimal, currency: str) -> Decimal:
    """Half up to the minor unit."""
    return amount.quantize(Decimal(1).scaleb(-PLACES[currency]), ROUND_HALF_UP)


def line_amount(fields: Mapping[str, Any], currency: str, *, per_unit: bool = False) -> Decimal:
    """What Dynamics makes of a line; `per_unit`: it takes the discount for that of one unit."""
    quantity = Decimal(fields["OrderedSalesQuantity"])
    discount = Decimal(fields["LineDiscountAmount"]) * (quantity if per_unit else 1)
    return rounded(quantity * Decimal(fields["SalesPrice"]) - discount, currency)


@dataclass
class Shop:
    """One sale and what Dynamics holds of it. `pushed`: orders that somebody else wrote."""

    charge: Json
    session: Json = field(default_factory=dict)
    policy: Policy = field(default_factory=policy)
    links: dict[str, Link] = field(default_factory=dict)
    invoiced: list[int] = field(default_factory=list)
    was_settled: bool = False
    pushed: tuple[Json, ...] = ()

    @property
    def currency(self) -> str:
        return str(self.charge["currency"])

    def snapshot(self) -> Snapshot:
        related = {"checkout_session": self.session} if self.session else {}
        order = self.links.get("order")
        answers: dict[str, tuple[Json, ...]] = {"order": self.pushed}
        if order is not None:
            row = {**NUMBER, "SalesOrderStatus": "Backorder", "dataAreaId": order.company}
            answers = {"order": (row,), "order_lines": tuple(self.rows())}
        return Snapshot(
            "charge",
            self.charge["id"],
            self.charge,
            related,
            links=self.links,
            answers=answers,
            was_settled=self.was_settled,
        )

    def rows(self) -> list[Json]:
        """The lines of the order as Dynamics shows them."""
        return [
            {
                "CustomersLineNumber": Decimal(number),
                "LineAmount": line_amount(record.fields, self.currency),
                "SalesOrderLineStatus": self._status(number, record),
            }
            for number, record in self.lines().items()
        ]

    def _status(self, number: int, record: Record) -> str:
        if record.fields["OrderedSalesQuantity"] == 0:
            return "Canceled"
        return "Invoiced" if number in self.invoiced else "Backorder"

    def lines(self) -> dict[int, Record]:
        """The records of the order's lines by number."""
        prefix = "line:"
        return {
            int(role.removeprefix(prefix)): link.record
            for role, link in self.links.items()
            if role.startswith(prefix)
        }

    def documents(self) -> tuple[Document, ...]:
        """What must exist now."""
        context = replace(CONTEXT, policy=self.policy)
        return sale.documents(self.snapshot(), context)

    def book(self) -> tuple[Document, ...]:
        """Write what must exist now, and return it."""
        found = self.documents()
        for document in found:
            record = render(document, TARGET, {"Number": "SO-1"})
            role = document.role
            if role.startswith("line:") and role not in self.links:
                assert record.fields["OrderedSalesQuantity"] != 0, "Dynamics refuses such a line"
            number = int(document.key) if role.startswith("line:") else 0
            if number in self.invoiced or self._is_cancelled(role):
                assert self.links[role].record.fields == record.fields, f"{role} is closed"
            self.links[role] = Link(NUMBER, record)
        return found

    def _is_cancelled(self, role: str) -> bool:
        kept = self.links.get(role)
        return kept is not None and kept.record.fields.get("OrderedSalesQuantity") == 0

    def refund(self, refunds: Iterable[Json]) -> None:
        self.charge = with_refunds(self.charge, refunds)

    def ordered(self) -> Decimal:
        """The total of the order, computed from its fields."""
        amounts = [line_amount(each.fields, self.currency) for each in self.lines().values()]
        again = [
            line_amount(each.fields, self.currency, per_unit=True) for each in self.lines().values()
        ]
        assert amounts == again, "the discount must not depend on how Dynamics reads it"
        return sum(amounts, Decimal(0))

    def credited(self) -> Decimal:
        """The sum of credit memos, of return orders and of what reverses them: negative."""
        found = Decimal(0)
        for role, link in self.links.items():
            fields: Mapping[str, Any] = link.record.fields
            if role.startswith("return_line:"):
                found += rounded(
                    fields["ReturnSalesQuantity"] * fields["SalesPrice"], self.currency
                )
            elif role.partition(":")[0] in ("credit_line", "reversal_line"):
                found += rounded(fields["Quantity"] * fields["UnitPrice"], self.currency)
        return found

    def major(self, minor: int) -> Decimal:
        """Minor units as Dynamics shows them."""
        return Decimal(minor).scaleb(-PLACES[self.currency])


def items(*lines: Any, **changes: Any) -> Shop:
    """A sale of 10.00 that tells its lines in metadata."""
    return Shop(sold_charge(1_000, "usd", metadata={"items": json.dumps(lines)}, **changes))

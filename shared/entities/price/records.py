"""The records of a price."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from shared.domain.documents import Attribute, Document, Fact
from shared.domain.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceJournal(Document):
    """A journal for the lines of a price."""

    template: ClassVar[str] = "price_journal"

    price: Annotated[str, Fact("the Stripe id")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceLine(Document):
    """The price of an item in one currency. `amount` is the price of `quantity` units."""

    template: ClassVar[str] = "price_line"
    belongs_to: ClassVar[str] = "the price journal"

    price: Annotated[str, Fact("the Stripe id")]
    item: Annotated[str, Fact("the item number")]
    unit: Annotated[str, Fact("the unit that the item is sold in")]
    amount: Annotated[Money, Fact("the price of so many units")]
    quantity: Annotated[int, Fact("units that the amount is for")]
    nickname: Annotated[str, Attribute("nickname; may be empty")] = ""
    lookup_key: Annotated[str, Attribute("lookup key; may be empty")] = ""
    interval: Annotated[str, Attribute("day, week, month or year; empty for one-time prices")] = ""

"""One line of a sale."""

from dataclasses import dataclass

GOODS, SHIPPING, TAX, ROUNDING, SALE = "goods", "shipping", "tax", "rounding", "sale"
ROUNDING_NUMBER = 9_999  # of the rounding line: behind all others
AMOUNT_MAX = 10**12
QUANTITY_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class SaleLine:
    """A line of a sale. `worth` is what it brings after discount and without tax; `listed` what it
    would bring without discount; both in minor units."""

    number: int
    kind: str
    worth: int
    quantity: int = 1
    listed: int = 0
    product: str = ""
    price: str = ""
    item: str = ""
    text: str = ""

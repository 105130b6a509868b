"""Values of fields, as a target renders them."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Symbol:
    """An enum member as the target renders it: `Symbol("NoYes", "Yes")`."""

    enum: str
    name: str


type Value = str | int | Decimal | date | Symbol
"""A value of a field. A `date` has no time of day."""

"""Amounts as integers of minor units, in the exponents that Stripe uses.

Stripe's minor units are not ISO 4217's: https://docs.stripe.com/currencies. Amounts become
`Decimal` only at the Dynamics edge; there are no floats here.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

ZERO_DECIMAL: tuple[str, ...] = (
    *("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv"),
    *("xaf", "xof", "xpf"),
)
THREE_DECIMAL: tuple[str, ...] = ("bhd", "jod", "kwd", "omr", "tnd")
DEFAULT_EXPONENT = 2  # also ISK and UGX, which ISO counts as zero-decimal and Stripe does not

_CODE = re.compile(r"[a-z]{3}")


class CurrencyMismatchError(ValueError):
    """Amounts of two currencies met in one sum."""


def is_currency(value: object) -> bool:
    """True for a lower-case code of three letters."""
    return isinstance(value, str) and bool(_CODE.fullmatch(value))


def exponent(currency: str) -> int:
    """Decimal places of Stripe's minor unit: 0, 2 or 3. Raises ValueError for a non-code."""
    if not is_currency(currency):
        raise ValueError(f"not a lower-case currency code: {currency!r}")
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else DEFAULT_EXPONENT


def major(minor: int, currency: str) -> Decimal:
    """Minor units in major units, exact. Raises ValueError for a non-code."""
    # From text: arithmetic would round to the precision of the decimal context.
    return Decimal(f"{minor}E-{exponent(currency)}")


@dataclass(frozen=True, slots=True)
class Money:
    """`minor` units of `currency` (lower-case code). Arithmetic stays in one currency."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise TypeError(f"minor units are int, not {type(self.minor).__name__}")
        exponent(self.currency)

    def _same(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise CurrencyMismatchError(f"{self.currency} and {other.currency} do not add up")

    def __add__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(self.minor - other.minor, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __bool__(self) -> bool:
        return self.minor != 0

    def decimal(self) -> Decimal:
        """The amount in major units, exact: `Money(-1050, "usd")` is `Decimal("-10.50")`."""
        return major(self.minor, self.currency)

    def __str__(self) -> str:
        return f"{self.currency.upper()} {self.decimal():,f}"


def from_decimal(amount: Decimal, currency: str) -> Money:
    """Major units back to `Money`. Raises ValueError when the amount has finer digits."""
    places = exponent(currency)
    sign, digits, power = amount.as_tuple()
    shift = power + places if isinstance(power, int) else 0
    cut = digits[shift:] if shift < 0 else ()
    if not amount.is_finite() or any(cut):
        raise ValueError(f"{amount} has more digits than {currency} allows")
    return Money(int(Decimal((sign, digits, shift))), currency)


def total(amounts: Iterable[Money], currency: str) -> Money:
    """The sum of amounts of one currency; zero when there are none."""
    result = Money(0, currency)
    for amount in amounts:
        result = result + amount
    return result

"""Sales by orders: by which policy, and what the merchant's baskets are."""

import random

from local.shop import Baskets
from local.stripe import StripePeer
from shared.ports import Json

POLICY = """
kind: policy
name: simulated
"""
ACCRUAL = """
fees: vendor_invoice
"""
SALES = """
sales:
  - when: {currency: [eur]}
    book: order
orders: {partial_capture: spread}
catalogue: {products: create, prices: true}
tax: lines
"""
ROUTES = """
routes:
  - when: {metadata: {shop: [us]}}
    company: usmf
"""
CURRENCY = "eur"
PRICES_MINOR = {CURRENCY: (99, 9_000)}
BASKET_SHARE = 0.6  # of card sales in this currency
ROUTED_SHARE = 0.3  # of baskets are sold by the other company
NAMED_SHARE = 0.6  # of baskets whose refunds in part name the lines that come back


def policies(*, orders: bool, routes: bool, fees_accrue: bool) -> tuple[str, ...]:
    """The policy of a seed, or none where the product's own stays. `routes`: of `orders`, with
    sales of a shop that belong to the other company."""
    parts = ((ACCRUAL, fees_accrue), (SALES, orders), (ROUTES, orders and routes))
    chosen = [text for text, is_chosen in parts if is_chosen]
    return ("".join((POLICY, *chosen)),) if chosen else ()


class Counter:
    """Where baskets are paid. It draws from a stream of its own: the rest of a seed's business is
    the same with and without it."""

    def __init__(self, peer: StripePeer, seed: int) -> None:
        self._rng = random.Random(f"baskets {seed}")  # noqa: S311 - a seeded world
        self._returns = random.Random(f"returns {seed}")  # noqa: S311 - a seeded world
        self._baskets = Baskets(peer, self._rng, PRICES_MINOR)
        self._left: dict[str, dict[int, int]] = {}  # by charge: lines whose returns name them

    def wants(self, currency: str) -> bool:
        """Whether a card sale is one of a basket."""
        return currency == CURRENCY and self._rng.random() < BASKET_SHARE

    def pay(self, card: str, customer: str) -> Json:
        """Fill a basket and pay it; returns the PaymentIntent."""
        shop = "us" if self._rng.random() < ROUTED_SHARE else "de"
        intent = self._baskets.buy(CURRENCY, card, customer, {"shop": shop})
        if self._returns.random() < NAMED_SHARE:
            self._left[str(intent["latest_charge"])] = self._baskets.lines(str(intent["id"]))
        return intent

    def returned(self, charge: str, amount: int) -> dict[int, int]:
        """What comes back for at most this amount: of which line how much with its tax. Empty where
        the refund names no lines. A line whose refund fails does not come back a second time."""
        left = self._left.get(charge, {})
        number = max(left, key=lambda number: (left[number], number), default=0)
        share = min(amount, left.get(number, 0))
        if not share:
            return {}
        left[number] -= share
        return {number: share}

    def retire(self) -> str:
        """A product is not sold any more."""
        return self._baskets.retire(CURRENCY) or "nothing is sold yet"

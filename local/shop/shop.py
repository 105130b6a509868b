"""A shop for the demo: customers who come and pay, some who want their money back.

Everything is drawn from one seed and acts through the Stripe peer, as a merchant's own code would
through the API.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from local.shop.baskets import Baskets
from local.stripe import ApiError, StripePeer
from shared.ports import Clock, Json

FIRST_NAMES = ("Ada", "Björn", "Chiara", "Dev", "Élodie", "Farah", "Goran", "Hana", "Ivo", "Jun")
LAST_NAMES = ("Ács", "Brandt", "Costa", "Dubois", "Eriksen", "Fuchs", "Grey", "Haruki", "Ito")
CURRENCIES = (("usd", 0.55), ("eur", 0.33), ("jpy", 0.12))
BASKET_CURRENCY = "eur"
BASKET_SHARE = 0.6  # of its sales go through Checkout
BASKET_PRICES_MINOR = {BASKET_CURRENCY: (700, 9_000)}
PRICES_MINOR = {"usd": (500, 25_000), "eur": (700, 30_000), "jpy": (800, 40_000)}
ORDER_FIRST = 1001  # the shop numbers its orders W-1001 and on
CARDS = ("pm_card_visa", "pm_card_mastercard", "pm_card_amex")
DECLINED_CARD = "pm_card_chargeDeclined"
GUEST_SHARE = 0.05  # of charges have no customer
REFUND_SHARE = 0.08
FULL_REFUND_SHARE = 0.5
REFUND_DAYS_MAX = 6.0
DECLINE_SHARE = 0.01
DISPUTED_AT = ((0.25, False), (0.5, True))  # share of the sales, whether the shop wins
DISPUTE_DAYS = 6
CUSTOMER_CHANGE_SHARE = 0.02


@dataclass(slots=True)
class Takings:
    """What the shop did, for the summary."""

    customers: int = 0
    charges: int = 0
    declined: int = 0
    refunds: int = 0
    disputes: int = 0
    customer_ids: list[str] = field(default_factory=list)


class Shop:
    """Plans a period of business and lives through it on the world's clock."""

    def __init__(self, peer: StripePeer, clock: Clock, seed: int) -> None:
        self._peer = peer
        self._clock = clock
        self._rng = random.Random(f"shop {seed}")  # noqa: S311 - a seeded world
        self._baskets = Baskets(peer, self._rng, BASKET_PRICES_MINOR)
        self.takings = Takings()
        self._last_charge = ""
        self._disputed: list[str] = []
        self._open_disputes: list[tuple[datetime, str, bool]] = []
        self._open_refunds: list[tuple[datetime, str, int]] = []

    async def run(
        self, customers: int, charges: int, days: int, progress: Callable[[int], None]
    ) -> None:
        """Do business for `days`; `progress` is told the number of charges tried so far."""
        started = self._clock.now()
        moments = sorted(self._rng.uniform(0, days * 86_400) for _ in range(charges))
        opening = self._plan_customers(customers)
        for index, seconds in enumerate(moments):
            await self._until(started + timedelta(seconds=seconds))
            while opening and opening[-1] <= index / max(charges, 1):
                opening.pop()
                self._new_customer()
            self._one_sale(last=index == charges - 1)
            self._disputes(index, charges)
            self._refunds()
            progress(index + 1)
        await self._until(started + timedelta(days=days))
        self._refunds(every=True)

    def _plan_customers(self, customers: int) -> list[float]:
        """When customers come, as shares of the period, latest first; a third is there already."""
        early = customers // 3
        shares = [0.0] * early
        shares += [self._rng.random() * 0.9 for _ in range(customers - early)]
        return sorted(shares, reverse=True)

    async def _until(self, moment: datetime) -> None:
        seconds = (moment - self._clock.now()).total_seconds()
        if seconds > 0:
            await self._clock.sleep(seconds)

    def _new_customer(self) -> None:
        name = f"{self._rng.choice(FIRST_NAMES)} {self._rng.choice(LAST_NAMES)}"
        number = self.takings.customers + 1
        found = self._peer.request(
            "POST", "/v1/customers", {"name": name, "email": f"customer{number}@example.com"}
        )
        self.takings.customer_ids.append(str(found["id"]))
        self.takings.customers = number

    def _currency(self) -> str:
        draw = self._rng.random()
        for currency, share in CURRENCIES:
            draw -= share
            if draw < 0:
                return currency
        return CURRENCIES[0][0]

    def _one_sale(self, *, last: bool) -> None:
        currency = self._currency()
        low, high = PRICES_MINOR[currency]
        params: dict[str, object] = {
            "amount": self._rng.randint(low, high),
            "currency": currency,
            "payment_method": self._rng.choice(CARDS),
            "confirm": True,
        }
        ids = self.takings.customer_ids
        if ids and self._rng.random() >= GUEST_SHARE:
            params["customer"] = self._rng.choice(ids)
        declined = self._rng.random() < DECLINE_SHARE or (last and not self.takings.declined)
        if declined:
            self._decline(params)
            return
        named = {"order_id": f"W-{ORDER_FIRST + self.takings.charges}"}
        if currency == BASKET_CURRENCY and self._rng.random() < BASKET_SHARE:
            card, customer = str(params["payment_method"]), str(params.get("customer", ""))
            intent = self._baskets.buy(currency, card, customer, named)
        else:
            params["metadata"] = named
            intent = self._peer.request("POST", "/v1/payment_intents", params)
        self.takings.charges += 1
        if not self._afterwards(intent):
            self._last_charge = str(intent["latest_charge"])

    def _disputes(self, index: int, charges: int) -> None:
        """Two customers go to their banks; after some days each dispute is decided."""
        for share, won in DISPUTED_AT:
            due_now = index == int(charges * share)
            if due_now and self._last_charge and self._last_charge not in self._disputed:
                dispute = self._peer.dispute_charge(self._last_charge)
                self._disputed.append(self._last_charge)
                due = self._clock.now() + timedelta(days=DISPUTE_DAYS)
                self._open_disputes.append((due, dispute, won))
                self.takings.disputes += 1
        for due, dispute, won in list(self._open_disputes):
            if due <= self._clock.now():
                self._open_disputes.remove((due, dispute, won))
                if won:
                    self._peer.win_dispute(dispute)
                else:
                    self._peer.lose_dispute(dispute)

    def _refunds(self, *, every: bool = False) -> None:
        """Pay back what is due by now, or everything."""
        for due, intent, amount in list(self._open_refunds):
            if every or due <= self._clock.now():
                self._open_refunds.remove((due, intent, amount))
                self._peer.request(
                    "POST", "/v1/refunds", {"payment_intent": intent, "amount": amount}
                )
                self.takings.refunds += 1

    def _decline(self, params: dict[str, object]) -> None:
        try:
            self._peer.request(
                "POST", "/v1/payment_intents", {**params, "payment_method": DECLINED_CARD}
            )
        except ApiError:
            self.takings.declined += 1
        else:
            raise RuntimeError("the declined card was accepted")

    def _afterwards(self, intent: Json) -> bool:
        """Perhaps a refund in some days or a new address; tells whether money goes back."""
        draw = self._rng.random()
        amount = int(intent["amount"])
        if draw < REFUND_SHARE:
            whole = self._rng.random() < FULL_REFUND_SHARE
            part = amount if whole else self._rng.randint(1, amount)
            days = self._rng.uniform(0, REFUND_DAYS_MAX)
            due = self._clock.now() + timedelta(days=days)
            self._open_refunds.append((due, str(intent["id"]), part))
            return True
        if draw < REFUND_SHARE + CUSTOMER_CHANGE_SHARE and intent["customer"]:
            self._peer.request(
                "POST",
                f"/v1/customers/{intent['customer']}",
                {"email": f"changed{self.takings.charges}@example.com"},
            )
        return False

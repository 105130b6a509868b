"""A business: people who come, pay, change their minds and go. Seeded, and deaf to the app.

Nothing here depends on what the app does, so a seed makes the same business whatever fails.
"""

import random
from dataclasses import dataclass

from local.simulation.disputes import DisputePlan
from local.simulation.faults import Injector
from local.simulation.orders import Counter
from local.simulation.sales import HALF_PAIR, Sales
from local.simulation.schedule import DAY, HOUR, Schedule
from local.simulation.timeline import Timeline
from local.stripe import FEES, FEES_WITH_EUR_TAX, PayoutSchedule, PeerSettings, StripePeer
from shared.ports import Clock

STRANGE = (
    *("ocean_order_purchase", "topup", "other_adjustment", "contribution"),
    "gift_repayment",
)
"""Rare reporting categories; the first and the last are those of tomorrow, which no rule of the app
knows: suspense and inbox."""
PAYING_CURRENCIES = ("usd", "eur", "jpy")
LEAVING_SHARE = 0.15
SHARED_EVERY = 4  # each fourth customer has the address of the one before
DAYS_BETWEEN_ODDITIES = 8
RUSH_SHARE = 0.5  # of seeds have an hour in which half of Paris wants the same shoes
RUSH_SALES = (20, 60)
RUSH_SECONDS = (20.0, 600.0)


@dataclass(frozen=True, slots=True)
class Trade:
    """How much business: sales and customers, least and most, within how many days; what follows
    a sale may come later. `name` tells customers of one trade from those of another."""

    name: str
    days: float
    sales: tuple[int, int] = (25, 45)
    customers: tuple[int, int] = (5, 12)
    rushes: bool = True


def past(days: float) -> Trade:
    """What was before the app was switched on: little enough not to take all the time."""
    return Trade("former", days, sales=(6, 14), customers=(2, 4), rushes=False)


def beside(days: float) -> Trade:
    """The business of the second Stripe account."""
    return Trade("second", days, sales=(6, 14), customers=(2, 4), rushes=False)


def account_of(seed: int) -> PeerSettings:
    """How the Stripe account of a seed is set up."""
    rng = random.Random(f"account {seed}")  # noqa: S311 - a seeded world
    payouts = PayoutSchedule(
        arrival_days=rng.randint(1, 4),
        minimum_minor=rng.choice((1, 1, 5_000)),
        negative=rng.random() < 0.5,  # noqa: PLR2004 - a coin
    )
    return PeerSettings(
        fees=rng.choice((FEES, FEES_WITH_EUR_TAX)),
        refund_fee_returned=rng.random() < 0.5,  # noqa: PLR2004 - a coin
        payouts=payouts if rng.random() < 0.8 else None,  # noqa: PLR2004 - some pay by hand
    )


class Merchant:
    """Plans a period and lives through it."""

    def __init__(
        self,
        peer: StripePeer,
        clock: Clock,
        seed: int,
        *,
        injector: Injector,
        timeline: Timeline,
        days: float,
        counter: Counter | None = None,
        trade: Trade | None = None,
    ) -> None:
        """`days`: of the whole period; `trade` None: business in all of it."""
        self._trade = trade or Trade("merchant", days)
        rng = random.Random(f"{self._trade.name} {seed}")  # noqa: S311 - a seeded world
        self._peer = peer
        self._injector = injector
        self._schedule = Schedule(clock, rng, timeline, days)
        self._counter = counter
        self._customers: list[str] = []
        self._came = 0  # customers so far, those that left among them
        self._sales = Sales(peer, self._schedule, injector, self._somebody, counter)
        self._disputes = DisputePlan(peer, self._schedule, seed)

    @property
    def sales(self) -> int:
        """Sales tried so far."""
        return self._sales.count

    async def run(self) -> None:
        """Do business for the period."""
        schedule, trade = self._schedule, self._trade
        whole = trade.days * DAY
        customers = schedule.rng.randint(*trade.customers)
        for number in range(customers):
            latest = 0.0 if number < customers // 2 else 0.8 * whole
            schedule.soon(0.0, latest, "a customer comes", self._come)
        for _ in range(schedule.rng.randint(*trade.sales)):
            schedule.soon(0.0, whole, "a sale", self._sales.sell)
        for _ in range(int(trade.days / DAYS_BETWEEN_ODDITIES) + 1):
            schedule.soon(0.0, whole, "a bill of Stripe", self._bill)
            schedule.soon(0.0, whole, "something strange", self._strange)
            schedule.soon(0.0, whole, "a payout by hand", self._pay_out)
            schedule.soon(0.0, whole, "a bank returns a payout", self._return)
        if trade.rushes and schedule.happens(RUSH_SHARE):
            self._rush(whole)
        if self._counter is not None:
            schedule.soon(0.3 * whole, whole, "a product is archived", self._counter.retire)
        if trade.rushes:
            self._disputes.make(trade.days)
        await schedule.run()

    def _rush(self, whole: float) -> None:
        """Many sales at once: only then do batches, journals and leases fill."""
        schedule = self._schedule
        begin = schedule.rng.uniform(0.1 * whole, 0.8 * whole)
        end = begin + schedule.rng.uniform(*RUSH_SECONDS)
        for _ in range(schedule.rng.randint(*RUSH_SALES)):
            schedule.soon(begin, end, "a sale in the rush", self._sales.sell)

    def _somebody(self) -> str:
        return self._schedule.rng.choice(self._customers) if self._customers else ""

    def _come(self) -> str:
        self._came += 1
        address = self._came if self._came % SHARED_EVERY else self._came - 1
        email = f"{self._trade.name}-{address}@example.com"
        params = {"name": f"Customer {self._came}", "email": email}
        if self._injector.strikes("stripe_broken_text", "name"):
            params["name"] += HALF_PAIR
        id = str(self._peer.request("POST", "/v1/customers", params)["id"])
        self._customers.append(id)
        self._schedule.soon(HOUR, 20 * DAY, "a customer moves", lambda: self._change(id))
        if self._schedule.happens(LEAVING_SHARE):
            self._schedule.soon(5 * DAY, 25 * DAY, "a customer goes", lambda: self._go(id))
        return id

    def _change(self, id: str) -> str:
        tail = id[-6:].lower()
        self._peer.request("POST", f"/v1/customers/{id}", {"email": f"new-{tail}@example.com"})
        if self._injector.strikes("webhook_same_second", f"customer {id}"):
            params = {"email": f"newer-{tail}@example.com"}
            self._peer.request("POST", f"/v1/customers/{id}", params)
        return id

    def _go(self, id: str) -> str:
        self._customers.remove(id)
        self._peer.request("DELETE", f"/v1/customers/{id}")
        return id

    # --- money ------------------------------------------------------------------------------

    def _bill(self) -> str:
        currency = self._schedule.rng.choice(("usd", "eur"))
        return self._peer.bill_fee(self._schedule.rng.randint(100, 2_000), currency, "Radar")

    def _strange(self) -> str:
        category = self._schedule.rng.choice(STRANGE)
        amount = self._schedule.rng.choice((-1, 1)) * self._schedule.rng.randint(100, 3_000)
        return f"{self._peer.enter_other(category, amount, 'usd')} {category} {amount}"

    def _pay_out(self) -> str:
        currency = self._schedule.rng.choice(PAYING_CURRENCIES)
        available = self._peer.available_minor(currency)
        if available <= 1:
            return f"nothing to pay out in {currency}"
        instant = self._schedule.happens(0.5)
        params: dict[str, object] = {
            "amount": self._schedule.rng.randint(1, max(available // 3, 1)),
            "currency": currency,
            "method": "instant" if instant else "standard",
        }
        payout = self._peer.request("POST", "/v1/payouts", params)
        path = f"/v1/payouts/{payout['id']}/cancel"
        if not instant and self._schedule.happens(0.3):
            self._schedule.at(
                600, "a payout is cancelled", lambda: self._peer.request("POST", path)["id"]
            )
        return f"{payout['id']} {payout['amount']} {currency} {payout['method']}"

    def _return(self) -> str:
        """One of the latest payouts comes back, on its way or after it was paid."""
        payouts = [
            each
            for each in self._peer.objects("payout")
            if each["status"] in ("in_transit", "paid")
        ]
        if not payouts:
            return "no payout yet"
        chosen = self._schedule.rng.choice(payouts[-3:])
        before = chosen["status"]
        self._peer.fail_payout(str(chosen["id"]))
        return f"{chosen['id']} was {before}"

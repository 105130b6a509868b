"""One object and one crash at a time: the process dies at each of its crash points in turn.

Whatever the point, the books must end as they do without a crash: the same lines, but for numbers
that Dynamics gives. Points at pure reads are left out: what a crash there leaves behind is what one
at the write before leaves.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import simplejson

from local.books import CUSTOMER_ID_PROPERTY
from local.clock import LoopClock
from local.dynamics import DynamicsPeer
from local.loop import run_virtual
from local.servicebus.messages import Outgoing
from local.simulation.conditions import Conditions
from local.simulation.environment import Environment, open_environment
from local.simulation.faults import Injector
from local.simulation.invariants import at_rest
from local.simulation.oracle import line_keys, place_of
from local.simulation.process import Process
from local.simulation.subject import Violation
from local.simulation.timeline import Timeline
from local.stripe import FEES_WITH_EUR_TAX, PayoutSchedule, PeerSettings
from shared.stores.item import Item

START = datetime(2026, 10, 12, 0, 30, tzinfo=UTC)  # the first sweeps come after two hours
SEED = 1
TIMERS_SECONDS = 4.2 * 3_600  # every timer has run by then
READS = ("tables.get", "tables.query", "stripe.page", "stripe.balance", "dynamics.find")
ACCOUNT = PeerSettings(
    fees=FEES_WITH_EUR_TAX,
    settle_delay_seconds=(2.0, 2.0),
    available_after_days=0,
    payouts=PayoutSchedule(hour_utc=1, arrival_days=0, reconcile_seconds=(600.0, 600.0)),
)
NO_PAYOUTS = PeerSettings(
    fees=FEES_WITH_EUR_TAX,
    settle_delay_seconds=(2.0, 2.0),
    available_after_days=0,
    refund_fee_returned=True,
    payouts=None,
)
REQUESTS = ("stripe request", "dynamics request")
"""Left out where timers read lists page by page: what a port call leaves is the same."""
HOURS_MAX = 48
STEP_SECONDS = 900.0
PAYOUT_SECONDS = 8 * 3_600.0

type Line = tuple[str, str, str, str, str, Decimal, str]
"""Key (Stripe id and component), company, account type and account (of customers: the Stripe id),
currency, amount, day."""


@dataclass(frozen=True, slots=True)
class Aftermath:
    """The books at the end, the points crossed while armed, and what is wrong."""

    lines: tuple[Line, ...]
    points: tuple[str, ...]
    violations: tuple[Violation, ...]


class _Bomb:
    """Counts the points that matter, and kills at one."""

    def __init__(
        self, environment: Environment, kill_at: int | None, skipped: tuple[str, ...]
    ) -> None:
        self.points: list[str] = []
        self._environment = environment
        self._kill_at = kill_at
        self._skipped = skipped
        environment.instances.crossed = self._crossed

    def _crossed(self, process: Process, point: str) -> None:
        name = point.partition(" ")[2]
        if name in READS or name in self._skipped or not process.moves:
            return
        self.points.append(point)
        if len(self.points) == self._kill_at:
            self._environment.instances.kill(process)


def aftermath(scenario: str, kill_at: int | None = None) -> Aftermath:
    """Live through a scenario (a name in `SCENARIOS`); the process dies at the `kill_at`th point
    from 1 on, None: never."""
    before, after, account = SCENARIOS[scenario]

    async def main(clock: LoopClock) -> Aftermath:
        timeline = Timeline(clock)
        injector = Injector(SEED, timeline, rates={})
        async with open_environment(
            clock, SEED, injector, timeline, account=account, conditions=Conditions()
        ) as environment:
            await before(environment)
            bomb = _Bomb(environment, kill_at, REQUESTS if after is _timers else ())
            await after(environment)
            await _settle(environment)
            environment.dynamics.post_journals()
            violations = await at_rest(environment.subject)
            points = tuple(bomb.points)
            return Aftermath(tuple(sorted(_lines(environment.dynamics))), points, tuple(violations))

    return run_virtual(main, start=START)


async def _settle(environment: Environment) -> None:
    """Time passes until nothing is open."""
    for _ in range(int(HOURS_MAX * 3_600 / STEP_SECONDS)):
        await environment.clock.sleep(STEP_SECONDS)
        if (
            environment.stripe.exhausted()
            and environment.is_idle()
            and not await at_rest(environment.subject)
        ):
            return


def _lines(dynamics: DynamicsPeer) -> list[Line]:
    customers = {
        (str(row["dataAreaId"]), str(row["CustomerAccount"])): str(row[CUSTOMER_ID_PROPERTY])
        for row in dynamics.records("CustomersV3")
    }
    ledger, keys = dynamics.ledger(), line_keys(dynamics)
    return [
        (
            keys.get(place_of(line), ""),
            line.company,
            line.account_type,
            customers.get((line.company, line.account)) or line.account,
            line.currency,
            line.amount,
            line.date.isoformat(),
        )
        for line in (*ledger.posted, *ledger.drafts)
    ]


def _pay(environment: Environment, currency: str = "eur") -> None:
    customer = environment.stripe.request("POST", "/v1/customers", {"name": "Ada Ács"})
    environment.stripe.request(
        "POST",
        "/v1/payment_intents",
        {
            "amount": 12_345,
            "currency": currency,
            "customer": customer["id"],
            "payment_method": "pm_card_visa",
            "confirm": True,
        },
    )


async def _nothing(environment: Environment) -> None:
    del environment


async def _charge(environment: Environment) -> None:
    _pay(environment)
    await environment.clock.sleep(STEP_SECONDS)


async def _refund(environment: Environment) -> None:
    (charge,) = environment.stripe.objects("charge")
    environment.stripe.request("POST", "/v1/refunds", {"charge": charge["id"], "amount": 5_000})
    await environment.clock.sleep(STEP_SECONDS)


async def _payout(environment: Environment) -> None:
    """The daily payout comes, is reconciled and paid."""
    await environment.clock.sleep(PAYOUT_SECONDS)


async def _neglected(environment: Environment) -> None:
    """Work for timers: a posted journal, a parked item whose cause went away, a dead letter, and
    events that Stripe calls delivered."""
    _pay(environment, "gbp")
    await _charge(environment)
    environment.dynamics.post_journals()
    environment.currencies = ("gbp",)
    environment.instances.redeploy(environment.settings())
    await environment.instances.calm()
    environment.is_switched_on = False
    _pay(environment)
    _, first, _ = environment.stripe.objects("charge")
    environment.stripe.request("POST", "/v1/refunds", {"charge": first["id"], "amount": 5_000})
    item = Item("evt_given_up", "charge.updated", "charge", str(first["id"]))
    body: str = simplejson.dumps(item.message(0).body)
    environment.broker.give_up("charge", Outgoing("evt_given_up", body.encode(), "0"), "simulated")


async def _timers(environment: Environment) -> None:
    await environment.clock.sleep(TIMERS_SECONDS)


type Act = Callable[[Environment], Awaitable[None]]

SCENARIOS: dict[str, tuple[Act, Act, PeerSettings]] = {
    "charge": (_nothing, _charge, NO_PAYOUTS),
    "refund": (_charge, _refund, NO_PAYOUTS),
    "payout": (_charge, _payout, ACCOUNT),
    "timers": (_neglected, _timers, NO_PAYOUTS),
}
"""What happens before, with no crash; what happens then, and the account it happens on."""

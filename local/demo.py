"""The demo: a month of a shop, on virtual time, with the faults of ordinary life."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from local.clock import LoopClock
from local.dynamics import DynamicsFaults, DynamicsSettings
from local.loop import run_virtual
from local.publishing import embedded
from local.shop import Shop, Takings
from local.stripe import FEES_WITH_EUR_TAX, DeliveryFaults, PeerSettings, StripeFaults
from local.summary import Summary, summarise
from local.world import Options, World, open_world

DEFAULT_SEED = 1
START = datetime(2026, 10, 1, tzinfo=UTC)
CUSTOMERS = 40
CHARGES = 400
DAYS = 30
SETTLE_DAYS_MAX = 30
POSTED_DAILY_SECONDS = 86_400.0
MEASURED_HOURLY = "50 5 * * * *"  # nobody reads the gauges: 12 times fewer runs of the timer

type Progress = Callable[[str, int, int], None]
"""Told (stage, done, total)."""


@dataclass(frozen=True, slots=True)
class Demo:
    """What came of it."""

    takings: Takings
    summary: Summary
    ended_at: datetime


def options(seed: int) -> Options:
    """10 % duplicates, shuffled delivery, some 429s, some lost answers."""
    return Options(
        seed=seed,
        documents=embedded(),
        schedules={"measure": MEASURED_HOURLY},
        stripe=PeerSettings(fees=FEES_WITH_EUR_TAX),
        stripe_faults=StripeFaults(
            rate_limit=0.02,
            server_error=0.005,
            delivery=DeliveryFaults(duplicate=0.1, shuffle_seconds=600),
        ),
        dynamics=DynamicsSettings(post_interval_seconds=POSTED_DAILY_SECONDS),
        dynamics_faults=DynamicsFaults(throttle=0.02, error_after_commit=0.03),
    )


def run(
    progress: Progress,
    seed: int = DEFAULT_SEED,
    customers: int = CUSTOMERS,
    charges: int = CHARGES,
    days: int = DAYS,
) -> Demo:
    """Live through the period, let everything settle, and sum up."""

    async def main(clock: LoopClock) -> Demo:
        async with open_world(clock, options(seed)) as world:
            shop = Shop(world.stripe, clock, seed)
            await shop.run(customers, charges, days, lambda done: progress("sales", done, charges))
            await _settle(world, progress)
            return Demo(shop.takings, await summarise(world), clock.now())

    return run_virtual(main, start=START)


async def _settle(world: World, progress: Progress) -> None:
    """Days without business, until every payout arrived, was reconciled and is posted."""
    for day in range(SETTLE_DAYS_MAX):
        if world.stripe.exhausted() and not await _untied(world):
            break
        progress("settling", day + 1, SETTLE_DAYS_MAX)
        await world.clock.sleep(timedelta(days=1).total_seconds())
    await world.idle()
    await world.clock.sleep(POSTED_DAILY_SECONDS)  # the last drafts are posted
    await world.idle()
    progress("settling", SETTLE_DAYS_MAX, SETTLE_DAYS_MAX)


async def _untied(world: World) -> bool:
    payouts = (await world.get("payouts"))["payouts"]
    return any(payout["status"] != "tied" for payout in payouts)

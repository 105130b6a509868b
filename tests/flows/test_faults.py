"""Small months under faults: nothing twice, nothing missing, every difference zero."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from local.dynamics.faults import Faults as DynamicsFaults
from local.dynamics.settings import Settings as DynamicsSettings
from local.servicebus.messages import Outgoing
from local.shop import Shop
from local.stripe import FEES_WITH_EUR_TAX, DeliveryFaults, PayoutSchedule, PeerSettings
from local.stripe import Faults as StripeFaults
from local.summary import Listed
from local.tables import MemoryTables
from local.world import Options, World
from shared import bootstrap
from shared.errors import StorageUnavailable
from shared.ports import Row
from tests.world import (
    DAY,
    HOUR,
    MINUTE,
    NO_GAPS,
    customers,
    doubles,
    gaps,
    lines,
    live,
    new_customer,
    parked,
    rest,
    sell,
    transactions_of,
    waiting,
)

CUSTOMERS, CHARGES, DAYS = 10, 36, 2
SETTLE_HOURS_MAX = 20 * 24
STEP_HOURS = 6
QUICK = PayoutSchedule(arrival_days=1, reconcile_seconds=(HOUR, 20.0 * HOUR))
ACTIVITIES = ("payout_membership_page", "payout_tie_out")


async def _month(world: World) -> None:
    """Some days of business, then days without, until all is paid out and tied."""
    shop = Shop(world.stripe, world.clock, world.options.seed)
    await shop.run(CUSTOMERS, CHARGES, DAYS, lambda _: None)
    for _ in range(0, SETTLE_HOURS_MAX, STEP_HOURS):
        payouts = (await world.get("payouts"))["payouts"]
        if world.stripe.exhausted() and all(each["status"] == "tied" for each in payouts):
            break
        await world.clock.sleep(STEP_HOURS * HOUR)
    await world.idle()


async def _all_is_well(world: World) -> None:
    """Nothing twice, nothing left over, every payout tied; read without faults."""
    world.dynamics.faults = DynamicsFaults()
    world.stripe.set_faults(StripeFaults())
    assert doubles(world) == {}
    assert await parked(world) == []
    assert await waiting(world) == []
    assert await gaps(world) == NO_GAPS
    payouts = (await world.get("payouts"))["payouts"]
    assert len(payouts) >= 2
    assert [each for each in payouts if each["status"] != "tied"] == []
    assert {each["difference_minor"] for each in payouts} == {0}
    written = {key.partition(":")[0] for key in lines(world)}
    made = [txn["id"] for txn in world.stripe.objects("balance_transaction")]
    assert [txn for txn in made if txn not in written] == []
    assert len(made) > CHARGES
    # Activities fail where a vendor does, and are tried again by their flow; nothing else may.
    assert [each for each in world.host.failures if each.function not in ACTIVITIES] == []


DELIVERY = DeliveryFaults(
    duplicate=0.3, shuffle_seconds=3_600, rolled_secret=0.1, old_api_version=0.1
)


def _options(seed: int, dynamics: DynamicsFaults, stripe: StripeFaults) -> Options:
    return Options(
        seed=seed,
        stripe=PeerSettings(fees=FEES_WITH_EUR_TAX, available_after_days=1, payouts=QUICK),
        stripe_faults=stripe,
        dynamics=DynamicsSettings(post_interval_seconds=HOUR),
        dynamics_faults=dynamics,
    )


FAULTS: dict[str, tuple[Sequence[str], DynamicsFaults, StripeFaults]] = {
    "answers lost after the work is done": (
        ("error_after_commit",),
        DynamicsFaults(error_after_commit=0.2),
        StripeFaults(delivery=DELIVERY),
    ),
    "work done long after the answer is lost": (
        ("late_commit",),
        DynamicsFaults(late_commit=0.15, late_commit_seconds=90, error_after_commit=0.1),
        StripeFaults(delivery=DELIVERY),
    ),
    "batches cut in the middle": (
        ("drop_mid_batch", "truncate_batch"),
        DynamicsFaults(drop_mid_batch=0.15, truncate_batch=0.15),
        StripeFaults(delivery=DELIVERY),
    ),
    "a vendor that is busy": (
        ("throttle", "server_error", "html_error", "timeout_before_commit"),
        DynamicsFaults(
            throttle=0.1, server_error=0.05, html_error=0.05, timeout_before_commit=0.05
        ),
        StripeFaults(rate_limit=0.1, server_error=0.05, latency_seconds=3, delivery=DELIVERY),
    ),
    "all of it": (
        ("throttle", "error_after_commit"),
        DynamicsFaults(
            latency_seconds=(0.1, 8.0),
            throttle=0.05,
            server_error=0.03,
            error_after_commit=0.1,
            late_commit=0.03,
            drop_mid_batch=0.05,
            truncate_batch=0.05,
        ),
        StripeFaults(rate_limit=0.05, server_error=0.02, timeout=0.02, delivery=DELIVERY),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_month_under_faults_ends_whole_and_single(name: str) -> None:
    met, dynamics, stripe = FAULTS[name]

    async def story(world: World) -> None:
        await _month(world)
        for fault in met:
            assert world.dynamics.requests[f"fault_{fault}"] > 0
        await _all_is_well(world)

    live(story, _options(1, dynamics, stripe))


@pytest.mark.parametrize("seed", [2, 4])
def test_a_posting_job_that_comes_every_minute_stops_nothing(seed: int) -> None:
    async def story(world: World) -> None:
        await _month(world)
        await _all_is_well(world)
        assert [result.reasons for result in world.dynamics.infolog() if result.reasons] == []

    given = _options(seed, DynamicsFaults(error_after_commit=0.2), StripeFaults(delivery=DELIVERY))
    live(story, replace(given, dynamics=DynamicsSettings(post_interval_seconds=MINUTE)))


# --- single faults ------------------------------------------------------------------------------


def _drop(share: float) -> StripeFaults:
    return StripeFaults(delivery=DeliveryFaults(drop=share))


def test_money_whose_every_webhook_was_lost_is_found_by_the_sweep() -> None:
    async def story(world: World) -> None:
        ada = new_customer(world)
        charge = sell(world, customer=ada)
        await rest(world, 3 * HOUR)
        (txn,) = transactions_of(world, charge)
        assert sorted(lines(world)) == [f"{txn['id']}:fee", f"{txn['id']}:gross"]
        assert list(customers(world)) == [f"{ada} usmf"]
        assert {each.state for each in world.stripe.deliveries} == {"dropped"}
        assert await gaps(world) == NO_GAPS

    live(story, Options(stripe_faults=_drop(1)))


def test_a_month_that_loses_half_its_webhooks_is_whole() -> None:
    async def story(world: World) -> None:
        await _month(world)
        await rest(world, DAY)
        await _all_is_well(world)

    live(story, _options(3, DynamicsFaults(), _drop(0.5)))


class ForgetfulBroker:
    """Loses completions, ends session locks early."""

    def __init__(self, seed: int, share: float) -> None:
        self._chance = random.Random(seed)
        self._share = share
        self.lost = 0
        self.ended = 0

    def lock_ends_early(self, queue: str, session_id: str) -> bool:
        ends = self._chance.random() < self._share
        self.ended += ends
        return ends

    def completion_is_lost(self, queue: str, message_id: str) -> bool:
        lost = self._chance.random() < self._share
        self.lost += lost
        return lost


def test_a_broker_that_loses_completions_and_locks_makes_nothing_double() -> None:
    async def story(world: World) -> None:
        world.broker.faults = broker = ForgetfulBroker(5, 0.2)
        await _month(world)
        await rest(world, DAY)
        assert broker.lost > 20
        assert broker.ended > 20
        await _all_is_well(world)

    live(story, _options(5, DynamicsFaults(error_after_commit=0.05), StripeFaults()))


def test_workers_that_restart_and_work_side_by_side_make_nothing_double() -> None:
    async def story(world: World) -> None:
        shop = Shop(world.stripe, world.clock, world.options.seed)
        done = False

        async def business() -> None:
            nonlocal done
            await shop.run(CUSTOMERS, CHARGES, 1, lambda _: None)
            done = True

        running = asyncio.create_task(business())
        while not done:
            await world.clock.sleep(HOUR + 7)
            await world.host.stop()
            await world.clock.sleep(MINUTE)
            await world.host.start()
        await running
        await rest(world, DAY)
        assert doubles(world) == {}
        assert await parked(world) == []
        assert await gaps(world) == NO_GAPS

    latency = DynamicsFaults(latency_seconds=(1.0, 20.0), error_after_commit=0.1)
    live(story, replace(_options(6, latency, StripeFaults()), instances=3))


def test_a_short_outage_is_waited_for() -> None:
    async def story(world: World) -> None:
        world.dynamics.faults = DynamicsFaults(server_error=1)
        sell(world)
        await world.clock.sleep(HOUR / 2)
        assert await parked(world) == []
        world.dynamics.faults = DynamicsFaults()
        await rest(world, HOUR)
        assert len(lines(world)) == 2
        assert await parked(world) == []

    live(story)


def test_a_long_outage_is_shown_to_a_person_and_heals_by_itself() -> None:
    async def story(world: World) -> None:
        world.dynamics.faults = DynamicsFaults(server_error=1)
        charge = sell(world)
        seen: list[Listed] = []
        for _ in range(12 * 4):
            await world.clock.sleep(HOUR / 4)
            seen += await parked(world)
        (txn,) = transactions_of(world, charge)
        assert {(item.object, item.cause) for item in seen} == {(txn["id"], "unavailable")}
        assert seen[0].text.startswith("given up after 12 attempts: dynamics is not available")
        assert seen[0].remedy
        assert lines(world) == {}
        world.dynamics.faults = DynamicsFaults()
        await rest(world, 4 * HOUR)
        assert len(lines(world)) == 2
        assert await parked(world) == []
        assert await gaps(world) == NO_GAPS

    live(story)


def test_a_message_that_is_not_ours_is_parked_and_holds_up_nobody() -> None:
    async def story(world: World) -> None:
        world.broker.send("charge", [Outgoing("odd 1", b"\xff\xfe", "0")])
        charge = sell(world)
        await rest(world)
        (item,) = await parked(world)
        assert item.cause == "unreadable_message"
        assert [
            key for key in lines(world) if key.startswith(transactions_of(world, charge)[0]["id"])
        ]

    live(story)


class BrokenTables(MemoryTables):
    """Table storage that is away while `away` is set."""

    away = False

    async def get(self, table: str, partition: str, row: str) -> Row | None:
        if self.away:
            raise StorageUnavailable("away")
        return await super().get(table, partition, row)


def test_what_its_queue_gave_up_is_parked_and_shown() -> None:
    async def story(world: World) -> None:
        tables = BrokenTables()
        world.host.context.run(bootstrap.use, replace(world.app, tables=tables))
        world.tables = tables
        ada = new_customer(world)
        tables.away = True
        for _ in range(120):  # ten deliveries, each perhaps as long as its lock
            await world.clock.sleep(MINUTE)
            if world.broker.depth("customer").dead:
                break
        assert world.broker.depth("customer").dead == 1
        tables.away = False
        await rest(world, 10 * MINUTE)
        (item,) = await parked(world)
        assert (item.object, item.cause) == (ada, "dead_letter")
        assert world.broker.depth("customer").dead == 0

    live(story)

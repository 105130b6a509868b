"""One thing goes wrong at a time: lost events, a forgetful broker, restarts, outages."""

import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import replace

import httpx

from local.dynamics import DynamicsFaults
from local.servicebus.messages import Outgoing
from local.shop import Shop
from local.stripe import DeliveryFaults, StripeFaults
from local.summary import ListedItem
from local.tables import MemoryTables
from local.transport import PeerTransport
from local.world import Options, World
from shared import bootstrap
from shared.errors import StorageUnavailable
from shared.ports import Clock, Operation, Row
from shared.settings import BATCH_SECONDS
from tests.flows.month import CHARGES, CUSTOMERS, all_is_well, month, options
from tests.world import (
    DAY,
    HOUR,
    MINUTE,
    NO_GAPS,
    ask,
    customers,
    doubles,
    gaps,
    give_back,
    lines,
    live,
    new_customer,
    parked,
    rest,
    sell,
    transactions_of,
)


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


def test_amonth_that_loses_half_its_webhooks_is_whole() -> None:
    async def story(world: World) -> None:
        await month(world)
        await rest(world, DAY)
        await all_is_well(world)

    live(story, options(3, DynamicsFaults(), _drop(0.5)))


class ForgetfulBroker:
    """Loses completions, ends session locks early."""

    def __init__(self, seed: int, share: float) -> None:
        self._rng = random.Random(seed)
        self._share = share
        self.lost = 0
        self.ended = 0

    def lock_ends_early(self, queue: str, session_id: str) -> bool:
        ends = self._rng.random() < self._share
        self.ended += ends
        return ends

    def completion_is_lost(self, queue: str, message_id: str) -> bool:
        lost = self._rng.random() < self._share
        self.lost += lost
        return lost


def test_a_broker_that_loses_completions_and_locks_makes_nothing_double() -> None:
    async def story(world: World) -> None:
        world.broker.faults = broker = ForgetfulBroker(5, 0.2)
        await month(world)
        await rest(world, DAY)
        assert broker.lost > 20
        assert broker.ended > 20
        await all_is_well(world)

    live(story, options(5, DynamicsFaults(error_after_commit=0.05), StripeFaults()))


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
    live(story, replace(options(6, latency, StripeFaults()), instances=3))


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
        seen: list[ListedItem] = []
        for _ in range(12 * 4):
            await world.clock.sleep(HOUR / 4)
            seen += await parked(world)
        (txn,) = transactions_of(world, charge)
        assert {(item.object, item.cause) for item in seen} == {(txn["id"], "unavailable")}
        assert seen[0].text.startswith("gave up after 12 attempts: dynamics is not available")
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
        body = json.dumps({"cause": item.cause}).encode()
        retried = await ask(world, "POST", "inbox/retry", body)
        assert retried.json() == {"sent": 0}
        await rest(world)
        assert [each.cause for each in await parked(world)] == ["unreadable_message"]
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


class RepeatingGateway(httpx.AsyncBaseTransport):
    """Something between us and Dynamics that sends one request twice and hands on the second
    answer: the first write of a line of `entity_set` that travels alone."""

    def __init__(self, inner: httpx.AsyncBaseTransport, entity_set: str) -> None:
        self._inner, self._entity_set = inner, entity_set
        self.answers: list[bytes] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._inner.handle_async_request(request)
        is_line = request.method == "POST" and request.url.path.endswith(self._entity_set)
        if is_line and not self.answers:
            answer = await self._inner.handle_async_request(request)
            self.answers.append(await answer.aread())
        return answer


def test_a_write_that_a_gateway_repeats_is_looked_for_and_neither_parked_nor_doubled() -> None:
    async def story(world: World) -> None:
        charge = sell(world, customer=new_customer(world))
        await rest(world)
        inner = PeerTransport(world.dynamics.asgi, world.clock)
        gateway = RepeatingGateway(inner, "CustomerPaymentJournalLines")
        async with httpx.AsyncClient(transport=gateway) as client:
            dynamics = bootstrap.dynamics_gateway(world.settings, client, world.clock)
            app = replace(world.app, dynamics=dynamics)
            world.host.context.run(bootstrap.use, app)
            refund = give_back(world, charge)
            await rest(world)
            (txn,) = transactions_of(world, refund)
            assert list(lines(world, txn["id"])) == [f"{txn['id']}:gross"]
            assert b"already exists" in gateway.answers[0]
            assert await parked(world) == []
            await rest(world, 3 * HOUR)  # long enough for healing to try
            assert list(lines(world, txn["id"])) == [f"{txn['id']}:gross"]
            assert await gaps(world) == NO_GAPS

    live(story)


class SlowTables(MemoryTables):
    """Table storage that takes a moment for each write."""

    clock: Clock | None = None

    async def transact(
        self, table: str, partition: str, operations: Sequence[Operation]
    ) -> tuple[str, ...]:
        if self.clock is not None:
            await self.clock.sleep(0.02)
        return await super().transact(table, partition, operations)


def test_the_shortest_batch_time_that_settings_take_is_enough_to_write() -> None:
    async def story(world: World) -> None:
        tables = SlowTables()
        tables.clock = world.clock
        world.host.context.run(bootstrap.use, replace(world.app, tables=tables))
        world.tables = tables
        charge = sell(world, customer=new_customer(world))
        await world.clock.sleep(HOUR / 2)
        (txn,) = transactions_of(world, charge)
        assert sorted(lines(world)) == [f"{txn['id']}:fee", f"{txn['id']}:gross"]

    shortest, _ = BATCH_SECONDS
    latency = DynamicsFaults(latency_seconds=(0.5, 5.0))
    live(story, Options(settings={"batch_seconds_max": shortest}, dynamics_faults=latency))

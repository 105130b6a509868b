"""The webhook when it cannot work: the broker is down, settings are missing."""

import contextvars
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import httpx
import pytest

from local.clock import LoopClock
from local.host import Host, HubStore
from local.loop import run_virtual
from local.servicebus import Broker, load_queues
from local.transport import PeerTransport
from local.world import CONNECTION, ROOT, World
from shared import bootstrap
from shared.errors import QueueUnavailable
from shared.ports import DeadLetter, Message, QueueCounts
from shared.registry import ENTITIES
from shared.services.ingest.ingest import ANSWER_SECONDS_MAX
from shared.settings import VARIABLES
from shared.version import VERSION
from tests.functions.webhook_rig import BODY, answered, nothing_came_of_it
from tests.unit.test_settings import ENVIRONMENT
from tests.world import (
    DAY,
    START,
    WEBHOOK,
    customers,
    deliver,
    everything,
    live,
    rest,
)

# --- the broker is down -----------------------------------------------------------------------


class BrokenQueue:
    """A queue whose `send` does what a test wants; nothing else is asked of it."""

    def __init__(self, send: Callable[[], Awaitable[None]]) -> None:
        self._send = send

    async def send(self, queue: str, messages: Sequence[Message]) -> None:
        await self._send()

    async def probe(self, queue: str) -> None:
        pass

    async def drain_dead_letters(
        self, queue: str, keep: Callable[[DeadLetter], Awaitable[None]], limit: int
    ) -> int:
        return 0

    async def counts(self) -> QueueCounts | None:
        return None


def _use_queue(world: World, send: Callable[[], Awaitable[None]]) -> None:
    app = replace(world.app, queue=BrokenQueue(send))
    world.host.context.run(bootstrap.use, app)


def test_a_broker_that_fails_is_503() -> None:
    async def fail() -> None:
        raise QueueUnavailable("the namespace is away")

    async def story(world: World) -> None:
        before = everything(world)
        _use_queue(world, fail)
        answer = await deliver(world, BODY)
        assert answered(answer) == (503, "queue_unavailable")
        assert "namespace" not in answer.text
        await nothing_came_of_it(world, before)

    live(story)


def test_a_broker_that_hangs_is_503_within_its_limit() -> None:
    async def story(world: World) -> None:
        before = everything(world)
        _use_queue(world, lambda: world.clock.sleep(DAY))
        started = world.clock.now()
        assert answered(await deliver(world, BODY)) == (503, "queue_unavailable")
        assert (world.clock.now() - started).total_seconds() <= ANSWER_SECONDS_MAX
        await nothing_came_of_it(world, before)

    live(story)


def test_stripe_repeats_what_the_broker_did_not_take() -> None:
    failures = 3

    async def story(world: World) -> None:
        whole, count = world.app.queue, 0

        async def fail() -> None:
            nonlocal count
            count += 1
            if count == failures:
                world.host.context.run(bootstrap.use, replace(world.app, queue=whole))
            raise QueueUnavailable("not now")

        _use_queue(world, fail)
        found = world.stripe.request("POST", "/v1/customers", {"name": "Ada"})
        await rest(world)
        (delivery,) = world.stripe.deliveries
        assert [attempt.status for attempt in delivery.attempts] == [503] * failures + [202]
        assert list(customers(world)) == [f"{found['id']} usmf"]

    live(story)


# --- settings are missing -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", WEBHOOK), ("GET", "ready"), ("GET", "status"), ("GET", "proof"), ("GET", "payouts")],
)
def test_without_settings_each_route_says_what_is_missing(
    method: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable.name, raising=False)

    answer, alive, queued = _asked(method, path)
    assert answered(answer) == (503, "not_configured")
    for name in ("STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRETS", "DYNAMICS_URL", "TIEOUT_BOOKS"):
        assert name in answer.json()["message"]
    assert (alive.status_code, alive.json()) == (200, {"status": "alive", "version": VERSION})
    assert queued == 0


@pytest.mark.parametrize("path", ["ready", "status"])
@pytest.mark.parametrize("name", ["ServiceBusConnection", "TIEOUT_TABLES_CONNECTION"])
def test_a_malformed_connection_string_is_no_crash(
    name: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable.name, raising=False)
    for key, value in {**ENVIRONMENT, name: "AccountKey"}.items():
        monkeypatch.setenv(key, value)
    answer, alive, _ = _asked("GET", path)
    assert answered(answer) == (503, "not_configured")
    assert answer.json()["message"].startswith(f"settings: {name} must be the connection string")
    assert alive.status_code == 200


def _asked(method: str, path: str) -> tuple[httpx.Response, httpx.Response, int]:
    """The answers of a host whose app is built from the environment, and what was queued."""

    async def main(clock: LoopClock) -> tuple[httpx.Response, httpx.Response, int]:
        broker = Broker(load_queues(ROOT / "infra" / "queues.json"), clock)
        host = Host(
            ROOT,
            {"ServiceBusConnection": CONNECTION},
            clock,
            broker,
            HubStore(),
            context=contextvars.Context(),
        )
        await host.start()
        transport = PeerTransport(host.asgi, clock)
        async with httpx.AsyncClient(transport=transport, base_url="http://app/api/") as client:
            headers = {"Stripe-Signature": "t=1,v1=0"}
            answer = await client.request(method, path, content=BODY, headers=headers)
            alive = await client.get("health")
        await host.stop()
        queued = sum(broker.depth(entity.queue).ready for entity in ENTITIES)
        return answer, alive, queued

    return run_virtual(main, start=START)

"""The simulated world: peers, broker and storage on one virtual clock, and the fleet between."""

import asyncio
import random
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from local import books
from local.dynamics import DynamicsPeer
from local.dynamics.faults import Faults as DynamicsFaults
from local.dynamics.settings import Settings as DynamicsSettings
from local.servicebus import Broker, load_queues
from local.simulation.edges import FaultyBroker
from local.simulation.faults import DYNAMICS_NAMES, STRIPE_NAMES, Injector
from local.simulation.fleet import Fleet, Surroundings
from local.simulation.invariants import Subject
from local.simulation.merchant import account_of
from local.simulation.timeline import Timeline
from local.stripe import DeliveryFaults, PeerSettings, StripePeer, WebhookTarget
from local.stripe import Faults as StripeFaults
from local.tables import MemoryTables
from local.transport import Asgi, PeerTransport
from shared.ports import Clock, Json
from shared.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
APP, STRIPE, DYNAMICS = "http://127.0.0.1:7071", "http://127.0.0.1:12111", "http://127.0.0.1:7365"
PARTITIONS = (1, 2, 2, 3)
DELIVERIES = (2, 3, 10)
OVERLAP_HOURS = (1, 1, 3, 24)
WINDOW_SECONDS = (3_600.0, 86_400.0, 7 * 86_400.0)
LATE_SECONDS = (3_600.0, 40 * 3_600.0)
SHUFFLE_SECONDS = (60.0, 3_600.0)
LATE_COMMIT_SECONDS = (5.0, 290.0)  # below `write_settle_seconds`, the stated server maximum
STALE_SECONDS = (60.0, 3_000.0)  # below the smallest overlap of the sweeps
SLOW_SECONDS = 50.0
LATENCY_SECONDS = (0.05, 3.0)
ROUTE_SECONDS_MAX = 3_600.0


class Stage:
    """All parts of one run."""

    def __init__(
        self,
        clock: Clock,
        seed: int,
        *,
        injector: Injector,
        timeline: Timeline,
        account: PeerSettings,
        stack: AsyncExitStack,
    ) -> None:
        chance = random.Random(f"stage {seed}")  # noqa: S311 - a seeded world
        self.clock, self.seed = clock, seed
        self.injector, self.timeline = injector, timeline
        self._stack = stack
        self._account = account
        self._partitions = chance.choice(PARTITIONS)
        self._overlap_hours = chance.choice(OVERLAP_HOURS)
        self.tables = MemoryTables()
        window, deliveries = chance.choice(WINDOW_SECONDS), chance.choice(DELIVERIES)
        queues = tuple(
            replace(queue, duplicate_window_seconds=window, max_delivery_count=deliveries)
            for queue in load_queues(ROOT / "infra" / "queues.json")
        )
        self.broker = Broker(queues, clock, FaultyBroker(injector))
        self.dynamics = self._dynamics_peer(chance)
        self.stripe = self._stripe_peer(chance)
        around = Surroundings(
            ROOT,
            clock,
            self.broker,
            self.tables,
            self.stripe.asgi,
            self.dynamics.asgi,
            injector,
            timeline,
            window,
        )
        self.fleet = Fleet(around, self.settings(), seed)
        self.subject = Subject(self.stripe, self.dynamics, self.broker, self.tables)

    def settings(self, *currencies: str) -> Settings:
        """The app's settings, with books for further currencies."""
        return books.settings(
            stripe_url=STRIPE,
            dynamics_url=DYNAMICS,
            currencies=currencies,
            partitions=self._partitions,
            sweep_overlap_hours=self._overlap_hours,
        )

    def _dynamics_peer(self, chance: random.Random) -> DynamicsPeer:
        rates: Mapping[str, float] = self.injector.rates
        faults = DynamicsFaults(
            **{name: rates.get(kind, 0.0) for name, kind in DYNAMICS_NAMES.items()},
            latency_seconds=LATENCY_SECONDS,
            late_commit_seconds=chance.uniform(*LATE_COMMIT_SECONDS),
        )
        return DynamicsPeer(
            self.clock,
            random.Random(f"dynamics {self.seed}"),  # noqa: S311 - a seeded world
            host=DYNAMICS,
            client_id=books.DYNAMICS_CLIENT_ID,
            client_secret=books.DYNAMICS_CLIENT_SECRET,
            settings=DynamicsSettings(),
            faults=faults,
            strikes=lambda name, _: self.injector.strikes(DYNAMICS_NAMES[name]),
        )

    def _stripe_peer(self, chance: random.Random) -> StripePeer:
        faults = StripeFaults(
            latency_seconds=SLOW_SECONDS,
            stale_list_seconds=chance.uniform(*STALE_SECONDS),
            delivery=DeliveryFaults(
                delay_seconds=chance.uniform(*LATE_SECONDS),
                shuffle_seconds=chance.uniform(*SHUFFLE_SECONDS),
            ),
        )
        return StripePeer(
            self.clock,
            random.Random(f"stripe {self.seed}"),  # noqa: S311 - a seeded world
            webhook=WebhookTarget(f"{APP}/api/webhooks/stripe", self._client(self._app)),
            signing_secrets=books.SIGNING_SECRETS,
            api_key=books.STRIPE_API_KEY,
            settings=self._account,
            faults=faults,
            strikes=lambda name, _: self.injector.strikes(STRIPE_NAMES[name]),
        )

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        await self.fleet.asgi(scope, receive, send)

    def _client(self, asgi: Asgi) -> httpx.AsyncClient:
        client = httpx.AsyncClient(transport=PeerTransport(asgi, self.clock))
        self._stack.push_async_callback(client.aclose)
        return client

    async def get(self, path: str) -> Json | None:
        """The JSON answer of one of the app's own routes; None for any other answer than 200, or
        for none (the instance that was asked may have died)."""
        client = self._client(self._app)
        try:
            answer = await client.get(f"{APP}/api/{path}", timeout=ROUTE_SECONDS_MAX)
        except httpx.TransportError:
            return None
        if answer.status_code != httpx.codes.OK:
            return None
        found: Json = answer.json()
        return found

    def serve(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run a part in the background until the stage closes, or until it is cancelled."""
        task = asyncio.create_task(work, name=name)

        async def end() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self._stack.push_async_callback(end)
        return task

    def is_idle(self) -> bool:
        """No event on its way, no message anywhere, no step due."""
        depths = [self.broker.depth(queue.name) for queue in self.broker.queues]
        waiting = any(depth.ready or depth.locked or depth.scheduled for depth in depths)
        return not waiting and self.stripe.idle() and self.fleet.idle()


@asynccontextmanager
async def open_stage(
    clock: Clock,
    seed: int,
    injector: Injector,
    timeline: Timeline,
    account: PeerSettings | None = None,
) -> AsyncIterator[Stage]:
    """A running stage on the current loop; `account` None: one drawn from the seed."""
    async with AsyncExitStack() as stack:
        stage = Stage(
            clock,
            seed,
            injector=injector,
            timeline=timeline,
            account=account or account_of(seed),
            stack=stack,
        )
        await stage.fleet.start()
        stack.push_async_callback(stage.fleet.close)
        stage.stripe.start()
        stack.push_async_callback(stage.stripe.stop)
        yield stage

"""The simulated world: peers, broker and storage on one virtual clock, and the fleet between."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import httpx

from local import books
from local.dynamics import DynamicsFaults, DynamicsPeer, DynamicsSettings
from local.publishing import publish
from local.servicebus import Broker, LocalQueue
from local.servicebus.messages import Outgoing
from local.simulation.conditions import Conditions, conditions_of, queues_of
from local.simulation.doorway import Endpoint, gateway
from local.simulation.faults import DYNAMICS_NAMES, STRIPE_NAMES, Injector
from local.simulation.history import History
from local.simulation.instances import Instances, SharedWorld
from local.simulation.merchant import account_of
from local.simulation.network import Network
from local.simulation.observers import JournalWatch, LetterWatch, QueueWatch
from local.simulation.oracle import CLEARING_OF_SECOND, SECOND
from local.simulation.orders import policies
from local.simulation.outages import Outages
from local.simulation.port_faults import FaultyBroker, FaultyQueue, FaultyTables
from local.simulation.posting_order import may_leave
from local.simulation.subject import JudgedWorld
from local.simulation.timeline import Timeline
from local.stripe import DeliveryFaults, PartnerTopic, PeerSettings, StripeFaults, StripePeer
from local.tables import MemoryTables
from local.telemetry import MemoryTelemetry
from local.transport import Asgi, PeerTransport
from local.world import ROOT
from shared import bootstrap
from shared.domain.partition import DEFAULT_ACCOUNT
from shared.ports import Clock, Json
from shared.registry import INGRESS_QUEUE, REGISTRY
from shared.services.ingest import ACCOUNT_PROPERTY
from shared.services.publishing import Publish, Recent
from shared.settings import Settings
from shared.stores.audit_log import AuditLog

APP, STRIPE, DYNAMICS = "http://127.0.0.1:7071", "http://127.0.0.1:12111", "http://127.0.0.1:7365"
WEBHOOK = "/api/webhooks/stripe"
SLOW_SECONDS = 50.0
ROUTE_SECONDS_MAX = 3_600.0


class Environment:
    """All parts of one run."""

    def __init__(
        self,
        clock: Clock,
        seed: int,
        *,
        injector: Injector,
        timeline: Timeline,
        account: PeerSettings,
        conditions: Conditions,
        stack: AsyncExitStack,
    ) -> None:
        self.clock, self.seed = clock, seed
        self.conditions = conditions
        self.injector, self.timeline = injector, timeline
        self._stack = stack
        self._account = account
        self.tables = MemoryTables(conditions.page_rows)
        self.telemetry = MemoryTelemetry(clock)
        self.currencies: tuple[str, ...] = ()  # books besides those there are from the first
        self.partitions = conditions.partitions
        self.history = History(clock.now())
        self.broker = Broker(
            queues_of(conditions, ROOT / "infra" / "queues.json"), clock, FaultyBroker(injector)
        )
        self.dynamics = self._dynamics_peer()
        self.stripe = self._stripe_peer()
        self.second = self._stripe_peer(SECOND) if conditions.second_account else None
        self.is_switched_on, self._routes = False, True
        self.outages = Outages(clock, seed, injector, timeline)
        queue = FaultyQueue(LocalQueue(self.broker), injector, self.outages, clock, conditions)
        stripe_seconds = self._between("stripe seconds", conditions.stripe_seconds)
        tables = FaultyTables(
            self.tables,
            injector,
            self.outages,
            clock,
            read_seconds=self._between("read seconds", conditions.read_seconds),
            write_seconds=self._between("table seconds", conditions.table_seconds),
        )
        around = SharedWorld(
            app_dir=ROOT,
            clock=clock,
            broker=self.broker,
            tables=tables,
            queue=queue,
            network=Network(injector, self.outages, clock, {"stripe": stripe_seconds}),
            stripe=self.stripe.asgi,
            further={SECOND: self.second.asgi} if self.second else {},
            dynamics=self.dynamics.asgi,
            injector=injector,
            timeline=timeline,
            instances=conditions.instances,
            telemetry=self.telemetry,
            journals=JournalWatch(timeline, partial(may_leave, self.dynamics)),
        )
        self.instances = Instances(around, self.settings(), seed)
        self.subject = self._subject(queue.watch)

    def _subject(self, given: QueueWatch) -> JudgedWorld:
        """What the judge looks at."""
        return JudgedWorld(
            self.stripe,
            self.dynamics,
            self.broker,
            self.tables,
            given,
            LetterWatch(self.clock),
            self.instances.watch,
            self.history,
            overlap_hours=self.conditions.overlap_hours,
            clock=self.clock,
            retention_days=self.conditions.retention_days,
            time_zone=self.conditions.time_zone,
            orders=self.conditions.orders,
            fees_accrue=self.conditions.fees_accrue,
            second=self.second,
        )

    def settings(self) -> Settings:
        """The app's settings as they are by now."""
        return books.settings(
            stripe_url=STRIPE,
            dynamics_url=DYNAMICS,
            currencies=self.currencies,
            own_books={SECOND: list(CLEARING_OF_SECOND)} if self.conditions.second_account else {},
            partitions=self.partitions,
            ledger_partitions=self.conditions.ledger_partitions,
            sweep_overlap_hours=self.conditions.overlap_hours,
            journal_lines_max=self.conditions.journal_lines_max,
            journal_hours_max=self.conditions.journal_hours_max,
            attempts_max=self.conditions.attempts_max,
            gather_seconds=self.conditions.gather_seconds,
            retention_days=self.conditions.retention_days,
            time_zone=self.conditions.time_zone,
            ingress=self.conditions.ingress,
        )

    async def publish(self, *, routes: bool = True) -> None:
        """The mapping of the seed. `routes`: the sales of a shop belong to the other company."""
        documents = policies(
            orders=self.conditions.orders, routes=routes, fees_accrue=self.conditions.fees_accrue
        )
        settings = self.settings()
        mappings = bootstrap.mappings_of(settings, self.tables, self.clock, REGISTRY)
        recent = Recent(self.tables, REGISTRY.codec).objects
        http = self._client(self.dynamics.asgi)
        dynamics = bootstrap.dynamics_gateway(settings, http, self.clock)
        audit_log = AuditLog(self.tables, self.clock)
        ports = (mappings, settings, self.clock, recent, dynamics)
        await publish(Publish(*ports, audit_log=audit_log), documents)

    async def switch_on(self) -> None:
        """The app, and the webhook that leads to it."""
        await self.publish()
        await self.instances.start()
        self.is_switched_on = True
        self.history.began = self.clock.now()

    async def reroute(self) -> str:
        """Publish a policy with or without the routes to the other company."""
        if not self.conditions.orders:
            return "no policy to change"
        self._routes = not self._routes
        self.history.rerouted = True
        await self.publish(routes=self._routes)
        return f"published {'with' if self._routes else 'without'} routes"

    def repartition(self, rng: random.Random) -> str:
        """Lower the partitions, or raise them to what they were, and deploy."""
        most = self.conditions.partitions
        if most == 1:
            return "there is only one"
        self.partitions = rng.randrange(1, self.partitions) if self.partitions > 1 else most
        self.instances.redeploy(self.settings())
        return f"{self.partitions} of {most}"

    def _between(self, name: str, bounds: tuple[float, float]) -> Callable[[], float]:
        """A number between bounds, another one at each call."""
        rng = random.Random(f"{name} {self.seed}")  # noqa: S311 - a seeded world
        return lambda: rng.uniform(*bounds)

    def _dynamics_peer(self) -> DynamicsPeer:
        rates: Mapping[str, float] = self.injector.rates
        faults = DynamicsFaults(
            **{name: rates.get(kind, 0.0) for name, kind in DYNAMICS_NAMES.items()},
            latency_seconds=self.conditions.latency_seconds,
            late_commit_seconds=self.conditions.late_commit_seconds,
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

    def _stripe_peer(self, alias: str = DEFAULT_ACCOUNT) -> StripePeer:
        """The Stripe account of an alias, with its own door."""
        is_default = alias == DEFAULT_ACCOUNT
        end = "" if is_default else f"/{alias}"
        faults = StripeFaults(
            latency_seconds=SLOW_SECONDS,
            stale_list_seconds=self.conditions.stale_list_seconds,
            delivery=DeliveryFaults(
                delay_seconds=self.conditions.webhook_late_seconds,
                shuffle_seconds=self.conditions.webhook_shuffle_seconds,
            ),
        )
        return StripePeer(
            self.clock,
            random.Random(f"stripe{end} {self.seed}"),  # noqa: S311 - a seeded world
            account=books.account_id(alias),
            webhook=self._endpoint(end) if "webhook" in self.settings().doors else None,
            topic=self._topic(alias) if "event_grid" in self.settings().doors else None,
            signing_secrets=(
                books.SIGNING_SECRETS if is_default else (books.signing_secret(alias),)
            ),
            api_key=books.api_key(alias, livemode=False),
            settings=self._account,
            faults=faults,
            strikes=lambda name, _: self.injector.strikes(STRIPE_NAMES[name]),
        )

    def _endpoint(self, end: str) -> Endpoint:
        return Endpoint(
            f"{APP}{WEBHOOK}{end}",
            self._client(gateway(self._app, self.injector)),
            is_up=lambda: self.is_switched_on,
        )

    def _take(self, alias: str, id: str, body: bytes) -> None:
        """What Event Grid delivers."""
        properties = {ACCOUNT_PROPERTY: alias}
        self.broker.send(INGRESS_QUEUE, [Outgoing(id, body, properties=properties)])

    def _topic(self, alias: str) -> PartnerTopic:
        end = "" if alias == DEFAULT_ACCOUNT else f" {alias}"
        return PartnerTopic(
            partial(self._take, alias),
            random.Random(f"event grid{end} {self.seed}"),  # noqa: S311 - a seeded world
            self.conditions.shapes,
            lambda fault: self.injector.strikes(f"event_grid_{fault}"),
            self.conditions.webhook_late_seconds,
            lambda: self.is_switched_on,
        )

    def calm(self) -> None:
        """No fault strikes any more, and Dynamics answers soon (a proof reads for minutes)."""
        self.injector.is_active = False
        self.subject.letters.is_on = True
        self.dynamics.faults = DynamicsFaults(latency_seconds=Conditions().latency_seconds)

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        await self.instances.asgi(scope, receive, send)

    def _client(self, asgi: Asgi) -> httpx.AsyncClient:
        client = httpx.AsyncClient(transport=PeerTransport(asgi, self.clock))
        self._stack.push_async_callback(client.aclose)
        return client

    async def ask(self, path: str, body: Json | None = None) -> Json | None:
        """The JSON answer of one of the app's own routes (GET, or POST of a body); None when it
        refuses, or when there is none (the instance that was asked may have died)."""
        client = self._client(self._app)
        method = "GET" if body is None else "POST"
        try:
            answer = await client.request(
                method, f"{APP}/api/{path}", json=body, timeout=ROUTE_SECONDS_MAX
            )
        except httpx.TransportError:
            return None
        if not answer.is_success:
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
        return (
            not waiting
            and all(each.idle() for each in self.subject.peers.values())
            and self.instances.idle()
        )


async def _nothing(environment: Environment) -> None:
    del environment


@asynccontextmanager
async def open_environment(
    clock: Clock,
    seed: int,
    injector: Injector,
    timeline: Timeline,
    *,
    account: PeerSettings | None = None,
    conditions: Conditions | None = None,
    before: Callable[[Environment], Awaitable[None]] = _nothing,
) -> AsyncIterator[Environment]:
    """A running stage on the current loop; `account` and `conditions` None: as the seed says.
    `before`: what happens before the app is switched on."""
    async with AsyncExitStack() as stack:
        environment = Environment(
            clock,
            seed,
            injector=injector,
            timeline=timeline,
            account=account or account_of(seed),
            conditions=conditions or conditions_of(seed),
            stack=stack,
        )
        for peer in environment.subject.peers.values():
            peer.start()
            stack.push_async_callback(peer.stop)
        await before(environment)
        await environment.switch_on()
        stack.push_async_callback(environment.instances.close)
        yield environment

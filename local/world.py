"""The embedded world: the real app between a Stripe peer and a Dynamics 365 peer.

One assembly, two drivers. *Virtual*: everything in one process on `local.loop.VirtualLoop`, the
peers behind in-process transports; a month passes in seconds and one seed gives one run. *Real*:
the same objects behind sockets (`local.serve`).
"""

import asyncio
import contextvars
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from local import books
from local.dynamics import DynamicsFaults, DynamicsPeer, DynamicsSettings
from local.host import Host, HubStore
from local.publishing import publish
from local.servicebus import Broker, LocalQueue, load_queues
from local.servicebus.messages import Outgoing
from local.stripe import (
    GridFault,
    PartnerTopic,
    PeerSettings,
    Shape,
    StripeFaults,
    StripePeer,
    WebhookTarget,
)
from local.tables import MemoryTables
from local.telemetry import MemoryTelemetry
from local.transport import PeerTransport
from shared import bootstrap
from shared.app import App
from shared.clients.stripe.signatures import StripeSignatures
from shared.domain.partition import DEFAULT_ACCOUNT
from shared.entities.entity import Entity
from shared.ingress import Ingress
from shared.packaged import Templates
from shared.ports import Clock, Json, StripeGateway
from shared.registry import ENTITIES, INGRESS_QUEUE
from shared.services.ingest import ACCOUNT_PROPERTY
from shared.settings import Settings
from shared.targets.entity_set import EntitySets
from shared.targets.finance import FINANCE

CHECKOUT = Path(__file__).resolve().parent.parent
INSTALLED = CHECKOUT / "tieout_app"  # of a wheel (pyproject.toml)
ROOT = INSTALLED if INSTALLED.is_dir() else CHECKOUT
CONNECTION = "Endpoint=sb://embedded/;SharedAccessKeyName=none;SharedAccessKey=none"
IDLE_POLL_SECONDS = 1.0
ASKED_MAX = 10
ASK_AGAIN_SECONDS = 60.0
ROUTE_SECONDS_MAX = 3_600.0  # a proof under faults may take long
IDLE_SECONDS_MAX = 60 * 86_400.0


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the three parts are, as they name each other."""

    app: str = "http://127.0.0.1:7071"
    stripe: str = "http://127.0.0.1:12111"
    dynamics: str = "http://127.0.0.1:7365"


@dataclass(frozen=True, slots=True)
class Options:
    """What kind of world: its seed, its mode, how its peers behave.

    `settings` changes fields of the app's settings; `currencies` adds books; `accounts`: further
    Stripe accounts by alias, with the currencies that each settles in; `own_books`: further ones
    with clearing accounts of their own in these currencies; `documents` are the
    published mapping (none: the product's own). `schedules`: of timers, instead of their own.
    `sockets`: the parts
    reach each other over the network, which needs the real driver. `watch`: put around the app's
    way to Stripe. `entities`, `templates` and `entity_sets`: what the app converges
    (`bootstrap.build`). `app_dir`: where the app is: a checkout, or an unpacked package. `ingress`:
    by which ways events come; `shapes` and `grid_faults` (shares of messages): of those of Event
    Grid.
    """

    seed: int = 1
    livemode: bool = False
    currencies: Sequence[str] = ()
    accounts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    own_books: Mapping[str, Sequence[str]] = field(default_factory=dict)
    addresses: Addresses = field(default_factory=Addresses)
    stripe: PeerSettings = field(default_factory=PeerSettings)
    stripe_faults: StripeFaults = field(default_factory=StripeFaults)
    dynamics: DynamicsSettings = field(default_factory=DynamicsSettings)
    dynamics_faults: DynamicsFaults = field(default_factory=DynamicsFaults)
    settings: Mapping[str, Any] = field(default_factory=dict)
    documents: Sequence[str] = ()
    schedules: Mapping[str, str] = field(default_factory=dict)
    instances: int = 1
    sockets: bool = False
    watch: Callable[[StripeGateway], StripeGateway] | None = None
    entities: tuple[Entity, ...] = ENTITIES
    templates: Templates = ()
    entity_sets: EntitySets = FINANCE
    app_dir: Path = ROOT
    ingress: Ingress = "webhook"
    shapes: Sequence[Shape] = ("snapshot", "thin")
    grid_faults: Mapping[GridFault, float] = field(default_factory=dict)


class World:
    """All parts, and what drivers need of them. Made by `open_world`."""

    def __init__(self, clock: Clock, options: Options, stack: AsyncExitStack) -> None:
        addresses = options.addresses
        self.clock = clock
        self.options = options
        self._stack = stack
        self.settings: Settings = books.settings(
            livemode=options.livemode,
            stripe_url=addresses.stripe,
            dynamics_url=addresses.dynamics,
            currencies=options.currencies,
            accounts=options.accounts,
            ingress=options.ingress,
            own_books=options.own_books,
            **options.settings,
        )
        self.tables = MemoryTables()
        self.telemetry = MemoryTelemetry(clock)
        self.broker = Broker(load_queues(ROOT / "infra" / "queues.json"), clock)
        self.dynamics = DynamicsPeer(
            clock,
            self._rng("dynamics"),
            host=addresses.dynamics,
            client_id=books.DYNAMICS_CLIENT_ID,
            client_secret=books.DYNAMICS_CLIENT_SECRET,
            settings=replace(options.dynamics),  # a world may change its own
            faults=options.dynamics_faults,
        )
        self.host = Host(
            options.app_dir,
            {"ServiceBusConnection": CONNECTION},
            clock,
            self.broker,
            HubStore(),
            instances=options.instances,
            context=contextvars.Context(),
            schedules=options.schedules,
        )
        self.peers = {alias: self._peer(alias) for alias in self.settings.stripe_aliases}
        self.stripe = self.peers[DEFAULT_ACCOUNT]
        self.app = self._build()
        self.host.context.run(bootstrap.use, self.app)

    def _rng(self, part: str) -> random.Random:
        return random.Random(f"{part} {self.options.seed}")  # noqa: S311 - a seeded world

    def _peer(self, alias: str) -> StripePeer:
        """The Stripe account of an alias."""
        options, is_default = self.options, alias == DEFAULT_ACCOUNT
        end = "" if is_default else f"/{alias}"
        address = f"{options.addresses.app}/api/webhooks/stripe{end}"
        return StripePeer(
            self.clock,
            self._rng("stripe" if is_default else f"stripe {alias}"),
            account=books.account_id(alias),
            livemode=options.livemode,
            webhook=(
                WebhookTarget(address, self._client(self.host.asgi))
                if "webhook" in self.settings.doors
                else None
            ),
            topic=self._topic(alias) if "event_grid" in self.settings.doors else None,
            signing_secrets=(
                books.SIGNING_SECRETS if is_default else (books.signing_secret(alias),)
            ),
            api_key=self.settings.of(alias).stripe_api_key.get_secret_value(),
            settings=options.stripe,
            faults=options.stripe_faults,
        )

    def _topic(self, alias: str) -> PartnerTopic:
        """The partner topic of an account, whose event subscription tells the alias."""
        rates, rng = self.options.grid_faults, self._rng(f"faults of event grid {alias}")

        def take(id: str, body: bytes) -> None:
            told = {ACCOUNT_PROPERTY: alias}
            self.broker.send(INGRESS_QUEUE, [Outgoing(id, body, properties=told)])

        return PartnerTopic(
            take,
            self._rng(f"event grid {alias}"),
            self.options.shapes,
            lambda fault: rng.random() < rates.get(fault, 0.0),
        )

    def _client(self, asgi: Any) -> httpx.AsyncClient:  # noqa: ANN401 - an ASGI application
        """A client that reaches one part: in process, or over the network."""
        transport = None if self.options.sockets else PeerTransport(asgi, self.clock)
        client = httpx.AsyncClient(transport=transport, timeout=bootstrap.HTTP_SECONDS_MAX)
        self._stack.push_async_callback(client.aclose)
        return client

    def _build(self) -> App:
        rng = self._rng("app")
        gateways: dict[str, StripeGateway] = {}
        for alias, peer in self.peers.items():
            settings, stripe = self.settings.of(alias), self._client(peer.asgi)
            gateways[alias] = bootstrap.stripe_gateway(settings, stripe, self.clock, rng)
        dynamics = self._client(self.dynamics.asgi)
        gateway = gateways.pop(DEFAULT_ACCOUNT)
        if self.options.watch is not None:
            gateway = self.options.watch(gateway)
        options = self.options
        return bootstrap.build(
            self.settings,
            options.entities,
            templates=options.templates,
            entity_sets=options.entity_sets,
            clock=self.clock,
            rng=rng,
            tables=self.tables,
            telemetry=self.telemetry,
            queue=LocalQueue(self.broker),
            signatures=StripeSignatures(),
            stripe=gateway,
            further_accounts=gateways,
            dynamics=bootstrap.dynamics_gateway(self.settings, dynamics, self.clock),
            flows=self.host.flows,
        )

    async def get(self, path: str) -> Json:
        """The JSON answer of one of the app's own routes: `get("status")`."""
        client = self._client(self.host.asgi)
        address = f"{self.options.addresses.app}/api/{path}"
        for _ in range(ASKED_MAX):
            answer = await client.get(address, timeout=ROUTE_SECONDS_MAX)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            await self.clock.sleep(ASK_AGAIN_SECONDS)  # as its text says: try again
        answer.raise_for_status()
        found: Json = answer.json()
        return found

    @property
    def is_idle(self) -> bool:
        """No event on its way, no message ready, locked or scheduled, no step due."""
        scheduled = any(self.broker.depth(queue.name).scheduled for queue in self.broker.queues)
        at_rest = all(peer.idle() for peer in self.peers.values())
        return at_rest and self.host.idle() and not scheduled

    async def idle(self) -> None:
        """Wait until nothing is left to do. Raises `TimeoutError` after a virtual age."""
        deadline = self.clock.now() + timedelta(seconds=IDLE_SECONDS_MAX)
        while not self.is_idle:
            if self.clock.now() > deadline:
                raise TimeoutError("the world never came to rest")
            await self.clock.sleep(IDLE_POLL_SECONDS)

    def serve(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        """Run a part of the world in the background until the world closes."""
        task = asyncio.create_task(work, name=name)

        async def end() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self._stack.push_async_callback(end)


@asynccontextmanager
async def open_world(clock: Clock, options: Options) -> AsyncIterator[World]:
    """A running world on the current loop; closed in order at the end."""
    async with AsyncExitStack() as stack:
        world = World(clock, options, stack)
        await publish(world.app.publish(), options.documents)
        await world.host.start()
        stack.push_async_callback(world.host.stop)
        for peer in world.peers.values():
            peer.start()
            stack.push_async_callback(peer.stop)
        world.serve(world.dynamics.run(), "dynamics post journals")
        yield world

"""Several instances of the app on one broker: started, killed, frozen, started again."""

import asyncio
import contextvars
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from local.host import Host, Hub, HubStore
from local.servicebus import Broker
from local.simulation.crash_faults import CrashFaults
from local.simulation.faults import Injector
from local.simulation.instance_flows import InstanceFlows
from local.simulation.instrumented_ports import (
    InstrumentedBus,
    InstrumentedDynamics,
    InstrumentedFlows,
    InstrumentedQueue,
    InstrumentedStripe,
    InstrumentedTables,
)
from local.simulation.network import InstrumentedTransport, Network
from local.simulation.observers import JournalWatch
from local.simulation.port_faults import FaultyFlows
from local.simulation.process import LifeClock, Process
from local.simulation.timeline import Timeline
from local.transport import Asgi, PeerTransport, Receive, Scope, Send
from shared import bootstrap
from shared.app import App
from shared.clients.stripe.signatures import StripeSignatures
from shared.ports import Clock, Queue, Tables
from shared.settings import Settings
from shared.telemetry import Telemetry

RESTART_SECONDS = (1.0, 120.0)
TAKE_OVER_SECONDS = (5.0, 60.0)
ZOMBIE_SECONDS = 300.0
CONNECTION = "Endpoint=sb://simulated/;SharedAccessKeyName=none;SharedAccessKey=none"
SCHEDULES = {
    # As in production but rarer: how often a sweep runs changes how soon it heals, not whether.
    "sweep_transactions": "0 7 */4 * * *",
    "sweep_events": "0 22 */4 * * *",
    "sweep_waiting": "30 15 */2 * * *",
    "drain_dead_letters": "0 45 */2 * * *",
    "heal_parked": "0 52 */3 * * *",
    "continue_audit": "0 3 */4 * * *",
    "measure": "50 25 */4 * * *",
}


@dataclass(slots=True)
class Instance:
    """One incarnation: its life and its host."""

    process: Process
    host: Host


@dataclass(frozen=True, slots=True)
class SharedWorld:
    """What all instances share. `stripe` and `dynamics` are the peers'
    applications; `further`: those of further Stripe accounts by alias."""

    app_dir: Path
    clock: Clock
    broker: Broker
    tables: Tables
    queue: Queue
    network: Network
    stripe: Asgi
    further: Mapping[str, Asgi]
    dynamics: Asgi
    injector: Injector
    timeline: Timeline
    instances: int
    telemetry: Telemetry
    journals: JournalWatch


class Instances:
    """The instances. `asgi` spreads requests over those that are up."""

    def __init__(self, around: SharedWorld, settings: Settings, seed: int) -> None:
        self.settings = settings
        self.instances: list[Instance] = []
        self.gone: list[Instance] = []  # kept, so that their waiting tasks are
        self.crossed: Callable[[Process, str], None] | None = None
        self.asgi: Asgi = self._serve
        self.watch = around.journals
        self._around = around
        self._rng = random.Random(f"fleet {seed}")  # noqa: S311 - a seeded world
        self._store = HubStore()
        self._perils = CrashFaults(
            around.injector, self.kill, self.freeze, lambda: self.redeploy(self.settings)
        )
        self._hub = Hub(self._store, around.clock)  # until a first host leads
        self._leader: Instance | None = None
        self._turn = 0
        self._made = 0
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._is_closing = False

    async def start(self) -> None:
        """Bring up the instances; the first leads."""
        for _ in range(self._around.instances):
            await self._open()

    async def close(self) -> None:
        """Stop all; what waits in dead instances may now be cancelled."""
        self._is_closing = True
        for task in self._tasks:
            task.cancel()
        for instance in (*self.gone, *self.instances):
            instance.process.close()
        for instance in self.instances:
            await instance.host.stop()

    def kill(self, process: Process) -> None:
        """The process is gone, if it was still up; another takes its place some time later."""
        instance = self._instance_of(process)
        if instance is None:
            return
        process.die()
        self._around.timeline.note(process.name, "KILLED")
        self.instances.remove(instance)
        self.gone.append(instance)
        instance.host.hub.halt()
        self._give_up_lead(instance)
        self._later(self._rng.uniform(*RESTART_SECONDS), self._open)

    def freeze(self, process: Process, seconds: float) -> None:
        """The process stands still for a while, if it is up and moves."""
        instance = self._instance_of(process)
        if instance is None or not process.moves:
            return
        process.freeze()
        self._around.timeline.note(process.name, f"FROZEN for {seconds:.0f} s")
        self._give_up_lead(instance)

        def thaw() -> None:
            self._around.timeline.note(process.name, "thaws")
            process.thaw()

        self._later(seconds, thaw)
        if instance.host.has_led:  # a host that lost the lease of its timers starts anew
            self._later(seconds + ZOMBIE_SECONDS, lambda: self.kill(process))

    def redeploy(self, settings: Settings) -> None:
        """All instances come anew, perhaps with other settings; nothing is spared."""
        self._around.timeline.note("fleet", "a deployment")
        self.settings = settings
        for instance in list(self.instances):
            self.kill(instance.process)

    async def calm(self) -> None:
        """Wait until the wanted number is up and moves."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    def idle(self) -> bool:
        """Whether no host has anything to do now."""
        return all(instance.host.idle() for instance in self.instances)

    # --- inside -----------------------------------------------------------------------------

    def _later(self, seconds: float, act: Callable[[], object]) -> None:
        async def wait() -> None:
            await self._around.clock.sleep(seconds)
            done = act()
            if asyncio.iscoroutine(done):
                await done

        task = asyncio.create_task(wait(), name="fleet")
        self._tasks[task] = None

        def finished(done: asyncio.Task[None]) -> None:
            self._tasks.pop(done, None)
            if not done.cancelled() and (error := done.exception()):
                raise error

        task.add_done_callback(finished)

    async def _open(self) -> None:
        self._made += 1
        name = f"app{self._made}"
        skew_seconds = self._perils.skew_seconds(name)
        process = Process(name, self._around.clock, skew_seconds, self._on_crossing)
        host = Host(
            self._around.app_dir,
            {"ServiceBusConnection": CONNECTION},
            LifeClock(process, skewed=False),
            InstrumentedBus(process, self._around.broker, self._around.injector),
            self._store,
            context=contextvars.Context(),
            leads=False,
            schedules=SCHEDULES,
        )
        host.context.run(bootstrap.use, self._app(process))
        await host.start()
        instance = Instance(process, host)
        self.instances.append(instance)
        self._around.timeline.note(process.name, f"is up, {process.skew.total_seconds():+.0f} s")
        if self._leader is None:
            self._lead()

    def _app(self, process: Process) -> App:
        around, settings = self._around, self.settings
        clock = LifeClock(process, skewed=True)
        rng = random.Random(self._rng.getrandbits(64))  # noqa: S311 - a seeded world
        stripe = bootstrap.stripe_gateway(
            settings, self._client(process, around.stripe, "stripe"), clock, rng
        )
        further = {
            alias: InstrumentedStripe(
                process,
                bootstrap.stripe_gateway(
                    settings.of(alias), self._client(process, asgi, "stripe"), clock, rng
                ),
                around.timeline,
            )
            for alias, asgi in around.further.items()
        }
        dynamics = bootstrap.dynamics_gateway(
            settings, self._client(process, around.dynamics, "dynamics"), clock
        )
        flows = FaultyFlows(InstanceFlows(lambda: self.hub), around.injector, self._end_flow)
        return bootstrap.build(
            settings,
            clock=clock,
            telemetry=around.telemetry,
            rng=rng,
            tables=InstrumentedTables(process, around.tables, around.timeline),
            queue=InstrumentedQueue(process, around.queue, around.timeline),
            signatures=StripeSignatures(),
            stripe=InstrumentedStripe(process, stripe, around.timeline),
            further_accounts=further,
            dynamics=InstrumentedDynamics(process, dynamics, around.timeline, self.watch),
            flows=InstrumentedFlows(process, flows, around.timeline),
        )

    def _end_flow(self, instance: str) -> None:
        self.hub.terminate(instance, "simulated")

    def _client(self, process: Process, asgi: Asgi, name: str) -> httpx.AsyncClient:
        transport = InstrumentedTransport(
            process, PeerTransport(asgi, self._around.clock), name, self._around.network
        )
        return httpx.AsyncClient(transport=transport, timeout=bootstrap.HTTP_SECONDS_MAX)

    def _on_crossing(self, process: Process, point: str) -> None:
        """A port call of an instance."""
        if self.crossed is not None:
            self.crossed(process, point)
        if process.moves and self._instance_of(process) is not None:
            self._perils.meet(process, point)

    def _instance_of(self, process: Process) -> Instance | None:
        """The instance that lives this life, while it is up."""
        for instance in self.instances:
            if instance.process is process:
                return instance
        return None

    def _give_up_lead(self, instance: Instance) -> None:
        """Timers and hub belong to one host at a time, by a lease that runs out."""
        if self._leader is not instance:
            return
        instance.host.hub.halt()
        self._leader = None
        self._later(self._rng.uniform(*TAKE_OVER_SECONDS), self._lead)

    def _lead(self) -> None:
        if self._leader is not None or self._is_closing:
            return
        for instance in self.instances:
            if instance.process.moves and not instance.host.has_led:
                self._leader = instance
                self._hub = instance.host.hub
                instance.host.lead()
                self._around.timeline.note(instance.process.name, "leads")
                return

    @property
    def hub(self) -> Hub:
        """The hub that steps orchestrations, or the last one that did."""
        return self._hub

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self.instances:
            await send({"type": "http.response.start", "status": 503, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        self._turn += 1
        instance = self.instances[self._turn % len(self.instances)]
        await instance.host.asgi(scope, receive, send)

"""The local host: the real app, its triggers and its durable hub, in one event loop."""

import asyncio
import contextvars
import logging
from collections import deque
from collections.abc import Coroutine, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from local.host.config import HostConfig, HostRefused, is_disabled, load_config
from local.host.durable import Hub
from local.host.engine import Engine, Function
from local.host.flows import HubFlows
from local.host.http import HttpFront, Receive, Scope, Send
from local.host.hubstore import HubStore
from local.host.invoker import InvocationFailure, Invoker
from local.host.timers import HostTimer
from local.host.triggers import QueueTrigger
from local.servicebus import Bus
from shared.ports import Clock

ANSWERED_MAX = 50_000  # newest requests that are kept

_log = logging.getLogger("tieout.host")


@dataclass(frozen=True, slots=True)
class AnsweredRequest:
    """What the platform notes of a request: no body, no header."""

    at: datetime
    method: str
    path: str
    status: int
    seconds: float


class Door:
    """An ASGI application that stays the same object while the host comes and goes.

    Answers 503 while the host is down. `answered`: the newest requests that the host answered. (A
    class, because servers take a bound method for the older ASGI 2.)
    """

    def __init__(self, clock: Clock) -> None:
        self.front: HttpFront | None = None
        self.answered: deque[AnsweredRequest] = deque(maxlen=ANSWERED_MAX)
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI 3 application."""
        if self.front is not None:
            at = self._clock.now()

            async def noting(message: MutableMapping[str, Any]) -> None:
                if message["type"] == "http.response.start":
                    seconds = (self._clock.now() - at).total_seconds()
                    answer = (scope["method"], scope["path"], message["status"], seconds)
                    self.answered.append(AnsweredRequest(at, *answer))
                await send(message)

            await self.front(scope, receive, noting)
        elif scope["type"] == "http":
            await send({"type": "http.response.start", "status": 503, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            raise HostRefused("start the host before its HTTP server")


class Host:
    """Runs the app of a directory as Azure Functions would, on the running event loop.

    `settings` are the app settings: they fill `%NAME%` in bindings, `AzureWebJobs.<name>.Disabled`
    and, while the app is imported, `os.environ`; afterwards the environment is as before, so an
    app that builds itself later must be given its settings through `context`.
    `context` holds the context variables every invocation, activity and orchestrator of this host
    runs with (each in a copy); it may be set until `start`. Several hosts of the same app may run
    in one process, at once or one after another. `broker` and `hub_store` outlive the host.
    `instances`: scaled-out workers; each holds one session per queue.
    `function_key` None: keys are ignored. `leads` False: timers and hub belong to another host of
    the same app until `lead` is called. `schedules`: timer functions with another NCRONTAB schedule
    than the app's.
    """

    def __init__(
        self,
        app_dir: Path,
        settings: Mapping[str, str],
        clock: Clock,
        broker: Bus,
        hub_store: HubStore,
        *,
        instances: int = 1,
        context: contextvars.Context | None = None,
        function_key: str | None = None,
        leads: bool = True,
        schedules: Mapping[str, str] | None = None,
    ) -> None:
        self.context = context or contextvars.copy_context()
        self.hub = Hub(hub_store, clock)
        self.flows = HubFlows(self.hub)
        self.asgi = Door(clock)
        self._app_dir = app_dir
        self._settings = settings
        self._clock = clock
        self._broker = broker
        self._instances = instances
        self._function_key = function_key
        self._leads = leads
        self._schedules = schedules or {}
        self._invoker: Invoker | None = None
        self._timers: dict[str, HostTimer] = {}
        self._queues: list[QueueTrigger] = []
        self._services: list[asyncio.Task[None]] = []
        self._fired: dict[asyncio.Task[None], None] = {}

    async def start(self) -> None:
        """Index the app and start its triggers.

        Raises `IndexRefused` with the engine's message, and `HostRefused` for what the engine
        lets pass and the host would not: schedules, queues, routes, settings.
        """
        if self._invoker is not None:
            raise HostRefused("this host is up already")
        config = load_config(self._app_dir)
        engine = await Engine.start(self._app_dir, self._settings)
        enabled = [f for f in engine.functions if not is_disabled(f.name, self._settings)]
        self._connect(enabled, config)
        invoker = Invoker(engine, self.context, config.function_timeout_seconds, config.task_hub)
        self.asgi.front = HttpFront(
            enabled,
            invoker,
            route_prefix=config.route_prefix,
            function_key=self._function_key,
            fire=self.fire,
        )
        self._invoker = invoker
        if self._function_key is None:
            _log.info("function keys are not checked: every route is open on this machine")
        if self._leads:
            self._serve_alone(invoker)
        for instance in range(self._instances):
            for queue in self._queues:
                self._serve(f"queue {queue.queue} of instance {instance}", queue.pump(invoker))

    def lead(self) -> None:
        """Take over timers and hub from the host that had them."""
        if self._invoker is None or self._leads:
            raise HostRefused("only a host that is up and does not lead can take over")
        self._leads = True
        self._serve_alone(self._invoker)

    @property
    def has_led(self) -> bool:
        """Whether timers and hub are, or were, this host's."""
        return self._leads

    def _serve_alone(self, invoker: Invoker) -> None:
        """What only one host of an app does at a time."""
        self._serve("the durable hub", self.hub.run(invoker))
        for timer in self._timers.values():
            self._serve(f"timer {timer.function.name}", timer.run(invoker))

    def _connect(self, functions: list[Function], config: HostConfig) -> None:
        self._timers = {
            function.name.lower(): HostTimer(
                function,
                self._settings,
                self._clock,
                self.hub.store.timers,
                self._schedules.get(function.name),
            )
            for function in functions
            if function.kind == "timerTrigger"
        }
        self._queues = [
            QueueTrigger(function, self._settings, config, self._broker)
            for function in functions
            if function.kind == "serviceBusTrigger"
        ]

    def fire(self, name: str) -> bool:
        """Run a timer function now, in the background; tells whether there is one."""
        timer = self._timers.get(name.lower())
        if timer is None or self._invoker is None:
            return False
        task = asyncio.create_task(
            timer.fire(self._invoker, is_past_due=False), name=f"{name} by hand"
        )
        self._fired[task] = None
        task.add_done_callback(lambda done: self._fired.pop(done, None))
        return True

    def idle(self) -> bool:
        """Whether nothing is left to do at this moment: no message of a queue the app serves is
        ready or locked, no invocation runs, no orchestration step is due. Scheduled messages and
        timers of the future do not count. Raises what stopped a service of the host, if any."""
        self._check()
        if self._invoker is not None and self._invoker.running:
            return False
        depths = [self._broker.depth(queue.queue) for queue in self._queues]
        return (
            not self._fired
            and self.hub.is_quiet
            and not any(depth.ready or depth.locked for depth in depths)
        )

    @property
    def functions(self) -> tuple[Function, ...]:
        """The functions of the app, as indexed."""
        return self._invoker.engine.functions if self._invoker else ()

    @property
    def failures(self) -> tuple[InvocationFailure, ...]:
        """The latest invocations that raised."""
        return tuple(self._invoker.failures) if self._invoker else ()

    async def stop(self) -> None:
        """Stop triggers, hub and what runs. Sessions are freed; broker and hub store stay.

        Raises what had stopped a service of the host before, if any.
        """
        tasks = [*self._services, *self._fired]
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        self._services, self._invoker, self.asgi.front = [], None, None
        for result in results:
            if isinstance(result, Exception):
                raise result

    def _serve(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._services.append(asyncio.create_task(work, name=name))

    def _check(self) -> None:
        for service in self._services:
            if service.done() and not service.cancelled() and (error := service.exception()):
                raise error

"""The durable hub: runs orchestrations of the real `azure-functions-durable` in the event loop.

It does what the Durable Task extension does on Azure: keeps a history for each instance, replays
it through the orchestrator when something arrived (`local/host/replay.py`), runs the activities
the orchestrator asked for, lets its timers fire on the world's clock, and passes events on. No
gRPC, no thread, no storage but the `HubStore` it is given.
https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-orchestrations
"""

import asyncio
import heapq
import json
from datetime import datetime

from azure_functions_runtime.bindings.datumdef import Datum

from local.host.config import HostRefused
from local.host.engine import Function
from local.host.hubstore import (
    COMPLETED,
    FAILED,
    PENDING,
    RUNNING,
    EventType,
    HubStore,
    Instance,
    Parent,
    entry,
)
from local.host.invoker import Invoker
from local.host.replay import Activity, Child, Step, Timer, Unsupported, Work, step
from shared.ports import Clock

HISTORY_ENTRIES_MAX = 10_000  # an orchestration that grows further should continue as new


class FlowUnknown(HostRefused):
    """The app has no orchestrator of this name."""


class InstanceRuns(Exception):
    """An instance of this id has not ended."""


class Hub:
    """Orchestrations of one app. Everything becomes ready in the order it happened."""

    def __init__(self, store: HubStore, clock: Clock) -> None:
        self.store = store
        self._clock = clock
        self._ready: dict[str, None] = {}
        self._timers: list[tuple[datetime, int, str, int]] = []  # moment, execution, instance, id
        self._activities: dict[asyncio.Task[None], None] = {}
        self._wake: asyncio.Event | None = None
        self._invoker: Invoker | None = None
        self._functions: dict[tuple[str, str], Function] = {}

    def start(
        self, name: str, instance_id: str, input: object, parent: Parent | None = None
    ) -> None:
        """Start an instance; one that has ended is replaced, as is the extension's default.

        `input` is any JSON value. Raises `InstanceRuns`, and `FlowUnknown` once the app is known.
        """
        if self._invoker is not None:
            self._function("orchestrationTrigger", name)
        old = self.store.instances.get(instance_id)
        if old is not None and not old.is_final:
            raise InstanceRuns(f"{instance_id} is {old.status}")
        now = self._clock.now()
        text = None if input is None else json.dumps(input)
        self.store.instances[instance_id] = Instance(
            instance_id, name, text, self.store.next_execution(), now, now, parent
        )
        self._schedule(instance_id)

    def raise_event(self, instance_id: str, name: str, value: object = None) -> bool:
        """Hand an event to an instance; tells whether one was there and had not ended."""
        instance = self.store.instances.get(instance_id)
        if instance is None or instance.is_final:
            return False
        self._arrive(
            instance,
            entry(EventType.EVENT_RAISED, self._clock.now(), Name=name, Input=json.dumps(value)),
        )
        return True

    def instance(self, instance_id: str) -> Instance | None:
        """All that is known of an instance."""
        return self.store.instances.get(instance_id)

    @property
    def is_quiet(self) -> bool:
        """No step is due, no activity runs, no timer is due now."""
        is_timer_due = bool(self._timers) and self._timers[0][0] <= self._clock.now()
        return not self._ready and not self._activities and not is_timer_due

    async def run(self, invoker: Invoker) -> None:
        """Work for ever; cancelling it leaves the store as the next hub needs it."""
        self._functions = {
            (function.kind, _public_name(function)): function
            for function in invoker.engine.functions
        }
        self._invoker, self._wake = invoker, asyncio.Event()
        self._resume()
        try:
            while True:
                self._fire_due_timers()
                while self._ready:
                    instance_id = next(iter(self._ready))
                    del self._ready[instance_id]
                    self._step(self.store.instances[instance_id])
                    await asyncio.sleep(0)
                await self._sleep()
        finally:
            self._invoker = None
            for task in self._activities:
                task.cancel()
            await asyncio.gather(*self._activities, return_exceptions=True)
            self._activities.clear()

    def _resume(self) -> None:
        self._timers.clear()
        for instance in self.store.instances.values():
            if instance.is_final:
                continue
            if instance.inbox or instance.status == PENDING:
                self._ready.setdefault(instance.id)
            for work in instance.open.values():
                # A child has its own instance, which resumes by itself.
                if not isinstance(work, Child):
                    self._begin(instance, work)

    async def _sleep(self) -> None:
        if self._wake is None or self._wake.is_set():
            return
        timeout = None
        if self._timers:
            timeout = max((self._timers[0][0] - self._clock.now()).total_seconds(), 0)
        waiter = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait((waiter,), timeout=timeout)
        finally:
            waiter.cancel()
        self._wake.clear()

    def _schedule(self, instance_id: str) -> None:
        self._ready.setdefault(instance_id)
        if self._wake is not None:
            self._wake.set()

    def _arrive(self, instance: Instance, event: dict[str, object]) -> None:
        instance.inbox.append(event)
        self._schedule(instance.id)

    def _fire_due_timers(self) -> None:
        now = self._clock.now()
        while self._timers and self._timers[0][0] <= now:
            at, execution, instance_id, id = heapq.heappop(self._timers)
            instance = self.store.instances[instance_id]
            if instance.execution == execution and instance.open.pop(id, None) is not None:
                self._arrive(
                    instance,
                    entry(EventType.TIMER_FIRED, max(now, at), TimerId=id, FireAt=at.isoformat()),
                )

    # --- one step ---

    def _step(self, instance: Instance) -> None:
        if instance.is_final:
            return
        now = self._clock.now()
        for old in instance.history:
            old["IsPlayed"] = True
        instance.history.append(entry(EventType.ORCHESTRATOR_STARTED, now))
        if instance.status == PENDING:
            instance.status = RUNNING
            instance.history.append(
                entry(
                    EventType.EXECUTION_STARTED,
                    now,
                    Name=instance.name,
                    Input=instance.input,
                    Version=None,
                )
            )
        instance.history += instance.inbox
        instance.inbox = []
        instance.updated_at = now
        result = self._replayed(instance)
        instance.custom_status = result.custom_status
        if result.next_input is not None:
            instance.begin(self.store.next_execution(), result.next_input, now)
            self._schedule(instance.id)
        elif result.error or result.is_done:
            self._finish(instance, result)
        else:
            self._take_up(instance, result, now)
            instance.history.append(entry(EventType.ORCHESTRATOR_COMPLETED, now))

    def _replayed(self, instance: Instance) -> Step:
        if len(instance.history) > HISTORY_ENTRIES_MAX:
            text = f"the history has more than {HISTORY_ENTRIES_MAX} entries: continue as new"
            return Step(error=text)
        if self._invoker is None:
            raise RuntimeError("a hub steps orchestrations only while it runs")
        try:
            function = self._function("orchestrationTrigger", instance.name)
            return self._invoker.copy_of_context().run(
                lambda: step(
                    self._user_function(function),
                    instance_id=instance.id,
                    parent_id=instance.parent.instance_id if instance.parent else None,
                    input=instance.input,
                    history=instance.history,
                )
            )
        except (FlowUnknown, Unsupported) as error:
            return Step(error=str(error))

    def _take_up(self, instance: Instance, result: Step, now: datetime) -> None:
        """Begin the work the history does not know yet; drop timers that were given up."""
        names = {work.id: work.name for work in result.open}
        for id, work in instance.open.items():
            if names.get(id) != work.name:
                text = f"the orchestrator did not schedule {work.name} ({id}) again"
                self._finish(instance, Step(error=f"Non-Deterministic workflow detected: {text}"))
                return
        for work in result.open:
            if work.id not in instance.scheduled:
                instance.scheduled[work.id] = work.name
                instance.open[work.id] = work
                instance.history.append(_scheduled(work, now))
                self._begin(instance, work)
        for id in result.cancelled:
            instance.open.pop(id, None)

    def _finish(self, instance: Instance, result: Step) -> None:
        instance.status = FAILED if result.error else COMPLETED
        instance.output, instance.error = result.output, result.error
        instance.open, instance.inbox = {}, []
        parent = instance.parent
        if parent is None:
            return
        waiting = self.store.instances.get(parent.instance_id)
        now = self._clock.now()
        if result.error:
            self._result_of(waiting, parent, _failed(now, parent.task_id, instance.name, result.error))
        else:
            done = entry(
                EventType.SUB_ORCHESTRATION_COMPLETED,
                now,
                TaskScheduledId=parent.task_id,
                Result=json.dumps(result.output),
            )
            self._result_of(waiting, parent, done)

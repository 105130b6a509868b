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

from local.host import episodes
from local.host.config import HostRefused
from local.host.engine import Function
from local.host.hubstore import PENDING, TERMINATED, HubStore, OrchestrationInstance, Parent
from local.host.invoker import Invoker
from local.host.replay import Activity, Child, DurableTimer, Step, Unsupported, Work, step
from shared.ports import Clock

HISTORY_ENTRIES_MAX = 10_000  # an orchestration that grows further should continue as new

_PUBLIC_NAMES = {"orchestrationTrigger": "orchestration", "activityTrigger": "activity"}


class FlowUnknown(HostRefused):
    """The app has no orchestrator or activity of this name."""


class InstanceRuns(Exception):
    """An instance of this id has not ended."""


class Hub:
    """Orchestrations of one app. Instances are stepped in the order they became ready."""

    def __init__(self, store: HubStore, clock: Clock) -> None:
        self.store = store
        self._clock = clock
        self._ready: dict[str, None] = {}
        self._timers: list[tuple[datetime, int, int, str]] = []  # moment, execution, id, instance
        self._activities: dict[asyncio.Task[None], None] = {}
        self._wake = asyncio.Event()
        self._invoker: Invoker | None = None
        self._is_halted = False
        self._functions: dict[tuple[str, str], Function] = {}

    def start(
        self, name: str, instance_id: str, input: object, parent: Parent | None = None
    ) -> None:
        """Start an instance; one that has ended is replaced, as is the extension's default.

        `input` is any JSON value. Raises `InstanceRuns`, and `FlowUnknown` while the app is up.
        """
        if self._invoker is not None:
            self._function("orchestrationTrigger", name)
        self._create(name, instance_id, None if input is None else json.dumps(input), parent)

    def raise_event(self, instance_id: str, name: str, value: object = None) -> bool:
        """Hand an event to an instance; tells whether there is one that has not ended."""
        instance = self.store.instances.get(instance_id)
        if instance is None or instance.is_final:
            return False
        self._arrive(instance, episodes.event_raised(name, value, self._clock.now()))
        return True

    def terminate(self, instance_id: str, reason: str) -> bool:
        """End an instance at once, as the portal and `terminatePostUri` do: what it awaits goes on
        and is not heard of any more. Tells whether there was one that had not ended."""
        instance = self.store.instances.get(instance_id)
        if instance is None or instance.is_final:
            return False
        instance.status, instance.output = TERMINATED, reason
        instance.updated_at = self._clock.now()
        instance.inbox.clear()
        instance.open.clear()
        return True

    def purge(self, since: datetime, until: datetime) -> int:
        """Forget the instances that were created in this time and have ended; returns how many."""
        ended = [
            each.id
            for each in self.store.instances.values()
            if each.is_final and since <= each.created_at < until
        ]
        for id in ended:
            del self.store.instances[id]
        return len(ended)

    def instance(self, instance_id: str) -> OrchestrationInstance | None:
        """All that is known of an instance."""
        return self.store.instances.get(instance_id)

    @property
    def is_quiet(self) -> bool:
        """No step is due, no activity runs, no timer is due now; or it is halted."""
        if self._is_halted:
            return True
        is_timer_due = bool(self._timers) and self._timers[0][0] <= self._clock.now()
        return not self._ready and not self._activities and not is_timer_due

    async def run(self, invoker: Invoker) -> None:
        """Work until cancelled or halted. Either leaves the store as the next hub needs it."""
        self._invoker = invoker
        self._functions = {
            (function.kind, _public_name(function)): function
            for function in invoker.engine.functions
        }
        self._resume()
        try:
            while not self._is_halted:
                self._fire_due_timers()
                while self._ready and not self._is_halted:
                    instance_id = next(iter(self._ready))
                    del self._ready[instance_id]
                    if instance_id in self.store.instances:
                        self._step(self.store.instances[instance_id])
                    await asyncio.sleep(0)
                await self._sleep()
        except asyncio.CancelledError:
            for task in self._activities:
                task.cancel()
            await asyncio.gather(*self._activities, return_exceptions=True)
            self._activities.clear()
            raise
        finally:
            self._invoker = None

    def halt(self) -> None:
        """Step no more, as when the process is gone: activities under way are neither cancelled
        nor heard of again. The next hub on the store begins them anew."""
        self._is_halted = True
        self._wake.set()

    def _resume(self) -> None:
        """Take up what an earlier hub on this store left: unfinished work begins again."""
        self._timers.clear()
        for instance in list(self.store.instances.values()):
            if instance.is_final:
                continue
            if instance.inbox or instance.status == PENDING:
                self._ready.setdefault(instance.id)
            for work in list(instance.open.values()):
                if not isinstance(work, Child):  # a child resumes as an instance of its own
                    self._begin(instance, work)

    async def _sleep(self) -> None:
        timeout = None
        if self._timers:
            timeout = max((self._timers[0][0] - self._clock.now()).total_seconds(), 0)
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    # --- arrivals ---

    def _create(
        self, name: str, instance_id: str, input: str | None, parent: Parent | None
    ) -> None:
        old = self.store.instances.get(instance_id)
        if old is not None and not old.is_final:
            raise InstanceRuns(f"{instance_id} is {old.status}")
        now = self._clock.now()
        self.store.instances[instance_id] = OrchestrationInstance(
            instance_id, name, input, self.store.next_execution(), now, now, parent
        )
        self._schedule(instance_id)

    def _schedule(self, instance_id: str) -> None:
        self._ready.setdefault(instance_id)
        self._wake.set()

    def _arrive(self, instance: OrchestrationInstance, entry: episodes.Entry) -> None:
        instance.inbox.append(entry)
        self._schedule(instance.id)

    def _arrive_for(self, instance_id: str, execution: int, id: int, entry: episodes.Entry) -> None:
        """A result of work; dropped when its execution is over or the result is there already."""
        if self._is_halted:
            return
        instance = self.store.instances.get(instance_id)
        if instance is None:  # it ended, and was purged since
            return
        if instance.execution == execution and instance.open.pop(id, None) is not None:
            self._arrive(instance, entry)

    def _fire_due_timers(self) -> None:
        now = self._clock.now()
        while self._timers and self._timers[0][0] <= now:
            at, execution, id, instance_id = heapq.heappop(self._timers)
            self._arrive_for(
                instance_id, execution, id, episodes.timer_fired(DurableTimer(id, at), now)
            )

    # --- one step ---

    def _step(self, instance: OrchestrationInstance) -> None:
        if instance.is_final:
            return
        now = self._clock.now()
        episodes.begin_episode(instance, now)
        result = self._replayed(instance)
        instance.custom_status = result.custom_status
        if result.next_input is not None:
            instance.begin(self.store.next_execution(), result.next_input, now)
            self._schedule(instance.id)
            return
        if not result.is_done and not result.error:
            try:
                new = episodes.end_episode(instance, result, now)
            except ValueError as error:
                result = Step(error=str(error))
            else:
                for work in new:
                    self._begin(instance, work)
                return
        news = episodes.finish(instance, result, now)
        if news is not None and (parent := instance.parent) is not None:
            self._arrive_for(parent.instance_id, parent.execution, parent.task_id, news)

    def _replayed(self, instance: OrchestrationInstance) -> Step:
        if len(instance.history) > HISTORY_ENTRIES_MAX:
            text = f"the history has more than {HISTORY_ENTRIES_MAX} entries: continue as new"
            return Step(error=text)
        invoker = self._running_invoker()
        try:
            function = self._function("orchestrationTrigger", instance.name)
            return invoker.copy_of_context().run(
                step,
                invoker.engine.user_function(function),
                instance_id=instance.id,
                parent_id=instance.parent.instance_id if instance.parent else None,
                input=instance.input,
                history=instance.history,
            )
        except (FlowUnknown, Unsupported) as error:
            return Step(error=str(error))

    # --- work ---

    def _begin(self, instance: OrchestrationInstance, work: Work) -> None:
        match work:
            case DurableTimer():
                at = (work.fire_at, instance.execution, work.id, instance.id)
                heapq.heappush(self._timers, at)
            case Activity():
                task = asyncio.create_task(
                    self._run_activity(instance.id, instance.execution, work),
                    name=f"activity {work.name} of {instance.id}",
                )
                self._activities[task] = None
                task.add_done_callback(lambda done: self._activities.pop(done, None))
            case Child():
                self._begin_child(instance, work)

    def _begin_child(self, instance: OrchestrationInstance, work: Child) -> None:
        child_id = work.instance_id or f"{instance.id}:{instance.execution:x}:{work.id:x}"
        parent = Parent(instance.id, instance.execution, work.id)
        try:
            self._function("orchestrationTrigger", work.name)
            self._create(work.name, child_id, work.input, parent)
        except (FlowUnknown, InstanceRuns) as error:
            failed = episodes.activity_failed(work.id, work.name, str(error), self._clock.now())
            self._arrive_for(instance.id, instance.execution, work.id, failed)

    async def _run_activity(self, instance_id: str, execution: int, work: Activity) -> None:
        try:
            function = self._function("activityTrigger", work.name)
        except FlowUnknown as error:
            text, result = str(error), None
        else:
            if self._is_halted:
                return
            outcome = await self._running_invoker().invoke(function, Datum(work.input, "json"))
            text, result = outcome.error, outcome.result
        now = self._clock.now()
        if text:
            entry = episodes.activity_failed(work.id, work.name, text, now)
        else:
            value = result.value if result is not None else None
            entry = episodes.activity_completed(work.id, value, now)
        self._arrive_for(instance_id, execution, work.id, entry)

    def _running_invoker(self) -> Invoker:
        if self._invoker is None:
            raise RuntimeError("the hub does not run")
        return self._invoker

    def _function(self, kind: str, name: str) -> Function:
        function = self._functions.get((kind, name.lower()))
        if function is None:
            what = "an orchestrator" if kind == "orchestrationTrigger" else "an activity"
            raise FlowUnknown(
                f"The function '{name}' doesn't exist, is disabled, or is not {what} function"
            )
        return function


def _public_name(function: Function) -> str:
    key = _PUBLIC_NAMES.get(function.kind, "")
    return str(function.trigger.get(key) or function.name).lower()

"""The hub with toy orchestrators, which the worker engine need not know."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Generator, Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import azure.durable_functions as df
from azure_functions_runtime.bindings.datumdef import Datum

from local.clock import LoopClock
from local.host import Hub, HubFlows, HubStore
from local.host import durable as durable_module
from local.host.engine import Engine, Function, Inputs, InvocationOutcome, json_datum
from local.host.invoker import Invoker
from local.loop import run_virtual

START = datetime(2026, 3, 1, tzinfo=UTC)
type Flow = Generator[Any, Any, Any]
type Orchestrator = Callable[[df.DurableOrchestrationContext], Flow]


class ToyEngine(Engine):
    """Orchestrators from a dict; the one activity `echo` sleeps a second and returns its input."""

    def __init__(self, orchestrators: Mapping[str, Orchestrator]) -> None:
        rows = [(name, "orchestrationTrigger") for name in orchestrators]
        rows.append(("echo", "activityTrigger"))
        super().__init__(
            tuple(Function(name, name, {"type": kind, "name": "x"}, ()) for name, kind in rows)
        )
        self.orchestrators = orchestrators
        self.ran = 0

    def user_function(self, function: Function) -> Any:
        return SimpleNamespace(orchestrator_function=self.orchestrators[function.name])

    async def invoke(
        self,
        function: Function,
        inputs: Inputs,
        metadata: Mapping[str, Datum],
        *,
        invocation_id: str,
        context: contextvars.Context,
        timeout_seconds: float | None,
    ) -> InvocationOutcome:
        del function, metadata, invocation_id, context, timeout_seconds
        self.ran += 1
        await asyncio.sleep(1)
        return InvocationOutcome(json_datum(inputs[0][1].python_value), "", "")


class Rig:
    def __init__(self, clock: LoopClock, **orchestrators: Orchestrator) -> None:
        self.clock = clock
        self.store = HubStore()
        self.hub = Hub(self.store, clock)
        self.begin(**orchestrators)

    def begin(self, **orchestrators: Orchestrator) -> None:
        self.engine = ToyEngine(orchestrators)
        invoker = Invoker(self.engine, contextvars.copy_context(), None, "hub")
        self.task = asyncio.create_task(self.hub.run(invoker))

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])

    def result(self, id: str) -> tuple[str, Any, str]:
        found = self.store.instances[id]
        return found.status, found.output, found.error


def play(scene: Callable[[LoopClock], Coroutine[Any, Any, None]]) -> None:
    run_virtual(scene, start=START)


def echoes(context: df.DurableOrchestrationContext) -> Flow:
    first = yield context.call_activity("echo", 1)
    second = yield context.call_activity("echo", 2)
    return [first, second]


def test_changed_code_is_noticed_by_what_it_leaves_out() -> None:
    def other(context: df.DurableOrchestrationContext) -> Flow:
        yield context.create_timer(context.current_utc_datetime + timedelta(days=1))

    async def scene(clock: LoopClock) -> None:
        rig = Rig(clock, flow=echoes)
        rig.hub.start("flow", "f", None)
        await clock.sleep(0.5)
        await rig.end()
        rig.begin(flow=other)
        rig.hub.raise_event("f", "poke")
        await clock.sleep(5)
        status, _, error = rig.result("f")
        assert (status, "did not schedule echo (0) again" in error) == ("Failed", True)
        await rig.end()

    play(scene)


def test_changed_code_is_noticed_by_a_result_nobody_asked_for() -> None:
    def other(context: df.DurableOrchestrationContext) -> Flow:
        yield context.wait_for_external_event("poke")

    async def scene(clock: LoopClock) -> None:
        rig = Rig(clock, flow=echoes)
        rig.hub.start("flow", "f", None)
        await clock.sleep(1.5)
        await rig.end()
        rig.begin(flow=other)
        await clock.sleep(5)
        status, _, error = rig.result("f")
        assert (status, error.startswith("Non-Deterministic workflow")) == ("Failed", True)
        await rig.end()

    play(scene)


def test_an_activity_cut_off_by_a_restart_runs_again() -> None:
    async def scene(clock: LoopClock) -> None:
        rig = Rig(clock, flow=echoes)
        rig.hub.start("flow", "f", None)
        await clock.sleep(1.5)
        await rig.end()
        await clock.sleep(100)
        rig.begin(flow=echoes)
        await clock.sleep(5)
        assert rig.result("f") == ("Completed", [1, 2], "")
        assert rig.engine.ran == 1
        await rig.end()

    play(scene)


def test_a_terminated_flow_hears_no_more_and_can_be_started_again() -> None:
    async def scene(clock: LoopClock) -> None:
        rig = Rig(clock, flow=echoes)
        rig.hub.start("flow", "f", None)
        await clock.sleep(0.5)
        assert rig.hub.terminate("f", "stuck")
        assert not rig.hub.terminate("f", "stuck")
        assert not rig.hub.terminate("nobody", "stuck")
        assert not rig.hub.raise_event("f", "poke")
        await clock.sleep(5)
        assert rig.result("f") == ("Terminated", "stuck", "")
        rig.hub.start("flow", "f", None)
        await clock.sleep(5)
        assert rig.result("f") == ("Completed", [1, 2], "")
        await rig.end()

    play(scene)


def test_entities_are_refused_by_name() -> None:
    def signals(context: df.DurableOrchestrationContext) -> Flow:
        context.signal_entity(df.EntityId("counter", "one"), "add", 1)
        yield context.call_activity("echo", 1)

    def calls(context: df.DurableOrchestrationContext) -> Flow:
        yield context.call_entity(df.EntityId("counter", "one"), "add", 1)

    def http(context: df.DurableOrchestrationContext) -> Flow:
        yield context.call_http("GET", "http://example.test")

    async def scene(clock: LoopClock) -> None:
        rig = Rig(clock, signals=signals, calls=calls, http=http)
        for name in ("signals", "calls", "http"):
            rig.hub.start(name, name, None)
        await clock.sleep(5)
        assert [rig.result(name)[2] for name in ("signals", "calls", "http")] == [
            "entities are not supported by the local hub",
            "the local hub does not support CallEntityAction",
            "the local hub does not support CallHttpAction",
        ]
        await rig.end()

    play(scene)


def test_an_orchestration_that_never_continues_as_new_fails_in_the_end() -> None:
    def endless(context: df.DurableOrchestrationContext) -> Flow:
        while True:
            yield context.wait_for_external_event("poke")

    async def scene(clock: LoopClock) -> None:
        rig = Rig(clock, endless=endless)
        rig.hub.start("endless", "e", None)
        await clock.sleep(1)
        filler = dict(rig.store.instances["e"].history[-1])
        rig.store.instances["e"].history += [filler] * durable_module.HISTORY_ENTRIES_MAX
        rig.hub.raise_event("e", "poke")
        await clock.sleep(1)
        assert "more than 10000 entries: continue as new" in rig.result("e")[2]
        await rig.end()

    play(scene)


def test_a_timer_that_was_cancelled_does_not_keep_the_hub_busy() -> None:
    def gives_up(context: df.DurableOrchestrationContext) -> Flow:
        timer = context.create_timer(context.current_utc_datetime + timedelta(hours=1))
        poke = context.wait_for_external_event("poke")
        yield context.task_any([timer, poke])
        timer.cancel()
        yield context.wait_for_external_event("end")
        return context.current_utc_datetime.isoformat()

    async def scene(clock: LoopClock) -> None:
        rig = Rig(clock, flow=gives_up)
        rig.hub.start("flow", "f", None)
        await clock.sleep(1)
        rig.hub.raise_event("f", "poke")
        await clock.sleep(1)
        assert rig.store.instances["f"].open == {}
        await clock.sleep(7200)
        assert rig.hub.is_quiet
        rig.hub.raise_event("f", "end")
        await clock.sleep(1)
        assert rig.result("f") == ("Completed", "2026-03-01T02:00:02+00:00", "")
        await rig.end()

    play(scene)


def test_a_result_of_an_earlier_execution_is_dropped() -> None:
    def hasty(context: df.DurableOrchestrationContext) -> Flow:
        rounds = context.get_input()
        slow = context.call_activity("echo", rounds)
        now = context.current_utc_datetime
        winner = yield context.task_any([slow, context.create_timer(now + timedelta(seconds=0.5))])
        if winner is slow:
            return rounds
        if rounds == 3:
            yield context.create_timer(now + timedelta(hours=1))
            return "no stranger's result"
        context.continue_as_new(rounds + 1)
        return None

    async def scene(clock: LoopClock) -> None:
        rig = Rig(clock, hasty=hasty)
        rig.hub.start("hasty", "h", 1)
        await clock.sleep(2 * 3600)
        assert rig.result("h") == ("Completed", "no stranger's result", "")
        await rig.end()

    play(scene)


def test_a_flow_with_two_events_at_once_is_woken_once_for_each() -> None:
    def pairs(context: df.DurableOrchestrationContext) -> Flow:
        found = yield context.task_all([context.wait_for_external_event(n) for n in ("a", "b")])
        return found

    async def scene(clock: LoopClock) -> None:
        rig = Rig(clock, pairs=pairs)
        rig.hub.start("pairs", "p", None)
        await clock.sleep(1)
        rig.hub.raise_event("p", "b", {"n": 2})
        rig.hub.raise_event("p", "a", [1])
        assert not rig.hub.is_quiet
        await clock.sleep(1)
        assert rig.result("p") == ("Completed", [[1], {"n": 2}], "")
        await rig.end()

    play(scene)


def test_flows_are_started_before_the_hub_runs() -> None:
    async def scene(clock: LoopClock) -> None:
        store = HubStore()
        hub = Hub(store, clock)
        flows = HubFlows(hub)
        await flows.start("flow", "f", {})
        assert await flows.status("f") == "Pending"
        rig = Rig(clock)
        await rig.end()
        rig.store, rig.hub = store, hub
        rig.begin(flow=echoes)
        await clock.sleep(5)
        assert await flows.status("f") == "Completed"
        await rig.end()

    play(scene)


def test_flows_that_sleep_a_month_wake_up() -> None:
    def sleeps(context: df.DurableOrchestrationContext) -> Flow:
        yield context.create_timer(context.current_utc_datetime + timedelta(days=30))
        return "awake"

    async def scene(clock: LoopClock) -> None:
        rig = Rig(clock, sleeps=sleeps)
        for n in range(20):
            rig.hub.start("sleeps", f"s{n}", None)
        await clock.sleep(31 * 86_400)
        assert [rig.result(f"s{n}")[1] for n in range(20)] == ["awake"] * 20
        await rig.end()

    play(scene)


def test_what_has_ended_is_forgotten_and_what_runs_stays() -> None:
    def waits(context: df.DurableOrchestrationContext) -> Flow:
        yield context.create_timer(context.current_utc_datetime + timedelta(days=1))

    async def scene(clock: LoopClock) -> None:
        rig = Rig(clock, flow=echoes, waits=waits)
        for id, name in (("ended", "flow"), ("runs", "waits"), ("stopped", "waits")):
            rig.hub.start(name, id, None)
        await clock.sleep(10)
        rig.hub.terminate("stopped", "by hand")
        assert rig.hub.purge(START + timedelta(seconds=1), clock.now()) == 0
        assert rig.hub.purge(START, clock.now()) == 2
        assert list(rig.store.instances) == ["runs"]
        await clock.sleep(2 * 86_400)  # the timer of what was stopped fires, and nobody is there
        assert rig.result("runs")[0] == "Completed"
        await rig.end()

    play(scene)

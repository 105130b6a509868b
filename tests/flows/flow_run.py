"""A run of the payout flow through the real replay protocol, step by step."""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from functions.flows.client import POKE
from functions.flows.payout import payout_flow
from local.host import episodes
from local.host.hubstore import EventType, OrchestrationInstance
from local.host.replay import Activity, DurableTimer, Step, step
from tests.world import START, Json

HANDLE = payout_flow._function.get_user_function()
STEPS_MAX = 10_000

type Answer = Callable[[str, Json], Json]


class ActivityError(Exception):
    """An activity fails."""


@dataclass
class Run:
    """A run of the flow: its activities answered by a test, its timers let fire at once.

    `calls`: the activities with their inputs; `waits`: the seconds of each timer; `histories`:
    what each execution went through.
    """

    answer: Answer
    poked: bool = False
    now: datetime = START
    calls: list[tuple[str, Json]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    histories: list[list[Json]] = field(default_factory=list)
    inputs: list[Json] = field(default_factory=list)
    last: Step = field(default_factory=Step)

    def live(self, given: Json) -> "Run":
        """Until the flow ends."""
        instance = OrchestrationInstance("payout-po_1", "payout_flow", None, 0, self.now, self.now)
        instance.begin(1, json.dumps(given), self.now)
        self._begin(instance)
        for _ in range(STEPS_MAX):
            episodes.begin_episode(instance, self.now)
            self.last = _step(instance.input, instance.history)
            if self.last.next_input is not None:
                instance.begin(instance.execution + 1, self.last.next_input, self.now)
                self._begin(instance)
                continue
            if self.last.is_done or self.last.error:
                return self
            for work in episodes.end_episode(instance, self.last, self.now):
                self._do(instance, work)
        raise AssertionError("the flow never ended")

    def _begin(self, instance: OrchestrationInstance) -> None:
        self.inputs.append(json.loads(instance.input or ""))
        self.histories.append(instance.history)

    def _do(self, instance: OrchestrationInstance, work: object) -> None:
        match work:
            case Activity():
                given = json.loads(work.input)
                self.calls.append((work.name, given))
                instance.inbox.append(self._answered(work, given))
            case DurableTimer():
                self.waits.append((work.fire_at - self.now).total_seconds())
                if self.poked:
                    instance.inbox.append(episodes.event_raised(POKE, None, self.now))
                else:
                    self.now = work.fire_at
                    instance.inbox.append(episodes.timer_fired(work, self.now))
            case _:
                raise AssertionError(f"the flow wants {work}")
        for entry in instance.inbox:
            instance.open.pop(entry.get("TaskScheduledId", entry.get("TimerId", -1)), None)

    def _answered(self, work: Activity, given: Json) -> dict[str, Any]:
        try:
            return episodes.activity_completed(
                work.id, json.dumps(self.answer(work.name, given)), self.now
            )
        except ActivityError as error:
            return episodes.activity_failed(work.id, work.name, str(error), self.now)


def _step(given: str | None, history: list[Json]) -> Step:
    return step(
        HANDLE, instance_id="payout-po_1", parent_id=None, input=given, history=deepcopy(history)
    )


SCHEDULED = (EventType.TASK_SCHEDULED, EventType.TIMER_CREATED)


def check_replay(given: str | None, history: list[Json]) -> int:
    """Replay each beginning of a history; every step must ask for what it had asked for."""
    begins = [i for i, e in enumerate(history) if e["EventType"] == EventType.ORCHESTRATOR_STARTED]
    ends = [*begins[1:], len(history)]
    for end in ends:
        asked = [e["EventId"] for e in history[:end] if e["EventType"] in SCHEDULED]
        arrived = [
            entry.get("TaskScheduledId", entry.get("TimerId"))
            for entry in history[:end]
            if entry["EventType"]
            in (EventType.TASK_COMPLETED, EventType.TASK_FAILED, EventType.TIMER_FIRED)
        ]
        result = _step(given, history[:end])
        if result.is_done or result.error or result.next_input is not None:
            assert end == len(history)
            continue
        waited_for = [work.id for work in result.open]
        assert sorted(waited_for) == sorted(id for id in asked if id not in arrived)
    return len(ends)

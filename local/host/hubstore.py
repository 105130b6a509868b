"""What a durable hub remembers: instances with their histories. It outlives hosts.

Everything in it is plain data, so a new host picks up where the last one was: what was scheduled
and has no result runs again, as on Azure.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any

from local.host.replay import Work
from local.host.timers import TimerStatus


class EventType(IntEnum):
    """Kinds of history entries, numbered as in the extension's JSON."""

    EXECUTION_STARTED = 0
    TASK_SCHEDULED = 4
    TASK_COMPLETED = 5
    TASK_FAILED = 6
    SUB_ORCHESTRATION_CREATED = 7
    SUB_ORCHESTRATION_COMPLETED = 8
    SUB_ORCHESTRATION_FAILED = 9
    TIMER_CREATED = 10
    TIMER_FIRED = 11
    ORCHESTRATOR_STARTED = 12
    ORCHESTRATOR_COMPLETED = 13
    EVENT_RAISED = 15


PENDING, RUNNING, COMPLETED, FAILED = "Pending", "Running", "Completed", "Failed"
TERMINATED = "Terminated"
FINAL = (COMPLETED, FAILED, TERMINATED)


@dataclass(frozen=True, slots=True)
class Parent:
    """Who waits for a sub-orchestration: the instance, its execution, the task's id."""

    instance_id: str
    execution: int
    task_id: int


@dataclass(slots=True)
class OrchestrationInstance:
    """One orchestration instance.

    `input`: JSON text. `execution` is new with every start and continue-as-new, so that late
    results of an earlier one are told apart. `inbox`: history entries that arrived and were not
    replayed yet. `scheduled`: event id to name of all work of this execution; `open`: the work
    among it without a result.
    """

    id: str
    name: str
    input: str | None
    execution: int
    created_at: datetime
    updated_at: datetime
    parent: Parent | None = None
    status: str = PENDING
    custom_status: Any = None
    output: Any = None
    error: str = ""
    history: list[dict[str, Any]] = field(default_factory=list)
    inbox: list[dict[str, Any]] = field(default_factory=list)
    scheduled: dict[int, str] = field(default_factory=dict)
    open: dict[int, Work] = field(default_factory=dict)

    @property
    def is_final(self) -> bool:
        """Whether it has ended."""
        return self.status in FINAL

    def begin(self, execution: int, input: str | None, now: datetime) -> None:
        """Start over with a fresh history (the first time, or continue-as-new)."""
        self.execution, self.input, self.updated_at = execution, input, now
        self.status, self.history, self.inbox = PENDING, [], []
        self.scheduled, self.open = {}, {}


@dataclass(slots=True)
class HubStore:
    """The instances by id, in the order of their first start, and the timers' monitor."""

    instances: dict[str, OrchestrationInstance] = field(default_factory=dict)
    timers: dict[str, TimerStatus] = field(default_factory=dict)
    executions: int = 0

    def next_execution(self) -> int:
        """A number no execution had before."""
        self.executions += 1
        return self.executions


def entry(kind: EventType, now: datetime, event_id: int = -1, **rest: object) -> dict[str, Any]:
    """A history entry in the extension's shape."""
    return {
        "EventType": int(kind),
        "EventId": event_id,
        "IsPlayed": False,
        "Timestamp": now.isoformat().replace("+00:00", "Z"),
        **rest,
    }

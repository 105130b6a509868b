"""One step of an orchestrator: the real `azure-functions-durable` 1.x replays a history and says
what is to be done next.

The package answers with the actions since the beginning and leaves it to the extension to tell
which are new. Here that is read from the tasks the replay left open: their ids are the event ids
of the history. `open_tasks` and the task classes are internals of 1.7; `tests/contract` pins
what is used of them.
"""

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.durable_functions.models.actions.CallActivityAction import CallActivityAction
from azure.durable_functions.models.actions.CallActivityWithRetryAction import (
    CallActivityWithRetryAction,
)
from azure.durable_functions.models.actions.CallSubOrchestratorAction import (
    CallSubOrchestratorAction,
)
from azure.durable_functions.models.actions.CallSubOrchestratorWithRetryAction import (
    CallSubOrchestratorWithRetryAction,
)
from azure.durable_functions.models.actions.CreateTimerAction import CreateTimerAction
from azure.durable_functions.models.actions.NoOpAction import NoOpAction
from azure.durable_functions.models.DurableOrchestrationContext import DurableOrchestrationContext
from azure.durable_functions.models.Task import RetryAbleTask
from azure.durable_functions.orchestrator import Orchestrator

CONTINUE_AS_NEW = 4  # ActionType
SIGNAL_ENTITY = 9
TIMER = "timer"
# What the extension sends with its Azure Storage provider: longer timers run in legs.
SHORT_TIMER_MAX = "6.00:00:00"
LONG_TIMER_LEG = "3.00:00:00"

_ERROR_MARK = "\n\n$OutOfProcData$:"
_UNKNOWN_TASK = "Potential duplicate Task completion"
_TYPE_ADVICE = "azure.functions df_loads was called without expected_type"


class Unsupported(Exception):
    """The orchestrator uses what the local hub does not know: entities, durable HTTP."""


@dataclass(frozen=True, slots=True)
class Activity:
    """An activity to run; `input` is JSON text."""

    id: int
    name: str
    input: str


@dataclass(frozen=True, slots=True)
class Child:
    """A sub-orchestration to start; `instance_id` None: the hub chooses."""

    id: int
    name: str
    input: str
    instance_id: str | None


@dataclass(frozen=True, slots=True)
class DurableTimer:
    """A moment to wait for."""

    id: int
    fire_at: datetime
    name: str = TIMER


type Work = Activity | Child | DurableTimer


@dataclass(frozen=True, slots=True)
class Step:
    """What a replay led to.

    `error`: the orchestrator raised. `is_done`: it returned `output`. `next_input`: it continues
    as new with this JSON text. Otherwise it waits for `open`: all work not completed, in the
    order of scheduling; `cancelled` are the ids of timers it gave up.
    """

    is_done: bool = False
    output: Any = None
    error: str = ""
    next_input: str | None = None
    custom_status: Any = None
    open: tuple[Work, ...] = ()
    cancelled: tuple[int, ...] = ()


def step(
    handle: Any,  # noqa: ANN401 - what the decorator registered; it has no type
    *,
    instance_id: str,
    parent_id: str | None,
    input: str | None,
    history: Sequence[Mapping[str, Any]],
) -> Step:
    """Replay a history through a registered orchestrator.

    `history`: entries as the extension sends them, the last `OrchestratorStarted` beginning the
    new ones. Raises `Unsupported`; an error of the orchestrator is part of the answer.
    """
    payload = {
        "history": list(history),
        "instanceId": instance_id,
        "isReplaying": False,
        "parentInstanceId": parent_id,
        "input": input,
        "upperSchemaVersion": 0,
        "upperSchemaVersionNew": 2,
        "maximumShortTimerDuration": SHORT_TIMER_MAX,
        "longRunningTimerIntervalDuration": LONG_TIMER_LEG,
    }
    context = DurableOrchestrationContext.from_json(json.dumps(payload))
    context._input_expected_type = getattr(handle, "_df_input_type", None)
    with warnings.catch_warnings():
        # An event raised before it is waited for is kept for later, with this warning.
        warnings.filterwarnings("ignore", message=_UNKNOWN_TASK)
        # Advice to name types, once per process: see `local/host/engine.py`.
        warnings.filterwarnings("ignore", message=_TYPE_ADVICE)
        try:
            text = Orchestrator(handle.orchestrator_function).handle(context)
        except Exception as error:
            return Step(error=str(error).partition(_ERROR_MARK)[0] or repr(error))
    state = json.loads(text)
    actions = [action for group in state["actions"] for action in group]
    if any(action["actionType"] == SIGNAL_ENTITY for action in actions):
        raise Unsupported("entities are not supported by the local hub")
    if actions and actions[-1]["actionType"] == CONTINUE_AS_NEW:
        next_input = actions[-1]["input"]
        return Step(next_input=next_input, custom_status=state.get("customStatus"))
    if state["isDone"]:
        return Step(True, state.get("output"), custom_status=state.get("customStatus"))
    if any(isinstance(key, int) for key in context.deferred_tasks):
        return Step(
            error="Non-Deterministic workflow detected: the history completes a task that the "
            "orchestrator did not schedule"
        )
    tasks = sorted(
        ((key, task) for key, task in context.open_tasks.items() if isinstance(key, int)),
        key=lambda pair: pair[0],
    )
    now = context.current_utc_datetime
    return Step(
        custom_status=state.get("customStatus"),
        open=tuple(_work(key, task, now) for key, task in tasks),
        cancelled=tuple(key for key, task in tasks if getattr(task, "is_cancelled", False)),
    )


def _work(id: int, task: Any, now: datetime) -> Work:  # noqa: ANN401 - untyped in the package
    action = task.action_repr
    if isinstance(action, NoOpAction):
        # Within a retry: the pause after a failure, or the next attempt at the first action.
        retry = task.parent
        if not isinstance(retry, RetryAbleTask):
            raise Unsupported(f"a task without an action: {action.metadata}")
        if retry.is_waiting_on_timer:
            pause_ms = retry.retry_options.first_retry_interval_in_milliseconds
            return DurableTimer(id, now + timedelta(milliseconds=pause_ms))
        action = retry.actions
    match action:
        case CallActivityAction() | CallActivityWithRetryAction():
            return Activity(id, action.function_name, action.input_)
        case CallSubOrchestratorAction() | CallSubOrchestratorWithRetryAction():
            return Child(id, action.function_name, action._input, action.instance_id)
        case CreateTimerAction():
            fire_at = action.fire_at
            return DurableTimer(id, fire_at if fire_at.tzinfo else fire_at.replace(tzinfo=UTC))
        case _:
            raise Unsupported(f"the local hub does not support {type(action).__name__}")

"""How an instance moves: arrivals enter its history, results of a replay leave their marks."""

import json
from datetime import datetime

from local.host.hubstore import (
    COMPLETED,
    FAILED,
    PENDING,
    RUNNING,
    EventType,
    OrchestrationInstance,
    entry,
)
from local.host.replay import Activity, Child, DurableTimer, Step, Work

type Entry = dict[str, object]


def begin_episode(instance: OrchestrationInstance, now: datetime) -> None:
    """Let what arrived become the new part of the history."""
    for old in instance.history:
        old["IsPlayed"] = True
    # A timer may fire a rounding error early; the orchestrator must not see a moment before it.
    moment = max([now, *(timer_moment(arrived) for arrived in instance.inbox)])
    instance.history.append(entry(EventType.ORCHESTRATOR_STARTED, moment))
    if instance.status == PENDING:
        instance.status = RUNNING
        instance.history.append(
            entry(
                EventType.EXECUTION_STARTED,
                moment,
                Name=instance.name,
                Input=instance.input,
                Version=None,
            )
        )
    instance.history += instance.inbox
    instance.inbox = []
    instance.updated_at = now


def end_episode(instance: OrchestrationInstance, result: Step, now: datetime) -> tuple[Work, ...]:
    """Note what the orchestrator waits for; returns the work that is new and must begin.

    Raises `ValueError` when the replay left out what an earlier one had scheduled.
    """
    names = {work.id: work.name for work in result.open}
    for id, work in instance.open.items():
        if names.get(id) != work.name:
            raise ValueError(
                "Non-Deterministic workflow detected: the orchestrator did not schedule "
                f"{work.name} ({id}) again"
            )
    new = tuple(work for work in result.open if work.id not in instance.scheduled)
    for work in new:
        instance.scheduled[work.id] = work.name
        if work.id not in result.cancelled:
            instance.open[work.id] = work
        instance.history.append(_scheduled(work, now))
    for id in result.cancelled:
        instance.open.pop(id, None)
    instance.history.append(entry(EventType.ORCHESTRATOR_COMPLETED, now))
    return tuple(work for work in new if work.id in instance.open)


def finish(instance: OrchestrationInstance, result: Step, now: datetime) -> Entry | None:
    """End an instance; returns what its parent, if any, is to learn."""
    instance.status = FAILED if result.error else COMPLETED
    instance.output, instance.error, instance.updated_at = result.output, result.error, now
    instance.open, instance.inbox = {}, []
    if instance.parent is None:
        return None
    if result.error:
        return entry(
            EventType.SUB_ORCHESTRATION_FAILED,
            now,
            TaskScheduledId=instance.parent.task_id,
            Reason=f"The sub-orchestrator function '{instance.name}' failed: {result.error}",
            Details=result.error,
        )
    return entry(
        EventType.SUB_ORCHESTRATION_COMPLETED,
        now,
        TaskScheduledId=instance.parent.task_id,
        Result=json.dumps(result.output),
    )


def activity_completed(id: int, result: str | None, now: datetime) -> Entry:
    """An activity returned; `result` is JSON text."""
    return entry(EventType.TASK_COMPLETED, now, TaskScheduledId=id, Result=result)


def activity_failed(id: int, name: str, error: str, now: datetime) -> Entry:
    """An activity raised; the orchestrator gets an exception of this text."""
    reason = f"Activity function '{name}' failed: {error}"
    return entry(EventType.TASK_FAILED, now, TaskScheduledId=id, Reason=reason, Details=error)


def timer_fired(timer: DurableTimer, now: datetime) -> Entry:
    """A timer reached its moment."""
    fire_at = timer.fire_at.isoformat()
    return entry(EventType.TIMER_FIRED, max(now, timer.fire_at), TimerId=timer.id, FireAt=fire_at)


def event_raised(name: str, value: object, now: datetime) -> Entry:
    """Somebody raised an event; `value` is any JSON value."""
    return entry(EventType.EVENT_RAISED, now, Name=name, Input=json.dumps(value))


def timer_moment(arrived: Entry) -> datetime:
    """The time stamp of an entry."""
    return datetime.fromisoformat(str(arrived["Timestamp"]))


def _scheduled(work: Work, now: datetime) -> Entry:
    match work:
        case Activity():
            return entry(EventType.TASK_SCHEDULED, now, work.id, Name=work.name)
        case Child():
            return entry(
                EventType.SUB_ORCHESTRATION_CREATED,
                now,
                work.id,
                Name=work.name,
                InstanceId=work.instance_id,
            )
        case DurableTimer():
            return entry(EventType.TIMER_CREATED, now, work.id, FireAt=work.fire_at.isoformat())

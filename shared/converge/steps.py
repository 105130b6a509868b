"""Steps of many objects at once: what goes wrong with one of them ends that one alone."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from shared.converge.recovery import NO_ANSWER
from shared.converge.task import Task, failing

CONCURRENCY_MAX = 16  # port calls of one step under way at once

type Step = Callable[[Task], Awaitable[None]]
type StepOfMany = Callable[[Sequence[Task]], Awaitable[None]]


async def each(tasks: Iterable[Task], step: Step) -> None:
    """One step of every task, a few at once; an error ends its task."""
    limit = asyncio.Semaphore(CONCURRENCY_MAX)

    async def guarded(task: Task) -> None:
        async with limit:
            with failing([task]):
                await step(task)

    async with asyncio.TaskGroup() as group:
        for task in tasks:
            group.create_task(guarded(task))


async def together(tasks: Sequence[Task], step: StepOfMany) -> None:
    """A step of many tasks at once, which may be done twice; where one of them makes it
    impossible, each does it alone. A system that does not answer fails them all."""
    try:
        await step(tasks)
    except NO_ANSWER as error:
        for task in tasks:
            task.fail(error)
    except Exception:  # whose it is shows when each does it alone
        await one_by_one(tasks, step)


async def one_by_one(tasks: Sequence[Task], step: StepOfMany) -> None:
    """A step of each task alone; a system that does not answer is not asked for the others."""
    for at, task in enumerate(tasks):
        with failing([task]):
            try:
                await step([task])
            except NO_ANSWER as error:
                for left in tasks[at:]:
                    left.fail(error)
                return

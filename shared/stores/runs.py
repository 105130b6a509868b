"""One run of a timer: how long it may take, and the parts of it that fail alone.

The host ends a function after five minutes (`functionTimeout` in `host.json`). A run stops by
itself before that, keeps its place (`shared/stores/places.py`), and the next run continues there.
If one part fails (a queue, a company, a page), the run logs it and goes on with the others; it
fails at its end, so that somebody sees the failure.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta

from shared import telemetry
from shared.ports import Clock

RUN_SECONDS_MAX = 180  # no step begins later; the host allows 300
FAILURES_MAX = 5  # failures of a part before a run leaves it to the next one
AT_ONCE = 16  # reads of one run under way together
NAMED_MAX = 5  # parts that the error of a run names


class Run:
    """The time that is left to a run, and what failed in it."""

    def __init__(self, timer: str, clock: Clock) -> None:
        self._timer = timer
        self._clock = clock
        self._ends_at = clock.now() + timedelta(seconds=RUN_SECONDS_MAX)
        self._errors: dict[str, list[Exception]] = {}
        self.failures = 0  # steps that failed, or were not tried any more

    @property
    def is_over(self) -> bool:
        """True when no further step may begin."""
        return self._clock.now() >= self._ends_at

    def gave_up(self, part: str) -> bool:
        """True for a part that failed so often that this run does not try it again."""
        return len(self._errors.get(part, ())) >= FAILURES_MAX

    async def part[T](self, name: str, step: Callable[[], Awaitable[T]], otherwise: T) -> T:
        """The result of a step of one part; `otherwise` when it fails, whatever the reason."""
        if self.gave_up(name):
            self.failures += 1
            return otherwise
        try:
            return await step()
        except Exception as error:
            self.failed(name, error)
            return otherwise

    def failed(self, part: str, error: Exception) -> None:
        """Log the failure of a step of a part, and remember it."""
        telemetry.fault("timer_part_failed", error, timer=self._timer, part=part)
        self._errors.setdefault(part, []).append(error)
        self.failures += 1

    def close(self) -> None:
        """Raise an `ExceptionGroup` that names the parts which failed, if any did."""
        if self._errors:
            names = list(self._errors)
            more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
            text = f"{self._timer} failed for {', '.join(names[:NAMED_MAX])}{more}"
            raise ExceptionGroup(text, [errors[0] for errors in self._errors.values()])


async def side_by_side[T, R](
    items: Iterable[T], step: Callable[[T], Awaitable[R]], at_once: int = AT_ONCE
) -> list[R]:
    """The results of a step for each item, in order, `at_once` under way together.

    The first error comes out, after every step that has begun has ended.
    """
    given = list(items)
    waiting = enumerate(given)
    results: dict[int, R] = {}
    errors: list[Exception] = []

    async def work() -> None:
        for index, item in waiting:
            if errors:
                return
            try:
                results[index] = await step(item)
            except Exception as error:
                errors.append(error)

    workers = max(1, min(at_once, len(given)))
    await asyncio.gather(*(work() for _ in range(workers)))
    if errors:
        raise errors[0]
    return [results[index] for index in range(len(results))]

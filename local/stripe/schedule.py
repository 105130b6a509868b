"""Work that is due later, on the clock of the world."""

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Never

from shared.ports import Clock

SLEEP_SECONDS_MIN = 0.001  # clocks round; shorter sleeps would spin
SLEEP_SECONDS_MAX = 86_400.0  # real clocks may be set; look again at least daily

type Action = Callable[[], None]


@dataclass(order=True, slots=True)
class _Due:
    when: datetime
    sequence: int
    action: Action = field(compare=False)
    recurring: bool = field(compare=False)
    name: str | None = field(compare=False)
    cancelled: bool = field(compare=False, default=False)


class ActionSchedule:
    """Runs actions at their moments, in order of time and then of scheduling.

    Actions are plain functions: what takes time hands over to a task of its own. `recurring`
    marks work that comes back for ever, so that `next_due` can leave it out.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[_Due] = []
        self._named: dict[str, _Due] = {}
        self._sequence = 0
        self._wake = asyncio.Event()

    def at(
        self, when: datetime, action: Action, *, recurring: bool = False, name: str | None = None
    ) -> None:
        """Run `action` at `when` (a moment in the past: as soon as possible).

        By its `name` it can be cancelled.
        """
        self._sequence += 1
        due = _Due(when, self._sequence, action, recurring, name)
        heapq.heappush(self._heap, due)
        if name is not None:
            self._named[name] = due
        if self._heap[0] is due:
            self._wake.set()

    def after(self, seconds: float, action: Action) -> None:
        """Run `action` so many seconds from now."""
        self.at(self._clock.now() + timedelta(seconds=seconds), action)

    def cancel(self, name: str) -> None:
        """Do not run the action of this name; nothing, where there is none."""
        due = self._named.pop(name, None)
        if due is not None:
            due.cancelled = True

    def next_due(self, *, recurring: bool = False) -> datetime | None:
        """When the next action runs; those that recur for ever count only if asked for."""
        moments = (
            due.when for due in self._heap if not due.cancelled and (recurring or not due.recurring)
        )
        return min(moments, default=None)

    async def run(self) -> Never:
        """Run what becomes due, until cancelled. An action that raises ends the run."""
        while True:
            self._wake.clear()
            while self._heap and self._heap[0].when <= self._clock.now():
                self._perform(heapq.heappop(self._heap))
            await self._rest()

    def _perform(self, due: _Due) -> None:
        if due.name is not None and not due.cancelled:
            del self._named[due.name]
        if not due.cancelled:
            due.action()

    async def _rest(self) -> None:
        """Sleep until the next moment, or until something earlier is scheduled."""
        if not self._heap:
            await self._wake.wait()
            return
        seconds = (self._heap[0].when - self._clock.now()).total_seconds()
        seconds = min(max(seconds, SLEEP_SECONDS_MIN), SLEEP_SECONDS_MAX)
        alarm = asyncio.create_task(self._ring(seconds), name="stripe-alarm")
        try:
            await self._wake.wait()
        finally:
            alarm.cancel()
            await asyncio.gather(alarm, return_exceptions=True)

    async def _ring(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._wake.set()

"""What a business means to do: acts at their moments, planned while it lives."""

import heapq
import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from local.simulation.timeline import Timeline
from local.stripe import ApiError
from shared.ports import Clock

HOUR, DAY = 3_600.0, 86_400.0

type Act = Callable[[], object]
"""What is done; what it returns is told to the timeline."""


class Schedule:
    """Acts in the order of their moments, and the chance that decides on them."""

    def __init__(self, clock: Clock, rng: random.Random, timeline: Timeline, days: float) -> None:
        self.rng = rng
        self._clock = clock
        self._timeline = timeline
        self._end = clock.now() + timedelta(days=days)
        self._acts: list[tuple[datetime, int, str, Act]] = []
        self._planned = 0

    def at(self, seconds: float, name: str, act: Act) -> None:
        """Plan something; what would come after the period is left out."""
        when = self._clock.now() + timedelta(seconds=seconds)
        if when < self._end:
            self._planned += 1
            heapq.heappush(self._acts, (when, self._planned, name, act))

    def soon(self, low: float, high: float, name: str, act: Act) -> None:
        """Plan something between so many seconds from now."""
        self.at(self.rng.uniform(low, high), name, act)

    def happens(self, share: float) -> bool:
        """True in so many cases."""
        return self.rng.random() < share

    def one_of[T](self, cases: Sequence[tuple[T, float]]) -> T:
        """One of the cases, by their shares, which add up to 1."""
        draw = self.rng.random()
        for case, share in cases:
            draw -= share
            if draw < 0:
                return case
        return cases[-1][0]

    async def run(self) -> None:
        """Live through the period."""
        while self._acts:
            when, _, name, act = heapq.heappop(self._acts)
            await self._until(when)
            self._do(name, act)
        await self._until(self._end)

    async def _until(self, when: datetime) -> None:
        seconds = (when - self._clock.now()).total_seconds()
        if seconds > 0:
            await self._clock.sleep(seconds)

    def _do(self, name: str, act: Act) -> None:
        try:
            told = act()
        except (ApiError, ValueError) as refusal:
            told = f"not possible: {refusal}"
        self._timeline.note("merchant", f"{name}: {told}")

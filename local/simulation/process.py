"""The life of one process: its crash points, its death, its standstill.

Every port call of an incarnation crosses two points, `before <port>.<call>` and `after ...`. At a
point the process may die: from then on each of its calls waits for ever (cancelling would run
`finally` blocks, which no kill does). Or it may freeze: its calls wait until it thaws, and go on
with what they knew before.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

from shared.ports import Clock

type OnCrossing = Callable[["Process", str], None]


class Process:
    """One incarnation of an instance. `skew_seconds`: how far its clock is ahead; see `step`."""

    def __init__(
        self, name: str, clock: Clock, skew_seconds: float, on_crossing: OnCrossing
    ) -> None:
        self.name = name
        self.clock = clock
        self.skew = timedelta(seconds=skew_seconds)
        self.crossings = 0
        self.is_dead = False
        self.is_frozen = False
        self._is_closed = False
        self._on_crossing = on_crossing
        self._moves = asyncio.Event()
        self._moves.set()
        self._waits: dict[asyncio.Task[Any], None] = {}

    def die(self) -> None:
        """End at once: nothing this process does has an effect any more."""
        self.is_dead = True
        self._moves.clear()
        for wait in self._waits:
            wait.cancel()

    def freeze(self) -> None:
        """Stand still."""
        self.is_frozen = True
        self._moves.clear()

    def thaw(self) -> None:
        """Go on."""
        self.is_frozen = False
        if not self.is_dead:
            self._moves.set()

    def step(self, skew_seconds: float) -> None:
        """The clock jumps: from now on it is so far ahead."""
        self.skew = timedelta(seconds=skew_seconds)

    def close(self) -> None:
        """The world ends: tasks that wait here may be cancelled."""
        self._is_closed = True

    @property
    def moves(self) -> bool:
        """Neither dead nor frozen."""
        return not (self.is_dead or self.is_frozen)

    async def cross(self, point: str) -> None:
        """Pass a crash point, or never."""
        self.crossings += 1
        self._on_crossing(self, point)
        if not self.moves:
            await self.hold()

    async def hold(self) -> None:
        """Wait while dead or frozen; a cancellation meanwhile takes effect afterwards."""
        cancelled = False
        while not self.moves and not self._is_closed:
            try:
                await self._moves.wait()
            except asyncio.CancelledError:
                cancelled = True
        if cancelled or self.is_dead:
            raise asyncio.CancelledError

    async def through[T](self, name: str, call: Callable[[], Awaitable[T]]) -> T:
        """A port call between its two crash points."""
        await self.cross(f"before {name}")
        try:
            result = await call()
        finally:
            if not self.moves:
                await self.hold()
        await self.cross(f"after {name}")
        return result

    async def wait[T](self, waiting: Coroutine[Any, Any, T]) -> T:
        """A wait of the process for something outside, which ends with the process."""
        if not self.moves:
            waiting.close()
            await self.hold()
        task = asyncio.create_task(waiting)
        self._waits[task] = None
        try:
            return await task
        finally:
            self._waits.pop(task, None)
            if not self.moves:
                await self.hold()


class LifeClock:
    """The clock as one process reads it. Sleeping is no crash point: it would double the others."""

    def __init__(self, process: Process, *, skewed: bool) -> None:
        self._process, self._skewed = process, skewed

    def now(self) -> datetime:
        """The process's idea of the current moment."""
        now = self._process.clock.now()
        return now + self._process.skew if self._skewed else now

    async def sleep(self, seconds: float) -> None:
        """Wait; a dead process never wakes."""
        try:
            await self._process.clock.sleep(seconds)
        finally:
            if not self._process.moves:
                await self._process.hold()

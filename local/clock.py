"""Time of a world: a start moment plus what its event loop has counted since."""

import asyncio
from datetime import UTC, datetime, timedelta


class LoopClock:
    """`shared.ports.Clock` on a loop that counts from zero (`local.loop.VirtualLoop`).

    `start` must be aware. `now()` is `start` plus the loop's `time()`, so timers, sleeps and
    time stamps of one world can never disagree.
    """

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError(f"the start of a clock needs a time zone, got {start.isoformat()}")
        self._start = start.astimezone(UTC)
        self._latest = 0.0, self._start

    def now(self) -> datetime:
        """The current moment, aware, UTC. Needs a running loop."""
        seconds = asyncio.get_running_loop().time()
        latest_seconds, moment = self._latest
        if seconds != latest_seconds:
            moment = self._start + timedelta(seconds=seconds)
            self._latest = seconds, moment
        return moment

    async def sleep(self, seconds: float) -> None:
        """Wait; free on virtual time."""
        await asyncio.sleep(seconds)

"""Real time."""

import asyncio
from datetime import UTC, datetime


class SystemClock:
    """`shared.ports.Clock` on the machine's clock and the running event loop."""

    def now(self) -> datetime:
        """The current moment, aware, UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait; zero or less lets other tasks run once."""
        await asyncio.sleep(max(seconds, 0))

import asyncio
from datetime import UTC, timedelta

from shared.clients.clock import SystemClock


async def test_now_is_aware_and_utc() -> None:
    assert SystemClock().now().tzinfo is UTC


async def test_sleeping_lasts_as_long_as_was_asked() -> None:
    clock = SystemClock()
    before = clock.now()
    await clock.sleep(0.02)
    assert clock.now() - before >= timedelta(seconds=0.019)


async def test_sleeping_a_negative_time_lets_others_run_and_returns() -> None:
    ran: list[str] = []

    async def other() -> None:
        ran.append("other")

    task = asyncio.create_task(other())
    await SystemClock().sleep(-1)
    assert ran == ["other"]
    await task

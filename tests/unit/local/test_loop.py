import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest

from local.clock import LoopClock
from local.loop import Deadlock, RefusedOnVirtualTime, VirtualLoop, run_virtual

START = datetime(2026, 1, 31, 23, 59, tzinfo=UTC)


def test_a_month_of_sleeping_takes_no_time() -> None:
    async def month(clock: LoopClock) -> datetime:
        for _ in range(30 * 24):
            await clock.sleep(3600)
        return clock.now()

    assert run_virtual(month, start=START) == START + timedelta(days=30)


def test_a_century_later_the_loop_still_advances_by_microseconds() -> None:
    async def century(clock: LoopClock) -> timedelta:
        await clock.sleep(100 * 365 * 24 * 3600)
        before = clock.now()
        for _ in range(10):
            await clock.sleep(0.001)
        return clock.now() - before

    assert abs(run_virtual(century, start=START) - timedelta(milliseconds=10)) < timedelta(
        milliseconds=0.1
    )


def test_timers_run_in_the_order_of_their_moments() -> None:
    async def main(clock: LoopClock) -> list[tuple[str, float]]:
        seen: list[tuple[str, float]] = []

        async def after(name: str, seconds: float) -> None:
            await clock.sleep(seconds)
            seen.append((name, (clock.now() - START).total_seconds()))

        async with asyncio.TaskGroup() as group:
            for name, seconds in (("c", 86_400.5), ("a", 0.25), ("b", 60.0)):
                group.create_task(after(name, seconds))
        return seen

    assert run_virtual(main, start=START) == [("a", 0.25), ("b", 60.0), ("c", 86_400.5)]


def test_ready_work_runs_before_time_moves() -> None:
    async def main(clock: LoopClock) -> timedelta:
        timer = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(1, timer.set_result, None)
        for _ in range(1000):
            await asyncio.sleep(0)
        moved = clock.now() - START
        await timer
        return moved

    assert run_virtual(main, start=START) == timedelta(0)


def test_a_deadlock_names_the_tasks_that_wait() -> None:
    async def waits_for_nobody() -> None:
        await asyncio.get_running_loop().create_future()

    async def main(_clock: LoopClock) -> None:
        await asyncio.create_task(waits_for_nobody(), name="the stuck one")

    with pytest.raises(Deadlock, match=r"the stuck one \(.*waits_for_nobody\)"):
        run_virtual(main, start=START)


def test_a_timeout_fires_instead_of_a_deadlock() -> None:
    async def main(clock: LoopClock) -> timedelta:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(90):
                await asyncio.get_running_loop().create_future()
        return clock.now() - START

    assert run_virtual(main, start=START) == timedelta(seconds=90)


def test_threads_are_refused() -> None:
    async def main(_clock: LoopClock) -> None:
        await asyncio.to_thread(threading.get_ident)

    with pytest.raises(RefusedOnVirtualTime, match="threads"):
        run_virtual(main, start=START)


def test_sockets_are_refused() -> None:
    async def main(_clock: LoopClock) -> None:
        await asyncio.open_connection("127.0.0.1", 9)

    with pytest.raises(RefusedOnVirtualTime, match="sockets"):
        run_virtual(main, start=START)


def test_an_error_of_the_main_task_comes_out_as_it_is() -> None:
    async def main(_clock: LoopClock) -> None:
        raise KeyError("as it is")

    with pytest.raises(KeyError, match="as it is"):
        run_virtual(main, start=START)


def test_a_clock_without_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a time zone"):
        LoopClock(datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_clock_of_another_zone_tells_utc() -> None:
    zone = datetime.fromisoformat("2026-01-01T00:00:00+02:00")

    async def main(clock: LoopClock) -> datetime:
        return clock.now()

    now = run_virtual(main, start=zone)
    assert (now, now.tzinfo) == (datetime(2025, 12, 31, 22, tzinfo=UTC), UTC)


def test_two_loops_do_not_share_time() -> None:
    async def wait() -> None:
        await asyncio.sleep(100)

    for _ in range(2):
        loop = VirtualLoop()
        loop.run_until_complete(wait())
        assert loop.time() == 100
        loop.close()

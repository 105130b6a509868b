"""Dead processes do nothing more; frozen ones go on with what they knew."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from local.clock import LoopClock
from local.loop import run_virtual
from local.simulation.process import LifeClock, Process

START = datetime(2026, 10, 12, tzinfo=UTC)


def process(clock: LoopClock, skew_seconds: float = 0.0) -> Process:
    return Process("app1", clock, skew_seconds, lambda _process, _point: None)


async def _done() -> str:
    return "done"


def test_a_living_process_passes_its_crash_points() -> None:
    async def main(clock: LoopClock) -> None:
        points: list[str] = []
        alive = Process("app1", clock, 0.0, lambda _process, point: points.append(point))
        assert await alive.through("tables.get", _done) == "done"
        assert points == ["before tables.get", "after tables.get"]
        assert alive.crossings == 2

    run_virtual(main, start=START)


def test_a_process_that_dies_in_a_call_never_gets_its_answer_and_runs_no_finally() -> None:
    async def main(clock: LoopClock) -> None:
        dying, told = process(clock), []

        async def slow() -> str:
            await clock.sleep(10)
            return "done"

        async def work() -> None:
            try:
                told.append(await dying.through("dynamics.apply", slow))
            finally:
                told.append("finally")

        task = asyncio.create_task(work())
        await clock.sleep(5)
        dying.die()
        await clock.sleep(1_000)
        assert not told
        assert not task.done()
        dying.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run_virtual(main, start=START)


def test_a_time_out_does_not_wake_the_dead() -> None:
    async def main(clock: LoopClock) -> None:
        dead, told = process(clock), []
        dead.die()

        async def work() -> None:
            try:
                async with asyncio.timeout(10):
                    await dead.through("queue.send", _done)
            except TimeoutError:
                told.append("time-out")

        task = asyncio.create_task(work())
        await clock.sleep(1_000)
        assert not told
        dead.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run_virtual(main, start=START)


def test_a_frozen_process_goes_on_where_it_was() -> None:
    async def main(clock: LoopClock) -> None:
        frozen = process(clock)
        frozen.freeze()
        task = asyncio.create_task(frozen.through("tables.get", _done))
        await clock.sleep(900)
        assert not task.done()
        frozen.thaw()
        assert await task == "done"
        assert clock.now() == START + timedelta(seconds=900)

    run_virtual(main, start=START)


def test_a_time_out_that_passed_in_the_freeze_strikes_after_it() -> None:
    async def main(clock: LoopClock) -> None:
        frozen = process(clock)
        frozen.freeze()

        async def work() -> None:
            async with asyncio.timeout(10):
                await frozen.through("queue.send", _done)

        task = asyncio.create_task(work())
        await clock.sleep(100)
        assert not task.done()
        frozen.thaw()
        with pytest.raises(TimeoutError):
            await task

    run_virtual(main, start=START)


def test_nobody_thaws_the_dead() -> None:
    async def main(clock: LoopClock) -> None:
        dead = process(clock)
        dead.freeze()
        dead.die()
        dead.thaw()
        task = asyncio.create_task(dead.cross("before tables.get"))
        await clock.sleep(10)
        assert not task.done()
        dead.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run_virtual(main, start=START)


def test_a_wait_for_the_outside_ends_with_the_process() -> None:
    async def main(clock: LoopClock) -> None:
        waiting, arrived = process(clock), asyncio.Event()
        task = asyncio.create_task(waiting.wait(arrived.wait()))
        await clock.sleep(1)
        waiting.die()
        await clock.sleep(1)
        arrived.set()
        await clock.sleep(1)
        assert not task.done()
        waiting.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run_virtual(main, start=START)


def test_clocks_of_processes_differ() -> None:
    async def main(clock: LoopClock) -> None:
        ahead = process(clock, 30.0)
        assert LifeClock(ahead, skewed=True).now() == START + timedelta(seconds=30)
        assert LifeClock(ahead, skewed=False).now() == START

    run_virtual(main, start=START)

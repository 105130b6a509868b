import asyncio
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from shared.clients.stripe.token_bucket import JITTER_SHARE, TokenBucket
from shared.errors import Throttled

START = datetime(2026, 11, 1, tzinfo=UTC)


class FakeClock:
    """Time that only sleeping moves; `slept` are the seconds of each sleep."""

    def __init__(self) -> None:
        self.moment = START
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)
        self.moment += timedelta(seconds=seconds)


class NoJitter(Random):
    def random(self) -> float:
        return 0.0


def bucket_of(clock: FakeClock, *, wait_seconds_max: float = 100, rng: Random) -> TokenBucket:
    return TokenBucket(
        clock,
        rng,
        tokens_per_second=10,
        burst=3,
        wait_seconds_max=wait_seconds_max,
        system="stripe",
    )


async def test_a_burst_goes_through_and_the_next_waits_its_turn() -> None:
    clock = FakeClock()
    bucket = bucket_of(clock, rng=NoJitter())
    for _ in range(3):
        await bucket.take()
    assert clock.slept == []
    await bucket.take()
    assert clock.slept == [pytest.approx(0.1)]


async def test_those_who_come_together_wait_one_behind_the_other() -> None:
    clock = FakeClock()
    bucket = bucket_of(clock, rng=NoJitter())
    await asyncio.gather(*(bucket.take() for _ in range(6)))
    assert clock.slept == [pytest.approx(0.1), pytest.approx(0.2), pytest.approx(0.3)]


async def test_the_rate_holds_over_a_long_run() -> None:
    clock = FakeClock()
    bucket = bucket_of(clock, rng=NoJitter())
    for _ in range(103):
        await bucket.take()
    assert (clock.now() - START).total_seconds() == pytest.approx(10, abs=0.01)


async def test_rest_fills_the_bucket_up_to_the_burst_and_no_further() -> None:
    clock = FakeClock()
    bucket = bucket_of(clock, rng=NoJitter())
    clock.moment += timedelta(hours=1)
    for _ in range(4):
        await bucket.take()
    assert clock.slept == [pytest.approx(0.1)]


async def test_jitter_only_ever_lengthens_a_wait() -> None:
    clock = FakeClock()
    bucket = bucket_of(clock, rng=Random(7))
    await asyncio.gather(*(bucket.take() for _ in range(50)))
    for turn, slept in enumerate(clock.slept, start=1):
        assert turn / 10 <= slept + 1e-9
        assert slept <= turn / 10 * (1 + JITTER_SHARE) + 1e-9


async def test_the_same_chance_gives_the_same_waits() -> None:
    runs = []
    for _ in range(2):
        clock = FakeClock()
        bucket = bucket_of(clock, rng=Random(7))
        await asyncio.gather(*(bucket.take() for _ in range(20)))
        runs.append(clock.slept)
    assert runs[0] == runs[1]


async def test_who_would_wait_too_long_is_turned_away_and_takes_no_turn() -> None:
    clock = FakeClock()
    bucket = bucket_of(clock, wait_seconds_max=0.15, rng=NoJitter())
    for _ in range(3):
        await bucket.take()
    queries = [asyncio.create_task(bucket.take()) for _ in range(3)]
    results = await asyncio.gather(*queries, return_exceptions=True)
    assert results[0] is None
    for result in results[1:]:
        assert isinstance(result, Throttled)
        assert result.retry_after_seconds == pytest.approx(0.2)


async def test_a_pause_holds_everybody_back() -> None:
    clock = FakeClock()
    bucket = bucket_of(clock, rng=NoJitter())
    bucket.pause(2)
    bucket.pause(2)
    await bucket.take()
    assert clock.slept == [pytest.approx(2)]


async def test_a_clock_that_goes_back_gives_no_tokens_and_takes_none() -> None:
    clock = FakeClock()
    bucket = bucket_of(clock, rng=NoJitter())
    for _ in range(3):
        await bucket.take()
    clock.moment -= timedelta(minutes=5)
    await bucket.take()
    assert clock.slept == [pytest.approx(0.1)]


@pytest.mark.parametrize(("rate", "burst", "wait"), [(0, 1, 1), (-1, 1, 1), (1, 0, 1), (1, 1, -1)])
def test_a_bucket_that_could_never_serve_is_refused(rate: float, burst: float, wait: float) -> None:
    with pytest.raises(ValueError, match="a bucket needs"):
        TokenBucket(
            FakeClock(),
            NoJitter(),
            tokens_per_second=rate,
            burst=burst,
            wait_seconds_max=wait,
            system="stripe",
        )

"""A token bucket on the application's clock."""

from datetime import datetime

from shared.errors import Throttled
from shared.ports import Clock, Random

JITTER_SHARE = 0.1  # of a wait, so that processes which filled up together do not go on together


class TokenBucket:
    """At most `tokens_per_second` on average and `burst` at once, in the order of asking.

    A caller that finds no token reserves a coming one and sleeps until then. One that would have
    to wait longer than `wait_seconds_max` is turned away with `Throttled`, nothing reserved: the
    work it does is under a lease, and the queue is the better place to wait.
    """

    def __init__(
        self,
        clock: Clock,
        rng: Random,
        *,
        tokens_per_second: float,
        burst: float,
        wait_seconds_max: float,
        system: str,
    ) -> None:
        if tokens_per_second <= 0 or burst < 1 or wait_seconds_max < 0:
            raise ValueError(
                "a bucket needs a rate above 0, a burst of 1 or more and a wait of 0 or more, got "
                f"{tokens_per_second}, {burst} and {wait_seconds_max}"
            )
        self._clock = clock
        self._rng = rng
        self._rate = tokens_per_second
        self._burst = burst
        self._wait_seconds_max = wait_seconds_max
        self._system = system
        self._tokens = float(burst)  # below zero: reserved by those who sleep
        self._counted_at = clock.now()

    async def take(self) -> None:
        """Return when a token is ours. Raises `Throttled` when that would take too long."""
        self._refill(self._clock.now())
        wait_seconds = max((1 - self._tokens) / self._rate, 0.0)
        if wait_seconds > self._wait_seconds_max:
            raise Throttled(self._system, wait_seconds)
        self._tokens -= 1
        if wait_seconds > 0:
            jitter_share = JITTER_SHARE * self._rng.random()
            await self._clock.sleep(wait_seconds * (1 + jitter_share))

    def pause(self, seconds: float) -> None:
        """No token for `seconds` from now: the other side said that we ask too much."""
        self._refill(self._clock.now())
        self._tokens = min(self._tokens, 1 - seconds * self._rate)

    def _refill(self, now: datetime) -> None:
        passed_seconds = max((now - self._counted_at).total_seconds(), 0.0)
        self._counted_at = now
        self._tokens = min(self._burst, self._tokens + passed_seconds * self._rate)

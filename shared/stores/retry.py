"""Reading with retries: for timers and proofs, whose many pages have no queue to retry them."""

from collections.abc import Awaitable, Callable

from shared.errors import Throttled, Unavailable
from shared.ports import Clock, Random

TRIES_MAX = 6
BASE_SECONDS = 1.0
CAP_SECONDS = 30.0


async def with_retries[T](clock: Clock, rng: Random, read: Callable[[], Awaitable[T]]) -> T:
    """Repeat a read that was throttled or found nobody, with back-off and jitter.

    The last try's error comes out, and every other error at once. Reads only: a write that failed
    has to be looked for.
    """
    for attempt in range(TRIES_MAX - 1):
        try:
            return await read()
        except (Throttled, Unavailable) as error:
            wanted = getattr(error, "retry_after_seconds", None) or 0.0
            backoff = min(BASE_SECONDS * (1 << attempt), CAP_SECONDS)
            await clock.sleep(max(wanted, backoff * (0.5 + 0.5 * rng.random())))
    return await read()

"""What people do to a running app in good faith: retry, backfill, send to the wrong queue."""

import random
from collections.abc import Awaitable, Callable, Sequence

from local.servicebus import Broker
from local.servicebus.messages import Outgoing
from local.simulation.faults import Injector
from local.simulation.timeline import Timeline
from shared.ports import Clock, Json

PAUSE_SECONDS = (2 * 3_600.0, 14 * 3_600.0)
BACKFILL_DAYS = (1, 30)
RETRIED_MAX = 20

type Ask = Callable[[str, Json], Awaitable[Json | None]]
"""POST a body to a route of the app; None when it did not work."""


class Operators:
    """Support, an administrator, and somebody of another team."""

    def __init__(
        self,
        clock: Clock,
        seed: int,
        *,
        injector: Injector,
        timeline: Timeline,
        broker: Broker,
        ask: Ask,
        parked: Callable[[], Awaitable[Sequence[str]]],
    ) -> None:
        """`parked`: the ids of the items in the inbox."""
        self._clock = clock
        self._rng = random.Random(f"people {seed}")  # noqa: S311 - a seeded world
        self._injector = injector
        self._timeline = timeline
        self._broker = broker
        self._ask = ask
        self._parked = parked
        self._sent = 0

    async def run(self) -> None:
        """Meddle until cancelled."""
        while True:
            await self._clock.sleep(self._rng.uniform(*PAUSE_SECONDS))
            ids = list(await self._parked())
            if ids and self._injector.strikes("person_retries", f"{len(ids)} parked"):
                chosen = self._rng.sample(ids, min(len(ids), RETRIED_MAX))
                self._told("retry", await self._ask("inbox/retry", {"ids": chosen}))
            if self._injector.strikes("person_backfills"):
                days = self._rng.randint(*BACKFILL_DAYS)
                self._told("backfill", await self._ask("backfill", {"days": days}))
            if self._injector.strikes("foreign_message"):
                self._send_rubbish()

    def _send_rubbish(self) -> None:
        queue = self._rng.choice(self._broker.queues).name
        self._sent += 1
        body = self._rng.choice((b"", b"{}", b"\xff\xfe", b'{"id": "evt_1"}', b"[" * 5_000))
        session = self._rng.choice(("0", "1", "somebody", "99"))
        self._broker.send(queue, [Outgoing(f"foreign-{self._sent}", body, session)])

    def _told(self, what: str, answer: Json | None) -> None:
        self._timeline.note("people", f"{what}: {answer}")

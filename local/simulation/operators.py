"""What people do to a running app in good faith: retry, resolve, correct, backfill, publish, lower
the partitions, send to the wrong queue."""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from local.servicebus import Broker
from local.servicebus.messages import Outgoing
from local.simulation.faults import Injector
from local.simulation.timeline import Timeline
from shared.ports import Clock, Json

PAUSE_SECONDS = (2 * 3_600.0, 14 * 3_600.0)
CORRECTS_AFTER = timedelta(days=1)  # by then something is posted
BACKFILL_DAYS = (1, 30, 400)  # most look back days or weeks, one in three at all there is
OLD_SHARE = 1 / 3
RETRIED_MAX = 20
DEEP = 10_000  # brackets that nobody closes
FOREIGN = (
    *(b"", b"{}", b"\xff\xfe", b'{"id": "evt_1"}', b"[" * DEEP),
    b"[" * DEEP + b"]" * DEEP,
    b'{"id": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    b'{"id": "\\ud83d", "entity": "charge", "object": "\\ud83d"}',
)

type Ask = Callable[[str, Json], Awaitable[Json | None]]
"""POST a body to a route of the app; None when it did not work."""


@dataclass(frozen=True, slots=True)
class Doings:
    """What people can do. `parked`: the ids of the items in the inbox. `resolve`, `correct`,
    `repartition` and `reroute` do what they say, or nothing where there is nothing to do, and tell
    it."""

    ask: Ask
    parked: Callable[[], Awaitable[Sequence[str]]]
    resolve: Callable[[random.Random], Awaitable[str]]
    correct: Callable[[], Awaitable[str]]
    repartition: Callable[[random.Random], str]
    reroute: Callable[[], Awaitable[str]]


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
        doings: Doings,
    ) -> None:
        self._clock, self._began = clock, clock.now()
        self._rng = random.Random(f"people {seed}")  # noqa: S311 - a seeded world
        self._injector = injector
        self._timeline = timeline
        self._broker = broker
        self._doings = doings
        self._sent = 0

    async def run(self) -> None:
        """Meddle until cancelled."""
        while True:
            await self._clock.sleep(self._rng.uniform(*PAUSE_SECONDS))
            await self._support()
            await self._administer()
            if self._injector.strikes("foreign_message"):
                self._send_rubbish()

    async def _support(self) -> None:
        doings = self._doings
        ids = list(await doings.parked())
        if ids and self._injector.strikes("person_retries", f"{len(ids)} parked"):
            chosen = self._rng.sample(ids, min(len(ids), RETRIED_MAX))
            self._told("retry", await doings.ask("inbox/retry", {"ids": chosen}))
        if ids and self._injector.strikes("person_resolves", f"{len(ids)} parked"):
            self._told("resolve", await doings.resolve(self._rng))

        is_later = self._clock.now() >= self._began + CORRECTS_AFTER
        if is_later and self._injector.strikes("person_corrects"):
            self._told("correct", await doings.correct())

    async def _administer(self) -> None:
        doings = self._doings
        if self._injector.strikes("person_backfills"):
            least, most, all_there_is = BACKFILL_DAYS
            is_old = self._rng.random() < OLD_SHARE
            days = self._rng.randint(least, all_there_is if is_old else most)
            self._told("backfill", await doings.ask("backfill", {"days": days}))
        if self._injector.strikes("person_repartitions"):
            self._told("partitions", doings.repartition(self._rng))
        if self._injector.strikes("person_reroutes"):
            self._told("policy", await doings.reroute())

    def _send_rubbish(self) -> None:
        queues = [queue for queue in self._broker.queues if queue.requires_session]
        queue = self._rng.choice(queues).name
        self._sent += 1
        body = self._rng.choice(FOREIGN)
        session = self._rng.choice(("0", "1", "somebody", "99"))
        self._broker.send(queue, [Outgoing(f"foreign-{self._sent}", body, session)])

    def _told(self, what: str, answer: Json | str | None) -> None:
        self._timeline.note("people", f"{what}: {answer}")

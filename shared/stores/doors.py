"""When an event came last by each way: table `cursors`, partition `ingress`, a row a way.

Of another Stripe account than the default one the row's name begins with its alias. Kept only where
Event Grid is an ingress: with the webhook alone there is nothing to compare. The moment is exact to
`NOTE_SECONDS`, so that a burst of events costs one write a process.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from shared import telemetry
from shared.domain.partition import DEFAULT_ACCOUNT, named
from shared.errors import TieoutError
from shared.ingress import Door
from shared.ports import Clock, Put, Tables
from shared.stores.places import TABLE

PARTITION = "ingress"
LAST = "last_event_at"
NOTE_SECONDS = 60
WRITE_SECONDS_MAX = 2  # Stripe waits for the webhook's answer


class Doors:
    """The doors of an application. One for each process: it knows what it noted itself."""

    def __init__(self, tables: Tables, clock: Clock) -> None:
        self._tables, self._clock = tables, clock
        self._noted: dict[str, datetime] = {}

    async def note(self, door: Door, account: str = DEFAULT_ACCOUNT) -> None:
        """An event of a Stripe account has come by a door, now. A note that cannot be written is
        logged: the event itself is safe."""
        name, now = named(account, door), self._clock.now()
        noted = self._noted.get(name)
        if noted is not None and now - noted < timedelta(seconds=NOTE_SECONDS):
            return
        try:
            async with asyncio.timeout(WRITE_SECONDS_MAX):
                await self._tables.transact(TABLE, PARTITION, [Put(name, {LAST: now})])
        except (TieoutError, TimeoutError) as error:
            telemetry.event("door_not_noted", door=name, error=type(error).__name__)
            return
        self._noted[name] = now

    async def last(self) -> Mapping[str, datetime]:
        """When an event came last: by door, of a further account by `<alias>~<door>`. A door
        without one is left out."""
        rows = await self._tables.query(TABLE, partition=PARTITION)
        seen = {row.row: row.cells.get(LAST) for row in rows}
        return MappingProxyType(
            {door: moment for door, moment in seen.items() if isinstance(moment, datetime)}
        )

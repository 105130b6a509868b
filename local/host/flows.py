"""`shared.ports.Flows` on the hub in this process."""

import asyncio
from datetime import datetime

from local.host.durable import Hub, InstanceRuns
from shared.ports import Json

POKE_EVENT = "poke"


class HubFlows:
    """Starts and pokes orchestrations of a `Hub`; a poke is an event without a value.

    Starting a flow the app does not have is a fault of the program: `FlowUnknown` comes out.
    """

    def __init__(self, hub: Hub, poke_event: str = POKE_EVENT) -> None:
        self._hub = hub
        self._poke_event = poke_event

    async def start(self, name: str, instance: str, input: Json) -> None:
        """Start, or poke when it runs."""
        await asyncio.sleep(0)
        try:
            self._hub.start(name, instance, input)
        except InstanceRuns:
            self._hub.raise_event(instance, self._poke_event)

    async def poke(self, instance: str) -> None:
        """Wake a running instance; nothing happens when there is none."""
        await asyncio.sleep(0)
        self._hub.raise_event(instance, self._poke_event)

    async def status(self, instance: str) -> str | None:
        """`Pending`, `Running`, `Completed`, `Failed`, or None."""
        await asyncio.sleep(0)
        known = self._hub.instance(instance)
        return known.status if known else None

    async def purge(self, since: datetime, until: datetime) -> int:
        """Forget the instances that began in this time and have ended."""
        await asyncio.sleep(0)
        return self._hub.purge(since, until)

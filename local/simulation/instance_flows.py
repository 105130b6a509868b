"""The durable client of a fleet: whoever starts a flow, the leading host steps it."""

from collections.abc import Callable
from datetime import datetime

from local.host import Hub, HubFlows
from shared.ports import Json


class InstanceFlows:
    """`shared.ports.Flows` on the hub that leads at the moment of the call."""

    def __init__(self, hub: Callable[[], Hub]) -> None:
        self._hub = hub

    async def start(self, name: str, instance: str, input: Json) -> None:
        """Start, or poke when it runs."""
        await HubFlows(self._hub()).start(name, instance, input)

    async def poke(self, instance: str) -> None:
        """Wake a running instance."""
        await HubFlows(self._hub()).poke(instance)

    async def status(self, instance: str) -> str | None:
        """The runtime status, or None."""
        return await HubFlows(self._hub()).status(instance)

    async def purge(self, since: datetime, until: datetime) -> int:
        """Forget the instances that began in this time and have ended."""
        return await HubFlows(self._hub()).purge(since, until)

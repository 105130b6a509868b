"""`ports.Flows` on the durable client that the host binds to each call."""

from datetime import datetime

import azure.durable_functions as df

from shared.errors import FlowsUnavailable
from shared.ports import Json

POKE = "poke"
ENDED = (
    df.OrchestrationRuntimeStatus.Completed,
    df.OrchestrationRuntimeStatus.Failed,
    df.OrchestrationRuntimeStatus.Terminated,
    df.OrchestrationRuntimeStatus.Canceled,
)
RUNNING = ("Running", "Pending", "ContinuedAsNew", "Suspended")


class DurableFlows:
    """Start, poke, status: over `DurableOrchestrationClient` (azure-functions-durable 1.x)."""

    def __init__(self, client: df.DurableOrchestrationClient) -> None:
        self._client = client

    async def start(self, name: str, instance: str, input: Json) -> None:
        """Start the flow, or poke it when it runs; a conflict is a poke."""
        if await self.status(instance) in RUNNING:
            await self.poke(instance)
            return
        try:
            await self._client.start_new(name, instance, input)
        except Exception as error:
            if await self.status(instance) in RUNNING:
                await self.poke(instance)
                return
            raise FlowsUnavailable(str(error)) from error

    async def poke(self, instance: str) -> None:
        """Wake a running instance."""
        try:
            await self._client.raise_event(instance, POKE, None)
        except Exception as error:
            if await self.status(instance) in RUNNING:
                raise FlowsUnavailable(str(error)) from error

    async def status(self, instance: str) -> str | None:
        """The runtime status, or None for an instance that never was."""
        try:
            state = await self._client.get_status(instance)
        except Exception as error:
            raise FlowsUnavailable(str(error)) from error
        status = getattr(state, "runtime_status", None)
        return None if status is None else str(status.name)

    async def purge(self, since: datetime, until: datetime) -> int:
        """Forget the instances that began in this time and have ended; returns how many."""
        try:
            history = await self._client.purge_instance_history_by(since, until, list(ENDED))
        except Exception as error:
            raise FlowsUnavailable(str(error)) from error
        return int(history.instances_deleted)

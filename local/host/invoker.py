"""Runs functions for the triggers of one host, and knows what runs."""

import contextvars
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from azure_functions_runtime.bindings.datumdef import Datum

from local.host.engine import Engine, Function, InvocationOutcome, text_datum

FAILURES_KEPT_MAX = 100


@dataclass(frozen=True, slots=True)
class InvocationFailure:
    """An invocation that raised."""

    function: str
    error: str


class Invoker:
    """Invocations in a world's context: a copy of it for each, so that they cannot disturb each
    other's variables."""

    def __init__(
        self,
        engine: Engine,
        context: contextvars.Context,
        timeout_seconds: float | None,
        task_hub: str,
    ) -> None:
        self.engine = engine
        self.running = 0
        self.failures: deque[InvocationFailure] = deque(maxlen=FAILURES_KEPT_MAX)
        self._context = context
        self._timeout_seconds = timeout_seconds
        self._client = _client_binding(task_hub)
        self._count = 0

    async def invoke(
        self, function: Function, payload: Datum, metadata: Mapping[str, Datum] | None = None
    ) -> InvocationOutcome:
        """Run a function on the payload of its trigger. Never raises for an error of the app."""
        self._count += 1
        inputs = [(function.parameter, payload)]
        inputs += [(name, text_datum(self._client)) for name in function.clients]
        self.running += 1
        try:
            outcome = await self.engine.invoke(
                function,
                inputs,
                metadata or {},
                invocation_id=f"{self._count:032x}",
                context=self._context,
                timeout_seconds=self._timeout_seconds,
            )
        finally:
            self.running -= 1
        if not outcome.ok:
            self.failures.append(InvocationFailure(function.name, outcome.error))
        return outcome

    def copy_of_context(self) -> contextvars.Context:
        """A context for code that is stepped without the engine, such as orchestrators."""
        return self._context.copy()


def _client_binding(task_hub: str) -> str:
    """What a durable client is made from. The hub is in this process and has no address: the
    URLs have the right shape and lead nowhere. `shared.ports.Flows` is the way in."""
    base = "http://127.0.0.1:1/runtime/webhooks/durabletask"
    query = f"taskHub={task_hub}&connection=Storage&code=local"
    instance = f"{base}/instances/INSTANCEID"
    return json.dumps(
        {
            "taskHubName": task_hub,
            "creationUrls": {
                "createNewInstancePostUri": (
                    f"{base}/orchestrators/{{functionName}}[/{{instanceId}}]?{query}"
                ),
            },
            "managementUrls": {
                "id": "INSTANCEID",
                "statusQueryGetUri": f"{instance}?{query}",
                "sendEventPostUri": f"{instance}/raiseEvent/{{eventName}}?{query}",
                "terminatePostUri": f"{instance}/terminate?reason={{text}}&{query}",
                "purgeHistoryDeleteUri": f"{instance}?{query}",
            },
            "baseUrl": base,
            "rpcBaseUrl": "http://127.0.0.1:1/durabletask/",
            "requiredQueryStringParameters": query,
        }
    )

"""One queue function per queue, generated from the registry: batches of one session each."""

import typing
from collections.abc import Awaitable, Callable

import azure.durable_functions as df
import azure.functions as func

from functions.failures import without_text
from functions.flows.client import DurableFlows
from shared import bootstrap
from shared.domain.partition import partition_in
from shared.registry import ENTITIES

bp = df.Blueprint()

# The worker's indexer knows `typing.List` only, not `list[...]`.
type Handler = Callable[..., Awaitable[None]]


def _handler(queue: str) -> Handler:
    async def sync(
        messages: typing.List[func.ServiceBusMessage],  # noqa: UP006
        client: df.DurableOrchestrationClient,
    ) -> None:
        from shared.services.work import Received

        received = [
            Received(
                message.message_id,
                message.get_body(),
                message.delivery_count or 1,
                message.application_properties or {},
            )
            for message in messages
        ]
        app = bootstrap.app()
        partition = partition_in(messages[0].session_id, app.settings.partitions_of(queue))
        work = app.work(DurableFlows(client))
        await work.handle(queue, partition, received)

    sync.__name__ = f"sync_{queue}"
    sync.__doc__ = f"Converges what the queue `{queue}` names."
    return sync


for _queue in dict.fromkeys(entity.queue for entity in ENTITIES):
    bp.function_name(f"sync_{_queue}")(
        bp.service_bus_queue_trigger(
            arg_name="messages",
            queue_name=_queue,
            connection="ServiceBusConnection",
            is_sessions_enabled=True,
            cardinality="many",
            auto_complete_messages=True,
        )(bp.durable_client_input(client_name="client")(without_text(_handler(_queue))))
    )

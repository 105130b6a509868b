"""The queue that Event Grid delivers to, as the second ingress of Stripe's events."""

import typing

import azure.functions as func

from functions.failures import without_text
from shared import bootstrap
from shared.registry import INGRESS_QUEUE
from shared.services.ingest import Delivered

bp = func.Blueprint()


@bp.function_name("ingress")
@bp.service_bus_queue_trigger(
    arg_name="messages",
    queue_name=INGRESS_QUEUE,
    connection="ServiceBusConnection",
    is_sessions_enabled=False,
    cardinality="many",
    auto_complete_messages=True,
)
@without_text
async def ingress(
    messages: typing.List[func.ServiceBusMessage],  # noqa: UP006 - the worker's indexer
) -> None:
    """Forwards Stripe's events to the queues of their entities."""
    delivered = [
        Delivered(message.message_id, message.get_body(), message.application_properties or {})
        for message in messages
    ]
    await bootstrap.receiving_app().event_grid().handle(delivered)

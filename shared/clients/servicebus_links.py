"""Links to queues of Azure Service Bus.

https://learn.microsoft.com/python/api/azure-servicebus/azure.servicebus.aio
"""

from typing import Protocol

from azure.core.credentials_async import AsyncTokenCredential
from azure.servicebus import (
    ServiceBusMessageBatch,
    ServiceBusReceivedMessage,
    ServiceBusSubQueue,
)
from azure.servicebus.aio import ServiceBusClient


class Sender(Protocol):
    """What we use of `azure.servicebus.aio.ServiceBusSender`."""

    async def create_message_batch(self) -> ServiceBusMessageBatch:
        """An empty batch of the size the link allows; opens the link."""

    async def send_messages(self, message: ServiceBusMessageBatch) -> None:
        """Returns when the broker has accepted the batch."""

    async def close(self) -> None:
        """Close the link."""


class Receiver(Protocol):
    """What we use of `azure.servicebus.aio.ServiceBusReceiver`."""

    async def receive_messages(
        self, max_message_count: int | None = 1, max_wait_time: float | None = None
    ) -> list[ServiceBusReceivedMessage]:
        """The next messages, locked; empty when none came in time."""

    async def peek_messages(self, max_message_count: int = 1) -> list[ServiceBusReceivedMessage]:
        """The next messages, which stay as they are."""

    async def complete_message(self, message: ServiceBusReceivedMessage) -> None:
        """Remove a locked message."""

    async def close(self) -> None:
        """Close the link."""


class Links(Protocol):
    """Makes links to queues; nothing connects before a link is used."""

    def sender(self, queue: str) -> Sender:
        """A new sender of a queue."""

    def dead_letters(self, queue: str) -> Receiver:
        """A new receiver of a queue's dead-letter sub-queue (which knows no sessions)."""

    async def close(self) -> None:
        """Close what all links share."""


class ServiceBusLinks:
    """`Links` of `azure.servicebus.aio`.

    Either `connection_string`, or `namespace` (`<name>.servicebus.windows.net`) with
    `credential`, whose roles are Azure Service Bus Data Sender and Data Receiver. The SDK's own
    few retries stay on: Service Bus detaches idle links, and the first send after that would
    fail without them. The caller's time limit bounds them.
    """

    def __init__(
        self,
        *,
        connection_string: str | None = None,
        namespace: str | None = None,
        credential: AsyncTokenCredential | None = None,
    ) -> None:
        if connection_string is not None and namespace is None:
            self._client = ServiceBusClient.from_connection_string(connection_string)
        elif namespace is not None and credential is not None and connection_string is None:
            self._client = ServiceBusClient(namespace, credential)
        else:
            raise ValueError("queues need a connection string, or a namespace and a credential")

    def sender(self, queue: str) -> Sender:
        """A new sender of a queue."""
        return self._client.get_queue_sender(queue)

    def dead_letters(self, queue: str) -> Receiver:
        """A new receiver of a queue's dead-letter sub-queue."""
        return self._client.get_queue_receiver(queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER)

    async def close(self) -> None:
        """Close the client. The credential belongs to the caller."""
        await self._client.close()

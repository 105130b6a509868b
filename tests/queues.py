"""A queue with somebody at the other end, in process or through Microsoft's SDK over AMQP."""

import asyncio
import gc
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import pytest
from azure.servicebus import (
    NEXT_AVAILABLE_SESSION,
    ServiceBusReceivedMessage,
    ServiceBusSubQueue,
)
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver
from azure.servicebus.exceptions import OperationTimeoutError, SessionLockLostError

from local.servicebus import DEAD_LETTER_SUFFIX, Broker, LocalQueue, QueueSettings, SessionReceiver
from local.servicebus import amqp as amqp_package
from local.servicebus.messages import Delivery, LockLost, Outgoing
from shared.clients.clock import SystemClock
from shared.clients.servicebus import ServiceBusQueue
from shared.clients.servicebus_links import ServiceBusLinks
from shared.ports import Queue

LOCK_SECONDS = 300.0
WINDOW_SECONDS = 3600.0
QUEUES = (
    QueueSettings(
        "work",
        requires_session=True,
        requires_duplicate_detection=True,
        duplicate_window_seconds=WINDOW_SECONDS,
        lock_seconds=LOCK_SECONDS,
        max_delivery_count=2,
        dead_letters_expired=True,
        time_to_live_seconds=14 * 86_400,
    ),
    QueueSettings("plain", lock_seconds=60, max_delivery_count=2),
)
COME_SECONDS = 20.0  # for what is there; only a failing test waits so long
SEND_SECONDS_MAX = 60.0
NONE_SECONDS = 0.6  # to see that nothing comes


class Lost(Exception):
    """The lock ended before the call."""


class MovedClock(SystemClock):
    """The machine's clock, which a test puts forward. Never back: the SDK reads the real one."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


class FragileBroker(Broker):
    """Does something once, right after it has taken a send and before anybody hears of that."""

    after_send: Callable[[], None] | None = None

    def send(self, queue: str, messages: Sequence[Outgoing]) -> int:
        taken = super().send(queue, messages)
        action, self.after_send = self.after_send, None
        if action is not None:
            action()
        return taken


@dataclass(frozen=True, slots=True)
class Received:
    """What a consumer sees. `deliveries` counts those before this one."""

    id: str
    body: bytes
    deliveries: int
    handle: Delivery | ServiceBusReceivedMessage


class Session(Protocol):
    """One session in the hands of a consumer. All but `receive` may raise `Lost`."""

    @property
    def id(self) -> str: ...

    async def receive(self, count: int) -> list[Received]:
        """Up to `count` messages that are ready now."""

    async def complete(self, message: Received) -> None: ...

    async def abandon(self, message: Received) -> None: ...

    async def renew(self) -> None: ...

    async def close(self) -> None: ...


class Rig(Protocol):
    """The port under test, the broker behind it, and a consumer."""

    @property
    def queue(self) -> Queue: ...

    @property
    def broker(self) -> FragileBroker: ...

    async def accept(self, wait_seconds: float = COME_SECONDS) -> Session | None:
        """The next free session of queue `work` that has messages."""


def ready(broker: Broker, queue: str = "work") -> list[str]:
    """The ids of a queue's messages that nobody has, in their order."""
    return [message.message_id for message in broker.peek(queue)]


def forward(broker: Broker, seconds: float) -> None:
    """Let time pass."""
    assert isinstance(broker.clock, MovedClock)
    broker.clock.ahead += timedelta(seconds=seconds)
    for settings in broker.queues:
        broker.wake(settings.name)
        broker.wake(settings.name + DEAD_LETTER_SUFFIX)


class LocalSession:
    """In process."""

    def __init__(self, receiver: SessionReceiver) -> None:
        self._receiver = receiver
        self.id = receiver.session_id

    async def receive(self, count: int) -> list[Received]:
        return [
            Received(
                delivery.message.message_id,
                delivery.message.body,
                delivery.delivery_count - 1,
                delivery,
            )
            for delivery in await self._receiver.receive(count, 0)
        ]

    async def complete(self, message: Received) -> None:
        self._settle(self._receiver.complete, message)

    async def abandon(self, message: Received) -> None:
        self._settle(self._receiver.abandon, message)

    def _settle(self, how: Callable[[Delivery], None], message: Received) -> None:
        assert isinstance(message.handle, Delivery)
        try:
            how(message.handle)
        except LockLost as error:
            raise Lost from error

    async def renew(self) -> None:
        try:
            self._receiver.renew_session()
        except LockLost as error:
            raise Lost from error

    async def close(self) -> None:
        self._receiver.close()


class LocalRig:
    """The embedded queue and its broker."""

    def __init__(self) -> None:
        self.broker = FragileBroker(QUEUES, MovedClock())
        self.queue = LocalQueue(self.broker)

    async def accept(self, wait_seconds: float = COME_SECONDS) -> Session | None:
        receiver = await self.broker.accept_session("work", wait_seconds)
        return None if receiver is None else LocalSession(receiver)


class SdkSession:
    """Microsoft's SDK, as it is."""

    def __init__(self, receiver: ServiceBusReceiver) -> None:
        self._receiver = receiver
        self.id = str(receiver.session.session_id)

    async def receive(self, count: int) -> list[Received]:
        messages = await self._receiver.receive_messages(count, COME_SECONDS)
        return [
            Received(
                str(message.message_id),
                b"".join(message.body),
                message.delivery_count or 0,
                message,
            )
            for message in messages
        ]

    async def complete(self, message: Received) -> None:
        assert isinstance(message.handle, ServiceBusReceivedMessage)
        try:
            await self._receiver.complete_message(message.handle)
        except SessionLockLostError as error:
            raise Lost from error

    async def abandon(self, message: Received) -> None:
        assert isinstance(message.handle, ServiceBusReceivedMessage)
        try:
            await self._receiver.abandon_message(message.handle)
        except SessionLockLostError as error:
            raise Lost from error

    async def renew(self) -> None:
        try:
            await self._receiver.session.renew_lock()
        except SessionLockLostError as error:
            raise Lost from error

    async def close(self) -> None:
        await self._receiver.close()


class SdkRig:
    """The client that production uses, on the unmodified SDK, over AMQP to the embedded broker."""

    def __init__(self) -> None:
        from local.servicebus.amqp.endpoint import AmqpEndpoint

        self.broker = FragileBroker(QUEUES, MovedClock())
        self.endpoint = AmqpEndpoint(self.broker, port=0)
        self._receivers: list[ServiceBusReceiver] = []

    async def start(self) -> None:
        await self.endpoint.start()
        text = self.endpoint.connection_string
        self.queue = ServiceBusQueue(
            ServiceBusLinks(connection_string=text),
            SystemClock(),
            enqueue_seconds_max=SEND_SECONDS_MAX,
        )
        self.client = ServiceBusClient.from_connection_string(
            text, retry_total=0, socket_timeout=0.02
        )

    async def accept(self, wait_seconds: float = COME_SECONDS) -> Session | None:
        receiver = self.client.get_queue_receiver(
            "work", session_id=NEXT_AVAILABLE_SESSION, max_wait_time=wait_seconds
        )
        try:
            await receiver.__aenter__()
        except OperationTimeoutError:
            await receiver.close()
            return None
        self._receivers.append(receiver)
        return SdkSession(receiver)

    def dead_letters(self) -> ServiceBusReceiver:
        """A receiver of what queue `work` gave up."""
        return self.client.get_queue_receiver("work", sub_queue=ServiceBusSubQueue.DEAD_LETTER)

    async def restart(self) -> None:
        """The broker's process ends and another one takes its place; messages are kept."""
        await self.endpoint.stop()
        await self.endpoint.start()

    async def stop(self) -> None:
        await asyncio.gather(*(receiver.close() for receiver in self._receivers))
        await self.client.close()
        await self.queue.close()
        await self.endpoint.stop()


type WiredCase = Callable[[SdkRig], Awaitable[None]]


def require_amqp() -> None:
    """Skip where nothing can be compiled; fail where it could have been."""
    if reason := amqp_package.missing():
        if shutil.which(os.environ.get("CC", "cc").split()[0]) is None:  # as scripts/build-amqp
            pytest.skip(f"NO C COMPILER, THE SDK WAS NOT RUN OVER AMQP: {reason}")
        pytest.fail(reason)


@asynccontextmanager
async def sdk_rig() -> AsyncIterator[SdkRig]:
    """A started rig over AMQP, stopped afterwards."""
    rig = SdkRig()
    await rig.start()
    try:
        yield rig
    finally:
        await rig.stop()


@asynccontextmanager
async def cutting_once_after(count: int, port: int) -> AsyncIterator[int]:
    """A proxy of a port that cuts its first connection after `count` bytes of the client; yields
    its own port."""
    budgets = [count]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        budget = budgets.pop() if budgets else None
        there, to_there = await asyncio.open_connection("127.0.0.1", port)
        back = asyncio.create_task(_copy(there, writer, None))
        await _copy(reader, to_there, budget)
        for end in (to_there, writer):
            end.transport.abort()
        back.cancel()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        server.close_clients()
        await server.wait_closed()
        assert budgets == []


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, budget: int | None
) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
            if budget is not None:
                budget -= len(data)
                if budget <= 0:
                    return


# The SDK leaves sockets that its peer has closed to the garbage collector.
OVER_AMQP = (
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.filterwarnings(
        "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
    ),
)


@asynccontextmanager
async def all_at_once(
    cases: Sequence[WiredCase], request: pytest.FixtureRequest
) -> AsyncIterator[Mapping[str, asyncio.Task[None]]]:
    """Those cases begun that pytest was asked for, each with a broker of its own, as tasks by name.
    The SDK sleeps most of the time, so together they take as long as the longest."""
    require_amqp()
    asked = [item.name for item in request.session.items]
    tasks = {
        case.__name__: asyncio.create_task(_case(case))
        for case in cases
        if f"test_over_amqp[{case.__name__}]" in asked
    }
    yield tasks
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)
    gc.collect()


async def _case(case: WiredCase) -> None:
    async with sdk_rig() as rig:
        await case(rig)

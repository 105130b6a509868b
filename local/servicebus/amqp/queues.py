"""The endpoint's end of links to queues: it takes messages, or gives them.

https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-protocol-guide
"""

import asyncio
from typing import Any
from uuid import UUID

import proton

from local.servicebus.amqp.messages import Locked, encoded, outgoing_of, ticks
from local.servicebus.amqp.wire import (
    ARGUMENT_ERROR,
    CREDIT,
    MESSAGE_LOCK_LOST,
    NOT_ALLOWED,
    NOT_FOUND,
    NOT_IMPLEMENTED,
    SESSION_LOCK_LOST,
    SESSION_TAKEN,
    TIMEOUT,
    Wire,
    accept,
    payload_of,
    refuse,
    settle,
)
from local.servicebus.broker import DEAD_LETTER_SUFFIX, Broker, BrokerReceiver, SessionReceiver
from local.servicebus.messages import Delivery, LockLost, MessageRefused, QueueUnknown

SESSION_WAIT_SECONDS = 60.0  # for a session with messages, where the client names no time
SESSION_FILTER = "com.microsoft:session-filter"
LOCKED_UNTIL = "com.microsoft:locked-until-utc"


class QueueInput:
    """A client sends to a queue."""

    def __init__(self, broker: Broker, link: proton.Link, queue: str) -> None:
        self._broker = broker
        self._link = link
        self._queue = queue

    def opened(self) -> None:
        """Let the client send, if the queue exists and takes messages."""
        try:
            self._broker.entity(self._queue)
        except QueueUnknown as error:
            refuse(self._link, NOT_FOUND, str(error))
            return
        if self._queue.endswith(DEAD_LETTER_SUFFIX):
            refuse(self._link, NOT_ALLOWED, "nobody sends to a dead-letter queue")
            return
        accept(self._link)
        self._link.open()
        self._link.flow(CREDIT)

    def flowed(self) -> None:
        """Nothing: the client has nothing to give credit for."""

    def delivered(self, delivery: proton.Delivery) -> None:
        """Take a message or a batch, whole or not at all, and confirm it."""
        data = payload_of(self._link, delivery)
        if data is None:
            return
        try:
            self._broker.send(self._queue, outgoing_of(data))
        except MessageRefused as error:
            settle(delivery, proton.Delivery.REJECTED, ARGUMENT_ERROR, str(error))
        else:
            settle(delivery, proton.Delivery.ACCEPTED)
        self._link.flow(CREDIT - self._link.credit)

    def closed(self) -> None:
        """Nothing is held for a sender."""


class QueueOutput:
    """A client receives from a queue, or from one session of it."""

    def __init__(self, broker: Broker, wire: Wire, link: proton.Link, queue: str) -> None:
        self._broker = broker
        self._wire = wire
        self._link = link
        self._queue = queue
        self._held: dict[proton.Delivery, Delivery] = {}
        self._receiver: BrokerReceiver | None = None
        self._task: asyncio.Task[None] | None = None
        dead = queue.endswith(DEAD_LETTER_SUFFIX)
        self._source = queue.removesuffix(DEAD_LETTER_SUFFIX) if dead else None

    @property
    def session(self) -> SessionReceiver | None:
        """The session that this link holds."""
        return self._receiver if isinstance(self._receiver, SessionReceiver) else None

    def opened(self) -> None:
        """Answer at once, or when there is a session."""
        try:
            needs_session = self._broker.entity(self._queue).settings.requires_session
        except QueueUnknown as error:
            refuse(self._link, NOT_FOUND, str(error))
            return
        filters = _map_of(self._link.remote_source.filter)
        if needs_session is not (SESSION_FILTER in filters):
            text = "needs" if needs_session else "takes no"
            refuse(self._link, NOT_ALLOWED, f"queue {self._queue} {text} session receiver")
        elif not needs_session:
            accept(self._link)
            self._receiver = self._broker.receiver(self._queue)
            self._link.open()
        elif (session_id := filters[SESSION_FILTER]) is None:
            self._task = self._wire.spawn(self._next_session())
        else:
            receiver = self._broker.lock_session(self._queue, str(session_id))
            if receiver is None:
                text = f"session {session_id} of queue {self._queue} is held by another receiver"
                refuse(self._link, SESSION_TAKEN, text)
            else:
                self._open_session(receiver)

    async def _next_session(self) -> None:
        asked = _map_of(self._link.remote_properties).get(TIMEOUT)
        seconds = SESSION_WAIT_SECONDS if asked is None else int(asked) / 1000
        receiver = await self._broker.accept_session(self._queue, seconds)
        if receiver is None:
            text = f"no session of queue {self._queue} had messages within {seconds:g} s"
            refuse(self._link, TIMEOUT, text)
        else:
            self._task = None  # this one; what follows may begin another
            self._open_session(receiver)
        self._wire.flush()

    def _open_session(self, receiver: SessionReceiver) -> None:
        self._receiver = receiver
        accept(self._link)
        filters = self._link.source.filter
        filters.clear()
        filters.put_object({proton.symbol(SESSION_FILTER): receiver.session_id})
        self._link.properties = {proton.symbol(LOCKED_UNTIL): ticks(receiver.lock_ends_at)}
        self._link.open()
        self.flowed()

    def flowed(self) -> None:
        """Wait for as many messages as the client now wants, and no longer for what it wanted
        before. (A wait that is cancelled has locked nothing.)"""
        if self._receiver is None:
            return
        if self._task is not None:
            self._task.cancel()
        self._task = self._wire.spawn(self._give(self._receiver))

    async def _give(self, receiver: BrokerReceiver) -> None:
        wait = 0 if self._link.drain_mode else None
        try:
            while self._link.credit > 0:
                deliveries = await receiver.receive(self._link.credit, wait)
                if not deliveries:
                    break
                for delivery in deliveries:
                    self._transfer(receiver, delivery)
                self._wire.flush()
        except LockLost as error:
            refuse(self._link, SESSION_LOCK_LOST, str(error))
        self._link.drained()
        self._wire.flush()

    def _transfer(self, receiver: BrokerReceiver, delivery: Delivery) -> None:
        locked = Locked(delivery.token, delivery.lock.until)
        transfer = self._link.delivery(UUID(hex=delivery.token).bytes_le)
        self._link.stream(encoded(delivery.message, self._source, locked))
        self._link.advance()
        if self._link.snd_settle_mode == proton.Link.SND_SETTLED:  # receive and delete
            receiver.complete(delivery)
            transfer.settle()
        else:
            self._held[transfer] = delivery

    def delivered(self, delivery: proton.Delivery) -> None:
        """The client says what became of a message; answer what the broker made of that."""
        held = self._held.get(delivery)
        if held is None or self._receiver is None or not delivery.updated:
            return
        if not (delivery.remote_state or delivery.settled):
            return
        del self._held[delivery]
        try:
            condition = settle_as(self._receiver, held, delivery)
        except LockLost as error:
            lost = MESSAGE_LOCK_LOST if self.session is None else SESSION_LOCK_LOST
            settle(delivery, proton.Delivery.REJECTED, lost, str(error))
            return
        if condition is None:
            settle(delivery, delivery.remote_state)
        else:
            settle(delivery, proton.Delivery.REJECTED, condition, "the broker defers no message")

    def closed(self) -> None:
        """Free the session. A message of a queue without sessions stays locked until its lock
        ends; the client may have it in work and settle it over another link."""
        if self._task is not None:
            self._task.cancel()
        if self.session is not None:
            self.session.close()
        self._receiver = None


def settle_as(receiver: BrokerReceiver, held: Delivery, delivery: proton.Delivery) -> str | None:
    """Do what a client's outcome asks for; a condition where the broker cannot. Raises
    `LockLost`."""
    state = delivery.remote_state
    if state == proton.Delivery.ACCEPTED:
        receiver.complete(held)
    elif state == proton.Delivery.REJECTED:
        condition = delivery.remote.condition
        details = {str(key): value for key, value in ((condition and condition.info) or {}).items()}
        text = details.get("DeadLetterErrorDescription") or (condition and condition.description)
        receiver.dead_letter(held, details.get("DeadLetterReason") or "", text or "")
    elif state == proton.Delivery.MODIFIED and delivery.remote.undeliverable:
        receiver.abandon(held)
        return NOT_IMPLEMENTED
    elif state == proton.Delivery.MODIFIED:
        receiver.abandon(held)
    else:
        receiver.release(held)
    return None


def _map_of(value: proton.Data | dict[str, Any] | None) -> dict[str, Any]:
    """A map that a client sent, as `proton.Data` or already read, without descriptions."""
    if isinstance(value, proton.Data):
        value.rewind()
        value = value.get_object() if value.next() else None
    plain = {}
    for key, item in (value or {}).items():
        plain[str(key)] = item.value if isinstance(item, proton.Described) else item
    return plain

"""The broker: queues by name, receivers that wait without spinning, and chances to go wrong."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from local.servicebus.entity import BrokerEntity
from local.servicebus.messages import (
    BODY_BYTES_MAX,
    MESSAGE_ID_CHARS_MAX,
    SESSION_ID_CHARS_MAX,
    Delivery,
    Depth,
    Lock,
    LockLost,
    MessageRefused,
    Outgoing,
    QueueUnknown,
    Stored,
)
from local.servicebus.settings import QueueSettings
from shared.ports import Clock

DEAD_LETTER_SUFFIX = "/$DeadLetterQueue"


class BrokerFaults(Protocol):
    """What a simulation may let go wrong; asked once for each event, in a fixed order."""

    def lock_ends_early(self, queue: str, session_id: str) -> bool:
        """On delivery of a batch: the lock is lost at once, the receiver does not know."""

    def completion_is_lost(self, queue: str, message_id: str) -> bool:
        """On completion: the message stays and is delivered again."""


class Receives(Protocol):
    """How a trigger takes messages: see `BrokerReceiver`."""

    async def receive(self, count_max: int, wait_seconds: float | None) -> tuple[Delivery, ...]:
        """Lock up to `count_max` messages; empty when none came within the wait (None: no end)."""

    def complete(self, delivery: Delivery) -> None:
        """Done: the message is gone. Raises `LockLost`."""

    def abandon(self, delivery: Delivery) -> None:
        """Not done: the message is ready again at once. Raises `LockLost`."""


class ReceivesSession(Receives, Protocol):
    """How a trigger takes the messages of one session: see `SessionReceiver`."""

    def close(self) -> None:
        """Free the session; unsettled messages return without a spent delivery."""


class Bus(Protocol):
    """What a host needs of a broker."""

    async def accept_session(
        self, queue: str, wait_seconds: float | None = None
    ) -> ReceivesSession | None:
        """The next free session that has messages; None after the wait."""

    def receiver(self, queue: str) -> Receives:
        """A receiver of a queue without sessions."""

    def depth(self, queue: str) -> Depth:
        """The messages of a queue, counted now."""

    def entity(self, queue: str) -> BrokerEntity:
        """The queue itself. Raises `QueueUnknown`."""


class _NoFaults:
    def lock_ends_early(self, queue: str, session_id: str) -> bool:
        del queue, session_id
        return False

    def completion_is_lost(self, queue: str, message_id: str) -> bool:
        del queue, message_id
        return False


class Broker:
    """Service Bus in process, on an injected clock; outlives the hosts that use it.

    The clock and the running loop must advance together (both virtual or both real). Everything
    happens in the order of the calls: the same calls give the same deliveries.
    """

    def __init__(
        self, queues: Sequence[QueueSettings], clock: Clock, faults: BrokerFaults | None = None
    ) -> None:
        self.clock = clock
        self.faults: BrokerFaults = faults or _NoFaults()
        self._entities: dict[str, BrokerEntity] = {}
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        for settings in queues:
            dead_name = settings.name + DEAD_LETTER_SUFFIX
            dead = BrokerEntity(
                QueueSettings(dead_name, lock_seconds=settings.lock_seconds), clock, None
            )
            self._entities[dead_name] = dead
            self._entities[settings.name] = BrokerEntity(settings, clock, dead.take_over)

    @property
    def queues(self) -> tuple[QueueSettings, ...]:
        """The queues, without their dead-letter queues."""
        return tuple(
            entity.settings
            for name, entity in self._entities.items()
            if not name.endswith(DEAD_LETTER_SUFFIX)
        )

    def send(self, queue: str, messages: Sequence[Outgoing]) -> int:
        """Take all messages or none; returns how many were no duplicates.

        Raises `QueueUnknown` and `MessageRefused`.
        """
        entity = self.entity(queue)
        for message in messages:
            _check(entity.settings, message)
        taken = sum(entity.add(message) for message in messages)
        self.wake(queue)
        return taken

    def schedule(self, queue: str, messages: Sequence[Outgoing]) -> tuple[int, ...]:
        """Take all messages for their `scheduled_at`, or none; returns the numbers by which
        `cancel` names them. Raises `QueueUnknown` and `MessageRefused`."""
        entity = self.entity(queue)
        now = self.clock.now()
        for message in messages:
            _check(entity.settings, message)
        numbers = tuple(entity.schedule(m, m.scheduled_at or now) for m in messages)
        self.wake(queue)
        return numbers

    def cancel(self, queue: str, numbers: Sequence[int]) -> None:
        """Drop scheduled messages, all or none. Raises `QueueUnknown`, `MessageUnknown`."""
        self.entity(queue).cancel(numbers)

    def give_up(self, queue: str, message: Outgoing, reason: str) -> None:
        """A message that the queue gives up at once, as after too many deliveries."""
        now = self.clock.now()
        stored = Stored(
            0,
            message.message_id,
            message.session_id,
            message.body,
            now,
            properties=message.properties,
        )
        self.entity(queue + DEAD_LETTER_SUFFIX).take_over(stored, reason, "")
        self.wake(queue + DEAD_LETTER_SUFFIX)

    async def accept_session(
        self, queue: str, wait_seconds: float | None = None
    ) -> "SessionReceiver | None":
        """The next free session that has messages, longest waiting first; None after the wait."""
        entity = self.entity(queue)
        if not entity.settings.requires_session:
            raise MessageRefused(f"queue {queue} has no sessions")
        end = self._end_of(wait_seconds)
        while True:
            locked = entity.lock_next_session()
            if locked is not None:
                return SessionReceiver(self, queue, *locked)
            if not await self._changed(queue, end):
                return None

    def lock_session(self, queue: str, session_id: str) -> "SessionReceiver | None":
        """This session, with messages or without; None while somebody else holds it."""
        entity = self.entity(queue)
        if not entity.settings.requires_session:
            raise MessageRefused(f"queue {queue} has no sessions")
        lock = entity.lock_session(session_id)
        return None if lock is None else SessionReceiver(self, queue, session_id, lock)

    def receiver(self, queue: str) -> "BrokerReceiver":
        """A receiver of a queue without sessions, such as a dead-letter queue."""
        if self.entity(queue).settings.requires_session:
            raise MessageRefused(f"queue {queue} needs a session receiver")
        return BrokerReceiver(self, queue)

    def depth(self, queue: str) -> Depth:
        """The messages of a queue, counted now."""
        ready, locked, scheduled = self.entity(queue).counts()
        dead = self._entities.get(queue + DEAD_LETTER_SUFFIX)
        return Depth(ready, locked, scheduled, sum(dead.counts()[:2]) if dead else 0)

    def peek(self, queue: str) -> list[Stored]:
        """Ready messages in sequence, untouched."""
        return self.entity(queue).peek()

    def entity(self, queue: str) -> BrokerEntity:
        """The queue itself, for receivers. Raises `QueueUnknown`."""
        if queue not in self._entities:
            known = ", ".join(settings.name for settings in self.queues)
            raise QueueUnknown(f"there is no queue {queue!r}; there are {known}")
        return self._entities[queue]

    def wake(self, queue: str) -> None:
        """Let receivers of a queue look again."""
        for future in self._waiting.get(queue, []):
            if not future.done():
                future.set_result(None)

    async def received(
        self,
        queue: str,
        session_id: str,
        count_max: int,
        wait_seconds: float | None,
        lock: Lock | None,
    ) -> tuple[Delivery, ...]:
        """Up to `count_max` locked messages as soon as there is one; none after the wait (None:
        wait for ever). A caller may be cancelled: nothing is locked before this returns."""
        entity = self.entity(queue)
        end = self._end_of(wait_seconds)
        while True:
            if lock is not None and not entity.owns(session_id, lock):
                raise LockLost(f"the lock of session {session_id} in queue {queue} has ended")
            found = entity.receive(session_id, count_max, lock)
            if found:
                if self.faults.lock_ends_early(queue, session_id):
                    entity.end_locks(found)
                    self.wake(queue)
                return tuple(found)
            if not await self._changed(queue, end):
                return ()

    def _end_of(self, wait_seconds: float | None) -> datetime | None:
        if wait_seconds is None:
            return None
        return self.clock.now() + timedelta(seconds=wait_seconds)

    async def _changed(self, queue: str, end: datetime | None) -> bool:
        """Sleep until the queue may have changed; False, at once, when `end` has passed."""
        now = self.clock.now()
        if end is not None and now >= end:
            return False
        moments = [at for at in (end, self.entity(queue).next_change_at()) if at is not None]
        timeout = (min(moments) - now).total_seconds() if moments else None
        changed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(queue, [])
        waiting.append(changed)
        try:
            await asyncio.wait((changed,), timeout=timeout)
        finally:
            waiting.remove(changed)
        return True


class BrokerReceiver:
    """Peek-lock on a queue without sessions; every message has a lock of its own."""

    def __init__(self, broker: Broker, queue: str) -> None:
        self.queue = queue
        self._broker = broker
        self._entity = broker.entity(queue)

    async def receive(self, count_max: int, wait_seconds: float | None) -> tuple[Delivery, ...]:
        """Lock up to `count_max` messages; empty when none came within the wait."""
        return await self._broker.received(self.queue, "", count_max, wait_seconds, None)

    def complete(self, delivery: Delivery) -> None:
        """Done: the message is gone. Raises `LockLost`."""
        if self._broker.faults.completion_is_lost(self.queue, delivery.message.message_id):
            self.abandon(delivery)
            return
        self._entity.complete(delivery)

    def abandon(self, delivery: Delivery) -> None:
        """Not done: the message is ready again at once. Raises `LockLost`."""
        self._entity.abandon(delivery)
        self._broker.wake(self.queue)

    def release(self, delivery: Delivery) -> None:
        """Give back a message that nobody looked at; counts no delivery. Raises `LockLost`."""
        self._entity.release(delivery)
        self._broker.wake(self.queue)

    def delivery_of(self, token: str) -> Delivery:
        """The delivery that holds a lock token. Raises `LockLost`."""
        return self._entity.delivery_of(token)

    def dead_letter(self, delivery: Delivery, reason: str, text: str = "") -> None:
        """Give up: the message moves to the dead-letter queue. Raises `LockLost`."""
        self._entity.dead_letter(delivery, reason, text)
        self._broker.wake(self.queue + DEAD_LETTER_SUFFIX)

    def renew(self, delivery: Delivery) -> None:
        """Lengthen the lock of one message. Raises `LockLost`."""
        if not self._entity.holds(delivery):
            raise LockLost(f"the lock of message {delivery.message.message_id} has ended")
        self._entity.renew(delivery.lock)


class SessionReceiver(BrokerReceiver):
    """Peek-lock on one session; its messages share the lock of the session."""

    def __init__(self, broker: Broker, queue: str, session_id: str, lock: Lock) -> None:
        super().__init__(broker, queue)
        self.session_id = session_id
        self._lock = lock

    @property
    def lock_ends_at(self) -> datetime:
        """The end of the session lock; a renewal moves it."""
        return self._lock.until

    async def receive(self, count_max: int, wait_seconds: float | None) -> tuple[Delivery, ...]:
        """The next messages of this session. Raises `LockLost` when the session is lost."""
        return await self._broker.received(
            self.queue, self.session_id, count_max, wait_seconds, self._lock
        )

    def state(self) -> bytes | None:
        """What a receiver noted about this session. Raises `LockLost`."""
        self._hold()
        return self._entity.state_of(self.session_id)

    def note_state(self, state: bytes | None) -> None:
        """Keep a note about this session; None deletes it. Raises `LockLost`."""
        self._hold()
        self._entity.note_state(self.session_id, state)

    def renew_session(self) -> None:
        """Lengthen the lock of the session and of its messages. Raises `LockLost`."""
        self._hold()
        self._entity.renew(self._lock)

    def _hold(self) -> None:
        if not self._entity.owns(self.session_id, self._lock):
            raise LockLost(f"the lock of session {self.session_id} has ended")

    def close(self) -> None:
        """Free the session; unsettled messages return without a spent delivery."""
        self._entity.unlock_session(self.session_id, self._lock)
        self._broker.wake(self.queue)


def _check(settings: QueueSettings, message: Outgoing) -> None:
    name = settings.name
    if settings.requires_session and not message.session_id:
        raise MessageRefused(
            f"message {message.message_id}: the SessionId was not set, and queue {name} "
            "supports sessions only"
        )
    if not message.message_id or len(message.message_id) > MESSAGE_ID_CHARS_MAX:
        raise MessageRefused(f"a MessageId has 1 to {MESSAGE_ID_CHARS_MAX} characters")
    if len(message.session_id or "") > SESSION_ID_CHARS_MAX:
        raise MessageRefused(f"a SessionId has at most {SESSION_ID_CHARS_MAX} characters")
    if len(message.body) > BODY_BYTES_MAX:
        raise MessageRefused(
            f"message {message.message_id} has {len(message.body)} bytes, queue {name} takes "
            f"at most {BODY_BYTES_MAX}"
        )

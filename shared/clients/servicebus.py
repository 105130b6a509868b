"""Azure Service Bus.

https://learn.microsoft.com/azure/service-bus-messaging/message-sessions and
https://learn.microsoft.com/azure/service-bus-messaging/duplicate-detection
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import Any

from azure.servicebus import (
    ServiceBusMessage,
    ServiceBusMessageBatch,
    ServiceBusReceivedMessage,
)
from azure.servicebus.amqp import AmqpMessageBodyType
from azure.servicebus.exceptions import MessageSizeExceededError

from shared.clients.servicebus_links import Links, Receiver, Sender
from shared.errors import QueueUnavailable, Refused
from shared.ports import Clock, DeadLetter, LetterNotKept, Message, QueueCounts

ENQUEUE_SECONDS_MAX = 8  # Stripe waits for the webhook's answer; a silent peer never gives one
TURN_SHARE = 0.5  # of that; the rest is for the link, and opening one takes half a second
CLOSE_SECONDS_MAX = 2
PROBE_SECONDS_MAX = 20
RECEIVE_SECONDS_MAX = 5
SETTLE_SECONDS_MAX = 8
DRAIN_SECONDS_MAX = 120  # well inside the five minutes that a message stays locked
DRAIN_PAGE_MAX = 20
ID_CHARS_MAX = 128
REASONS = ("DeadLetterReason", "DeadLetterErrorDescription")  # properties that the broker adds

_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class _Lane:
    """The one sender of a queue. The SDK's senders are not safe for concurrent coroutines."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    sender: Sender | None = None


class ServiceBusQueue:
    """`shared.ports.Queue` on Azure Service Bus.

    Opening a link costs about half a second, so each queue keeps one sender for the life of the
    process; after any failure it is dropped, and the next send opens a new one. A send that waits
    for its turn longer than `TURN_SHARE` of its time is refused: with too little time left it would
    be cancelled while it opens the link, and so drop that link for all behind it. A send that timed
    out may still have arrived: the repeat carries the same message id, and duplicate detection
    drops it. Raises `QueueUnavailable` for whatever the SDK raises, `Refused` for a message that
    can never be sent.

    Tested through injected links with the SDK's own messages and batches, and over AMQP against the
    embedded broker.
    """

    def __init__(
        self,
        links: Links,
        clock: Clock,
        *,
        enqueue_seconds_max: float = ENQUEUE_SECONDS_MAX,
        close_seconds_max: float = CLOSE_SECONDS_MAX,
    ) -> None:
        self._links = links
        self._clock = clock
        self._enqueue_seconds_max = enqueue_seconds_max
        self._turn_seconds_max = enqueue_seconds_max * TURN_SHARE
        self._close_seconds_max = close_seconds_max
        self._lanes: dict[str, _Lane] = {}

    async def send(self, queue: str, messages: Sequence[Message]) -> None:
        """Send all messages, in few batches, within `enqueue_seconds_max` of being called.

        Messages with `scheduled_at` become visible then. When it raises, some may be sent; closing
        a failed link may take `close_seconds_max` more.
        """
        built = [build_message(message) for message in messages]
        if not built:
            return
        lane = self._lanes.setdefault(queue, _Lane())
        dropped: Sender | None = None
        try:
            async with (
                asyncio.timeout(self._enqueue_seconds_max) as limit,
                self._turn(queue, lane.lock),
            ):
                sender = lane.sender = lane.sender or self._links.sender(queue)
                try:
                    await _send_batches(sender, built)
                except Refused:
                    raise
                except BaseException:  # of any kind, cancelling too: its link may be half written
                    lane.sender, dropped = None, sender
                    raise
        except (Refused, QueueUnavailable):
            raise
        except Exception as error:
            text = f"no answer within {self._enqueue_seconds_max} s" if limit.expired() else None
            raise _unavailable(queue, error, text) from error
        finally:
            if dropped is not None:
                await self._close(dropped)

    @asynccontextmanager
    async def _turn(self, queue: str, lock: asyncio.Lock) -> AsyncIterator[None]:
        """Hold the lock; refuse when earlier sends keep it too long."""
        try:
            async with asyncio.timeout(self._turn_seconds_max):
                await lock.acquire()
        except TimeoutError as error:
            text = f"earlier sends kept the queue's link for {self._turn_seconds_max:g} s"
            raise _unavailable(queue, error, f"nothing was sent: {text}") from error
        try:
            yield
        finally:
            lock.release()

    async def probe(self, queue: str) -> None:
        """See `shared.ports.Queue.probe`: open links of its own, and peek at one dead letter.

        Raises `QueueUnavailable` also when that takes more than `PROBE_SECONDS_MAX`.
        """
        links: list[Sender | Receiver] = []
        try:
            async with asyncio.timeout(PROBE_SECONDS_MAX) as limit:
                sender = self._links.sender(queue)
                links.append(sender)
                await sender.create_message_batch()
                receiver = self._links.dead_letters(queue)
                links.append(receiver)
                await receiver.peek_messages(1)
        except Exception as error:
            text = f"no answer within {PROBE_SECONDS_MAX} s" if limit.expired() else None
            raise _unavailable(queue, error, text) from error
        finally:
            for link in links:
                await self._close(link)

    async def drain_dead_letters(
        self, queue: str, keep: Callable[[DeadLetter], Awaitable[None]], limit: int
    ) -> int:
        """Hand up to `limit` dead letters to `keep`, completing each after it returned.

        Returns how many are done; fewer than `limit` when there are no more, or when
        `DRAIN_SECONDS_MAX` are over. What `keep` raises ends the drain: that message and those
        received with it come again when their locks end; of `LetterNotKept` only that message. A
        message whose completion fails was kept and comes again too, so `keep` must bear repeats.
        """
        receiver = self._links.dead_letters(queue)
        ends_at = self._clock.now() + timedelta(seconds=DRAIN_SECONDS_MAX)
        done = 0
        try:
            while done < limit and self._clock.now() < ends_at:
                page = await _receive(queue, receiver, min(limit - done, DRAIN_PAGE_MAX))
                if not page:
                    break
                for message in page:
                    try:
                        await keep(dead_letter_of(message))
                    except LetterNotKept:
                        continue  # locked for minutes yet: the next page does not hold it
                    await _complete(queue, receiver, message)
                    done += 1
        finally:
            await self._close(receiver)
        return done

    async def counts(self) -> QueueCounts | None:
        """None: a sender's role may not read the depth of a queue."""
        return None

    async def close(self) -> None:
        """Close all senders and what they share."""
        lanes = list(self._lanes.values())
        self._lanes.clear()
        for lane in lanes:
            if lane.sender is not None:
                await self._close(lane.sender)
        await self._close(self._links)

    async def _close(self, link: Sender | Receiver | Links) -> None:
        """Close within a limit; a link that will not close is left to the broker's time-out."""
        try:
            async with asyncio.timeout(self._close_seconds_max):
                await link.close()
        except Exception as error:
            _LOG.warning("a Service Bus link did not close: %s", type(error).__name__)


def build_message(message: Message) -> ServiceBusMessage:
    """The SDK's message: canonical, compact JSON; id, session and schedule as properties.

    Raises `Refused` for ids that Service Bus does not take and for a body that is not JSON.
    """
    for what, id_ in (("message id", message.id), ("session id", message.session)):
        if not 1 <= len(id_) <= ID_CHARS_MAX:
            raise Refused("queue", f"a {what} has 1 to {ID_CHARS_MAX} characters, got {id_[:40]!r}")
    moment = message.scheduled_at
    if moment is not None and moment.tzinfo is None:
        raise Refused("queue", f"{message.id}: the schedule {moment} has no time zone")
    try:
        text = json.dumps(
            message.body,
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
            allow_nan=False,
        ).encode()
    except (TypeError, ValueError) as error:
        raise Refused("queue", f"{message.id}: the body is not JSON: {error}") from error
    properties: Any = dict(message.properties)  # the SDK's dictionary is invariant
    return ServiceBusMessage(
        text,
        message_id=message.id,
        session_id=message.session,
        content_type="application/json",
        application_properties=properties or None,
        scheduled_enqueue_time_utc=moment.astimezone(UTC) if moment else None,
    )


def dead_letter_of(message: ServiceBusReceivedMessage) -> DeadLetter:
    """A received message as the inbox keeps it, whatever its sender and its body."""
    reasons = (message.dead_letter_reason, message.dead_letter_error_description)
    if message.body_type == AmqpMessageBodyType.DATA:
        body = b"".join(message.body)
    else:
        body = str(message).encode(errors="replace")
    return DeadLetter(
        id=str(message.message_id or ""),
        session=str(message.session_id or ""),
        body=body,
        reason=": ".join(reason for reason in reasons if reason),
        properties=_properties_of(message),
    )


def _properties_of(message: ServiceBusReceivedMessage) -> dict[str, object]:
    """The application properties that its sender gave it, and not those in which the broker says
    why it gave the message up. The SDK leaves names and texts as the bytes that came."""
    found = message.application_properties or {}
    read = {str(_text(name)): _text(value) for name, value in found.items()}
    return {name: value for name, value in read.items() if name not in REASONS}


def _text(value: object) -> object:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


async def _send_batches(sender: Sender, messages: Sequence[ServiceBusMessage]) -> None:
    """Pack everything before anything is sent, so that an over-size message stops all."""
    sessions: dict[str | None, list[ServiceBusMessage]] = {}
    for message in messages:
        sessions.setdefault(message.session_id, []).append(message)
    batches: list[ServiceBusMessageBatch] = []
    # The SDK writes the first message's session on the batch: one session a batch.
    for group in sessions.values():
        batches += await _pack(sender, group)
    for batch in batches:
        try:
            await sender.send_messages(batch)
        except MessageSizeExceededError as error:
            raise Refused("queue", f"the broker takes no batch of this size: {error}") from error


async def _pack(
    sender: Sender, messages: Sequence[ServiceBusMessage]
) -> list[ServiceBusMessageBatch]:
    batches = [await sender.create_message_batch()]
    for message in messages:
        try:
            batches[-1].add_message(message)
        except MessageSizeExceededError:
            if len(batches[-1]):
                batches.append(await sender.create_message_batch())
            try:
                batches[-1].add_message(message)
            except MessageSizeExceededError as error:
                raise Refused("queue", f"message {message.message_id} is too large") from error
    return batches


async def _receive(queue: str, receiver: Receiver, count: int) -> list[ServiceBusReceivedMessage]:
    try:
        async with asyncio.timeout(RECEIVE_SECONDS_MAX + SETTLE_SECONDS_MAX):
            return await receiver.receive_messages(count, RECEIVE_SECONDS_MAX)
    except Exception as error:
        raise _unavailable(queue, error) from error


async def _complete(queue: str, receiver: Receiver, message: ServiceBusReceivedMessage) -> None:
    try:
        async with asyncio.timeout(SETTLE_SECONDS_MAX):
            await receiver.complete_message(message)
    except Exception as error:
        raise _unavailable(queue, error) from error


def _unavailable(queue: str, error: Exception, text: str | None = None) -> QueueUnavailable:
    return QueueUnavailable(f"{queue}: {text or f'{type(error).__name__}: {error}'}")

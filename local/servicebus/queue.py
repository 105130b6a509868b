"""`shared.ports.Queue` on the embedded broker."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import simplejson

from local.servicebus.broker import DEAD_LETTER_SUFFIX, Broker
from local.servicebus.messages import BrokerError, Delivery, Outgoing, Stored
from shared.errors import QueueUnavailable
from shared.ports import DeadLetter, LetterNotKept, Message, QueueCounts


class LocalQueue:
    """Sends to a `Broker` and drains its dead-letter queues.

    A queue that does not exist or a message the broker refuses is a fault of the program:
    `local.servicebus.messages.BrokerError` comes out as it is.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def send(self, queue: str, messages: Sequence[Message]) -> None:
        """Returns when the broker holds all of them."""
        outgoing = [
            Outgoing(
                message.id,
                _encoded(message),
                message.session,
                message.scheduled_at,
                properties=message.properties,
            )
            for message in messages
        ]
        await asyncio.sleep(0)
        self._broker.send(queue, outgoing)

    async def probe(self, queue: str) -> None:
        """Look for a queue."""
        await asyncio.sleep(0)
        try:
            self._broker.entity(queue)
        except BrokerError as error:
            raise QueueUnavailable(f"{queue}: {error}") from error

    async def drain_dead_letters(
        self, queue: str, keep: Callable[[DeadLetter], Awaitable[None]], limit: int
    ) -> int:
        """Hand up to `limit` dead letters to `keep`, completing each after it returned. Those for
        which it raises `LetterNotKept` stay; what else it raises comes out, and the rest stays."""
        self._broker.entity(queue)
        receiver = self._broker.receiver(queue + DEAD_LETTER_SUFFIX)
        kept = 0
        left: list[Delivery] = []
        try:
            while kept < limit:
                found = await receiver.receive(1, wait_seconds=0)
                if not found:
                    break
                (delivery,) = found
                try:
                    await keep(_letter(delivery.message))
                except LetterNotKept:
                    left.append(delivery)
                    continue
                except BaseException:
                    left.append(delivery)
                    raise
                receiver.complete(delivery)
                kept += 1
        finally:
            for delivery in left:
                receiver.abandon(delivery)
        return kept

    async def counts(self) -> QueueCounts:
        """The depth of all queues, dead letters left out."""
        depths = [self._broker.depth(settings.name) for settings in self._broker.queues]
        return QueueCounts(
            queued=sum(depth.ready for depth in depths),
            in_flight=sum(depth.locked for depth in depths),
            scheduled=sum(depth.scheduled for depth in depths),
        )


def _encoded(message: Message) -> bytes:
    text: str = simplejson.dumps(message.body, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def _letter(message: Stored) -> DeadLetter:
    return DeadLetter(
        message.message_id,
        message.session_id or "",
        message.body,
        _reason(message),
        message.properties,
    )


def _reason(message: Stored) -> str:
    reason, text = message.dead_letter_reason, message.dead_letter_text
    return f"{reason}: {text}" if text else reason

"""Handing work on: objects onto their queues, by messages that come once for each reason."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from shared.documents.common import Again
from shared.domain.partition import partition_of
from shared.domain.records import Ref
from shared.ports import Clock, Message, Queue
from shared.registry import entity_named
from shared.services.item import Item
from shared.services.links import LinkStore
from shared.settings import Settings

CONCURRENCY_MAX = 16  # look-ups under way at once


def message_for(ref: Ref, partitions: int, visible_at: datetime | None = None) -> Message:
    """The message that makes converge look at an object which no event announced."""
    item = Item(ref.id, "", ref.entity, ref.id)
    return item.message(partition_of(ref.id, partitions), visible_at)


def next_full(now: datetime, seconds: int) -> datetime | None:
    """The next multiple of `seconds` since 1970; None (at once) for 0."""
    if seconds == 0:
        return None
    return datetime.fromtimestamp((int(now.timestamp()) // seconds + 1) * seconds, UTC)


class Dispatch:
    """Sends objects to their queues."""

    def __init__(self, links: LinkStore, queue: Queue, clock: Clock, settings: Settings) -> None:
        self._links, self._queue = links, queue
        self._clock, self._settings = clock, settings

    async def unsettled(self, refs: Sequence[Ref]) -> list[Ref]:
        """Those of the objects that are not written completely, each once; without those that a
        person settled by hand."""
        limit = asyncio.Semaphore(CONCURRENCY_MAX)

        async def check(ref: Ref) -> bool:
            async with limit:
                if await self._links.is_settled(ref.id):
                    return True
                return await self._links.resolution(ref.id) is not None

        wanted = list(dict.fromkeys(refs))
        settled = await asyncio.gather(*(check(ref) for ref in wanted))
        return [ref for ref, done in zip(wanted, settled, strict=True) if not done]

    async def enqueue(self, refs: Sequence[Ref]) -> int:
        """Put those objects on their queues that are not settled; returns how many were."""
        return await self.send(await self.unsettled(refs))

    async def send(self, refs: Sequence[Ref]) -> int:
        """Put objects on their queues; returns how many.

        They become visible at the next full `gather_seconds`, all that came in between at once, so
        that the lines of many objects share few requests to Dynamics.
        """
        queues: dict[str, list[Message]] = {}
        visible_at = next_full(self._clock.now(), self._settings.gather_seconds)
        for ref in refs:
            message = message_for(ref, self._settings.partitions, visible_at)
            queues.setdefault(entity_named(ref.entity).queue, []).append(message)
        for queue, messages in queues.items():
            await self._queue.send(queue, messages)
        return len(refs)

    async def again(self, wanted: Sequence[Again]) -> None:
        """Send objects that may be settled, each reason once."""
        queues: dict[str, dict[str, Message]] = {}
        partitions = self._settings.partitions
        for again in wanted:
            ref = again.ref
            item = Item(again.id, "", ref.entity, ref.id)
            message = item.message(partition_of(ref.id, partitions))
            queues.setdefault(entity_named(ref.entity).queue, {})[message.id] = message
        for queue, messages in queues.items():
            await self._queue.send(queue, list(messages.values()))

"""Handing work on: objects onto their queues, by messages that come once for each reason."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from shared.domain.records import Ref
from shared.entities.common.objects import Enqueue
from shared.ports import Clock, Message, Queue
from shared.registry import Registry
from shared.settings import Settings
from shared.stores.item import Item
from shared.stores.links import LinkStore

CONCURRENCY_MAX = 16  # look-ups under way at once


def message_for(
    ref: Ref, queue: str, settings: Settings, visible_at: datetime | None = None
) -> Message:
    """The message that makes converge look at an object of the account of `settings` which no event
    announced. `queue`: that of its entity."""
    item = Item(ref.id, "", ref.entity, ref.id, account=settings.stripe_alias)
    return item.message(settings.partition(queue, ref.id), visible_at)


def next_full(now: datetime, seconds: int) -> datetime | None:
    """The next multiple of `seconds` since 1970; None (at once) for 0."""
    if seconds == 0:
        return None
    return datetime.fromtimestamp((int(now.timestamp()) // seconds + 1) * seconds, UTC)


class Dispatch:
    """Sends objects of one Stripe account to their queues."""

    def __init__(
        self,
        links: LinkStore,
        queue: Queue,
        clock: Clock,
        settings: Settings,
        registry: Registry,
    ) -> None:
        self._links, self._queue, self._registry = links, queue, registry
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

    async def enqueue(self, wanted: Sequence[Enqueue]) -> int:
        """Put objects on their queues, those that may be settled once for each reason; returns how
        many messages were sent. Only what is not settled is gathered (`send`)."""
        sent = await self.send(
            await self.unsettled([each.ref for each in wanted if not each.even_if_settled])
        )
        queues: dict[str, dict[str, Message]] = {}
        for each in wanted:
            if each.even_if_settled:
                ref = each.ref
                queue = self._registry.named(ref.entity).queue
                account = self._settings.stripe_alias
                item = Item(each.reason, "", ref.entity, ref.id, account=account)
                message = item.message(self._settings.partition(queue, ref.id))
                queues.setdefault(queue, {})[message.id] = message
        for queue, messages in queues.items():
            await self._queue.send(queue, list(messages.values()))
            sent += len(messages)
        return sent

    async def send(self, refs: Sequence[Ref]) -> int:
        """Put objects on their queues; returns how many.

        They become visible at the next full `gather_seconds`, all that came in between at once, so
        that the lines of many objects share few requests to Dynamics.
        """
        queues: dict[str, list[Message]] = {}
        visible_at = next_full(self._clock.now(), self._settings.gather_seconds)
        for ref in refs:
            queue = self._registry.named(ref.entity).queue
            message = message_for(ref, queue, self._settings, visible_at)
            queues.setdefault(queue, []).append(message)
        for queue, messages in queues.items():
            await self._queue.send(queue, messages)
        return len(refs)

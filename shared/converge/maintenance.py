"""Items of their own for settled objects: to verify them, to set them apart, to reapply."""

import asyncio
from collections.abc import Iterable
from datetime import datetime

from shared.domain.ids import is_id
from shared.ports import Message, Queue
from shared.registry import Registry
from shared.settings import Settings
from shared.stores.item import Item, ItemKind
from shared.stores.items import Items, home

ENTITY_OF_PREFIX = (
    *(("txn_", "balance_transaction"), ("po_", "payout")),
    *(("du_", "dispute"), ("dp_", "dispute"), ("feedoc_", "fee_invoice")),
)
AT_ONCE = 100  # objects whose items are read together, and sent in one request a queue


class MaintenanceCommands:
    """Sends objects that have journal lines a maintenance command."""

    def __init__(self, queue: Queue, items: Items, settings: Settings, registry: Registry) -> None:
        self._queue, self._items, self._settings = queue, items, settings
        self._registry = registry

    async def send(
        self,
        ids: Iterable[str],
        kind: ItemKind,
        prefix: str,
        visible_at: datetime | None = None,
        account: str = "",
    ) -> int:
        """An item `<prefix>-<id>` of a kind for each object, under a new generation. `account`:
        the alias of their Stripe account, where the caller knows it; else their rows tell.

        Returns how many were sent; what is no object with journal lines of ours is left out.
        """
        wanted = [(entity, id) for id in ids if (entity := _entity_of(id))]
        for start in range(0, len(wanted), AT_ONCE):
            part = wanted[start : start + AT_ONCE]
            messages: dict[str, list[Message]] = {}
            found = [
                self._message(f"{prefix}-{id}", kind, entity, id, account) for entity, id in part
            ]
            for queue, item, partition in await asyncio.gather(*found):
                messages.setdefault(queue, []).append(item.message(partition, visible_at))
            for queue, batch in messages.items():
                await self._queue.send(queue, batch)
        return len(wanted)

    async def _message(
        self, name: str, kind: ItemKind, entity: str, id: str, account: str
    ) -> tuple[str, Item, int]:
        queue = self._registry.named(entity).queue
        partition = self._settings.partition(queue, id)
        account = account or await self._items.account_of(queue, id)
        item = Item(name, "", entity, id, kind=kind, account=account)
        row = await self._items.get(home(queue, id), item.id)
        if row is not None:
            item = item.renewed(int(str(row.cells["generation"])) + 1)
        return queue, item, partition


def _entity_of(id: str) -> str:
    """The entity of an object with journal lines; empty for somebody else's id."""
    if not is_id(id):
        return ""
    return next((name for head, name in ENTITY_OF_PREFIX if id.startswith(head)), "")

"""Items of their own for settled objects: to verify them, to set them apart, to reapply."""

from collections.abc import Iterable

from shared.domain.ids import is_id
from shared.domain.partition import partition_of
from shared.ports import Queue
from shared.registry import entity_named
from shared.services.item import Item
from shared.services.items import Items, place
from shared.settings import Settings

ENTITY_OF_PREFIX = (("txn_", "balance_transaction"), ("po_", "payout"))


class Errands:
    """Sends objects that have journal lines on an errand."""

    def __init__(self, queue: Queue, items: Items, settings: Settings) -> None:
        self._queue, self._items, self._settings = queue, items, settings

    async def send(self, ids: Iterable[str], type: str, prefix: str) -> int:
        """An item `<prefix>-<id>` of a type for each object, under a new generation.

        Returns how many were sent; what is no object with journal lines of ours is left out.
        """
        sent = 0
        for id in ids:
            entity = next((name for head, name in ENTITY_OF_PREFIX if id.startswith(head)), "")
            if not entity or not is_id(id):
                continue
            queue = entity_named(entity).queue
            partition = partition_of(id, self._settings.partitions)
            item = Item(f"{prefix}-{id}", type, entity, id)
            row = await self._items.get(place(queue, partition), item.id)
            if row is not None:
                item = item.renewed(int(str(row.cells["generation"])) + 1)
            await self._queue.send(queue, [item.message(partition)])
            sent += 1
        return sent

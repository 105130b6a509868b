"""The list of pending objects: those that wait for a counterpart, and scheduled retries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.outcomes import Kind
from shared.ports import Row
from shared.services.work import next_look_at
from shared.stores.item_outcomes import command_in
from shared.stores.items import Items, item_of, places

LISTED_MAX = 1_000  # shown at once


@dataclass(frozen=True, slots=True)
class PendingItem:
    """Something under way. `kind`: `waiting` or `retry`; `command`: the maintenance command that it
    is, else empty; `since`: when it was seen first; `next_at`: when it is looked at again, None
    where that is not known; `account`: the alias of its Stripe account."""

    kind: str
    entity: str
    object: str
    type: str
    command: str
    cause: str
    text: str
    attempts: int
    since: datetime
    updated_at: datetime
    next_at: datetime | None
    account: str


class WaitingList:
    """The list, for people. Memory is bounded by `LISTED_MAX`."""

    def __init__(self, items: Items, queues: Sequence[str]) -> None:
        self._items, self._queues = items, queues

    async def page(self) -> tuple[list[PendingItem], int]:
        """The first `LISTED_MAX` of each list, those that began first at the front, and how many
        more there are."""
        listed: list[PendingItem] = []
        more = 0
        for kind in (Kind.WAITING, Kind.RETRY):
            count = 0
            for where in places(self._queues):
                async for row in self._items.listed(where, kind):
                    count += 1
                    if count <= LISTED_MAX:
                        listed.append(_pending(row, kind))
            more += max(count - LISTED_MAX, 0)
        return sorted(listed, key=lambda item: (item.since, item.object, item.type)), more


def _pending(row: Row, kind: Kind) -> PendingItem:
    cells = row.cells
    item = item_of(row)
    first, last = cells["first_seen_at"], cells["updated_at"]
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        raise TypeError(f"{row.row} has no times")
    due = cells.get("due_at") if kind is Kind.RETRY else next_look_at(row)
    return PendingItem(
        kind=kind.value,
        entity=item.entity,
        object=item.object,
        type=item.type,
        command=command_in(cells),
        cause=str(cells["cause"]),
        text=str(cells["text"]),
        attempts=item.attempt,
        since=first,
        updated_at=last,
        next_at=due if isinstance(due, datetime) else None,
        account=item.account,
    )

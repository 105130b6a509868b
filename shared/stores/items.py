"""What became of each unit of work, in the table `events`; and the counters of `/api/status`.

Partition key `<queue>~<place>`. The place follows from the object's id alone, so all rows of an
object are together whatever `TIEOUT_PARTITIONS` is or was, and its rows, its place in a list and
the counters change in one transaction. Rows:

* `event~<item id>`: what became of each item; the generation that its next message must exceed.
* `object~<key>`: what became of each object, and which events led to it. The key is the object's
  id, of commands `verify-<object id>` and so on.
* `parked~<key>`, `waiting~<key>`, `resolved~<key>`: the lists of objects.
* `counter`: how many objects came to what, and how many of them were purged; of the parked ones how
  many by cause, and the amounts at stake by currency; when the webhook last received an event of
  which something became.

Nothing is ever deleted but places in lists, rows of commands that their objects stand for, and what
is done or skipped once its retention is over (`services/privacy/purge.py`).
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from shared import telemetry
from shared.domain.partition import DEFAULT_ACCOUNT, partition_of
from shared.errors import Refused, TableConflict, clean_text
from shared.outcomes import Kind, Outcome
from shared.ports import (
    TRANSACTION_OPERATIONS_MAX,
    Cell,
    Clock,
    Delete,
    Insert,
    Operation,
    Replace,
    Row,
    Tables,
)
from shared.stores import rollup
from shared.stores.item_outcomes import ItemOutcome, item_of
from shared.stores.item_rows import (
    COUNTED,
    EVENT,
    OBJECT,
    SETTLED,
    TEXT_CHARS_MAX,
    ItemRows,
    keys_read,
    operations_of,
)
from shared.stores.paging import rows

__all__ = (
    "PURGED_AT_ONCE",
    "ItemOutcome",
    "Items",
    "home",
    "is_settled_row",
    "item_of",
    "place",
    "places",
)

TABLE = "events"
COUNTER = "counter"
PURGED = "purged"  # of the counter: objects whose rows are gone
PLACES = 4  # of a queue; changing it would move objects
CONFLICTS_MAX = 20
LEFT_PER_TRANSACTION = TRANSACTION_OPERATIONS_MAX - 1  # and the counter
PURGED_AT_ONCE = LEFT_PER_TRANSACTION


def place(queue: str, number: int) -> str:
    """The partition key of a place."""
    return f"{queue}~{number}"


def places(queues: Iterable[str]) -> list[str]:
    """All places of queues."""
    return [place(queue, number) for queue in queues for number in range(PLACES)]


def home(queue: str, object: str) -> str:
    """The place of an object."""
    return place(queue, partition_of(object, PLACES))


def is_settled_row(row: Row) -> bool:
    """Whether a row only tells of an item, or of an object, that is done or skipped. The row of an
    object of a further Stripe account tells more: whose it is (`account_of`)."""
    is_told = row.row.startswith((EVENT, OBJECT))
    if row.row.startswith(OBJECT) and row.cells["account"] != DEFAULT_ACCOUNT:
        return False
    return is_told and Kind(str(row.cells["status"])) in SETTLED


class Items:
    """The rows of units of work."""

    def __init__(self, tables: Tables, clock: Clock) -> None:
        self._tables = tables
        self._clock = clock

    async def get(self, where: str, id: str) -> Row | None:
        """The row of an item, or None."""
        return await self._tables.get(TABLE, where, f"{EVENT}{id}")

    async def object(self, where: str, key: str) -> Row | None:
        """The row of an object, or of a command on it; or None."""
        return await self._tables.get(TABLE, where, f"{OBJECT}{key}")

    async def account_of(self, queue: str, id: str) -> str:
        """The alias of the Stripe account that an object was handled for; the default one's for an
        object that nobody handled yet."""
        row = await self.object(home(queue, id), id)
        return DEFAULT_ACCOUNT if row is None else str(row.cells["account"])

    async def store(self, queue: str, item_outcomes: Sequence[ItemOutcome]) -> None:
        """Store outcomes of a queue, each at home. Raises as `record` does."""
        parts: dict[str, list[ItemOutcome]] = {}
        for item_outcome in item_outcomes:
            parts.setdefault(home(queue, item_outcome.item.object), []).append(item_outcome)
        for where, part in parts.items():
            await self.record(where, part)

    async def record(self, where: str, item_outcomes: Sequence[ItemOutcome]) -> None:
        """Store outcomes of one place and move the counters with them; recording twice changes
        nothing.

        A retry that is older than what a row tells is not stored. Raises `TableConflict` when
        others keep changing the same rows.
        """
        last = {item_outcome.item.id: item_outcome for item_outcome in item_outcomes}
        refused: Refused | None = None
        for part in _in_transactions(list(last.values())):
            try:
                await self._record(where, part)
            except Refused:  # one row that storage refuses holds up none of the others
                for item_outcome in part:
                    refused = await self._alone(where, item_outcome) or refused
        if refused is not None:
            raise refused

    async def _alone(self, where: str, item_outcome: ItemOutcome) -> Refused | None:
        """Store one outcome, without its evidence where storage refuses it. Returns the error of
        one that cannot be stored at all."""
        try:
            await self._record(where, [item_outcome])
        except Refused as error:
            name = type(error).__name__
            telemetry.event("outcome_shortened", item=item_outcome.item.id, error=name)
            plain = replace(
                item_outcome.outcome,
                text=clean_text(item_outcome.outcome.text),
                remedy=clean_text(item_outcome.outcome.remedy)[:TEXT_CHARS_MAX],
                evidence="",
            )
            try:
                await self._record(where, [replace(item_outcome, outcome=plain)])
            except Refused as last:
                return last
        return None

    async def _record(self, where: str, item_outcomes: Sequence[ItemOutcome]) -> None:
        def tell(rows: ItemRows) -> None:
            for item_outcome in item_outcomes:
                rows.tell(item_outcome)

        keys = [key for item_outcome in item_outcomes for key in keys_read(item_outcome)]
        moments = [each.reception.received_at for each in item_outcomes]
        newest = max((moment for moment in moments if moment is not None), default=None)
        await self._change(where, keys, tell, newest)

    async def reopen(self, where: str, key: str, outcome: Outcome) -> None:
        """Put a resolved object back among the parked ones, for the reason that `outcome` gives."""
        await self._change(where, [f"{OBJECT}{key}"], lambda rows: rows.reopen(key, outcome))

    async def _change(
        self,
        where: str,
        keys: Iterable[str],
        change: Callable[[ItemRows], None],
        received_at: datetime | None = None,
    ) -> None:
        wanted = list(dict.fromkeys([COUNTER, *keys]))
        for _ in range(CONFLICTS_MAX):
            stored = await asyncio.gather(*(self._tables.get(TABLE, where, key) for key in wanted))
            counter = stored[0]
            changed = ItemRows(dict(zip(wanted, stored, strict=True)), self._clock.now())
            change(changed)
            operations = changed.operations()
            if not operations:
                return
            cells = rollup.moved(counter, changed.counted(), changed.parked(), received_at)
            operations.append(
                Insert(COUNTER, cells) if counter is None else Replace(COUNTER, cells, counter.etag)
            )
            try:
                await self._tables.transact(TABLE, where, operations)
            except TableConflict:
                continue
            return
        raise TableConflict(f"the counters of {where} keep changing")

    def listed(self, where: str, kind: Kind) -> AsyncIterator[Row]:
        """The objects of one list (`LISTED`), page by page."""
        return rows(self._tables, TABLE, where, f"{kind.value}~")

    async def skip(self, where: str, count: int = 1) -> None:
        """Count events that were skipped before they became items."""
        for _ in range(CONFLICTS_MAX):
            counter = await self._tables.get(TABLE, where, COUNTER)
            cells = rollup.moved(counter, {Kind.SKIP: count}, (), self._clock.now())
            operation = (
                Insert(COUNTER, cells) if counter is None else Replace(COUNTER, cells, counter.etag)
            )
            try:
                await self._tables.transact(TABLE, where, [operation])
            except TableConflict:
                continue
            return
        raise TableConflict(f"the counters of {where} keep changing")

    async def purge(self, where: str, rows: Sequence[Row]) -> int:
        """Delete rows of a place that `is_settled_row`, at most `PURGED_AT_ONCE`, and move the
        counters with them; returns how many. What changed since it was read stays. Raises
        `TableConflict` when others keep changing the same rows."""
        left = list(rows)
        for _ in range(CONFLICTS_MAX):
            if not left:
                return 0
            counter = await self._tables.get(TABLE, where, COUNTER)
            objects = [row for row in left if row.row.startswith(OBJECT)]
            gone = Counter(Kind(str(row.cells["status"])) for row in objects)
            cells = rollup.moved(counter, {kind: -gone[kind] for kind in SETTLED}, (), None)
            cells[PURGED] = _number(counter, PURGED) + len(objects)
            operations: list[Operation] = [Delete(row.row, row.etag) for row in left]
            operations.append(
                Insert(COUNTER, cells) if counter is None else Replace(COUNTER, cells, counter.etag)
            )
            try:
                await self._tables.transact(TABLE, where, operations)
            except TableConflict:
                now = await asyncio.gather(
                    *(self._tables.get(TABLE, where, row.row) for row in left)
                )
                left = [
                    row
                    for row, current in zip(left, now, strict=True)
                    if current is not None and current.etag == row.etag
                ]
                continue
            return len(left)
        raise TableConflict(f"the counters of {where} keep changing")

    async def erase(self, row: Row, cells: Mapping[str, Cell]) -> bool:
        """Say less in a row of an item than it said; False when it says something else by now."""
        try:
            await self._tables.transact(TABLE, row.partition, [Replace(row.row, cells, row.etag)])
        except TableConflict:
            return False
        return True

    async def purged(self, places: Sequence[str]) -> int:
        """How many objects had their rows deleted, over the given partitions."""
        rows = await self._counters(places)
        return sum(_number(row, PURGED) for row in rows)

    async def counts(self, places: Sequence[str]) -> dict[str, int]:
        """The sums of the counters over the given partitions."""
        rows = await self._counters(places)
        return {kind.value: sum(rollup.count_in(row, kind) for row in rows) for kind in COUNTED}

    async def rollup(self, places: Sequence[str]) -> rollup.Rollup:
        """The sums of what the counters of these places say of parked objects. One read a place."""
        return rollup.summed([row for row in await self._counters(places) if row is not None])

    async def _counters(self, places: Sequence[str]) -> list[Row | None]:
        return await asyncio.gather(*(self._tables.get(TABLE, key, COUNTER) for key in places))


def _number(row: Row | None, name: str) -> int:
    value = row.cells.get(name, 0) if row is not None else 0
    return value if isinstance(value, int) else 0


def _in_transactions(item_outcomes: Sequence[ItemOutcome]) -> list[list[ItemOutcome]]:
    """Outcomes in as few parts as transactions hold."""
    parts: list[list[ItemOutcome]] = []
    left = 0
    for item_outcome in item_outcomes:
        needed = operations_of(item_outcome)
        if needed > left:
            parts.append([])
            left = LEFT_PER_TRANSACTION
        parts[-1].append(item_outcome)
        left -= needed
    return parts

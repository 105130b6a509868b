"""What became of each unit of work, in the table `events`; and the counters of `/api/status`.

Partition key `<queue>~<partition>`, so that an item's row, its place in the lists of parked and
waiting items, and the counters change in one transaction. Rows: `event~<id>`, `parked~<id>`,
`waiting~<id>`, `counter`. Nothing is ever deleted but places in lists.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from shared import telemetry
from shared.errors import Refused, TableConflict, clean_text
from shared.ports import (
    Cell,
    Clock,
    Delete,
    Insert,
    Operation,
    Put,
    Replace,
    Row,
    Tables,
)
from shared.services.item import Item
from shared.services.paging import rows
from shared.verdicts import Kind, Verdict

TABLE = "events"
COUNTER = "counter"
ITEMS_PER_TRANSACTION = 30  # three operations each, and the counter
CONFLICTS_MAX = 20
LISTED = (Kind.PARK, Kind.WAITING)
COUNTED = (Kind.DONE, Kind.SKIP, Kind.PARK, Kind.WAITING)
TEXT_CHARS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """An item and what became of it. `at_stake_minor` is the money the item is about."""

    item: Item
    verdict: Verdict


def place(queue: str, partition: int | str) -> str:
    """The partition key of the items of one session."""
    return f"{queue}~{partition}"


class Items:
    """The rows of units of work."""

    def __init__(self, tables: Tables, clock: Clock) -> None:
        self._tables = tables
        self._clock = clock

    async def get(self, where: str, id: str) -> Row | None:
        """The row of an item, or None."""
        return await self._tables.get(TABLE, where, f"event~{id}")

    async def record(self, where: str, outcomes: Sequence[Outcome]) -> None:
        """Store outcomes and move the counters with them; recording twice changes nothing.

        A retry that is older than what a row tells is not stored. Raises `TableConflict` when
        others keep changing the same rows.
        """
        last = {outcome.item.id: outcome for outcome in outcomes}
        chosen = list(last.values())
        refused: Refused | None = None
        for start in range(0, len(chosen), ITEMS_PER_TRANSACTION):
            part = chosen[start : start + ITEMS_PER_TRANSACTION]
            try:
                await self._record(where, part)
            except Refused:  # one row that storage refuses holds up none of the others
                for outcome in part:
                    refused = await self._alone(where, outcome) or refused
        if refused is not None:
            raise refused

    async def _alone(self, where: str, outcome: Outcome) -> Refused | None:
        """Store one outcome, without its evidence where storage refuses it. Returns the error of
        one that cannot be stored at all."""
        try:
            await self._record(where, [outcome])
        except Refused as error:
            telemetry.event("outcome_shortened", item=outcome.item.id, reason=str(error))
            plain = replace(
                outcome.verdict,
                text=clean_text(outcome.verdict.text),
                remedy=clean_text(outcome.verdict.remedy)[:TEXT_CHARS_MAX],
                evidence="",
            )
            try:
                await self._record(where, [replace(outcome, verdict=plain)])
            except Refused as last:
                return last
        return None

    async def _record(self, where: str, outcomes: Sequence[Outcome]) -> None:
        for _ in range(CONFLICTS_MAX):
            keys = [f"event~{outcome.item.id}" for outcome in outcomes]
            rows = await asyncio.gather(*(self._tables.get(TABLE, where, key) for key in keys))
            counter = await self._tables.get(TABLE, where, COUNTER)
            counts = {kind: _count(counter, kind) for kind in COUNTED}
            operations: list[Operation] = []
            for outcome, row in zip(outcomes, rows, strict=True):
                operations += self._change(outcome, row, counts)
            cells: dict[str, Cell] = {kind.value: number for kind, number in counts.items()}
            operations.append(
                Insert(COUNTER, cells) if counter is None else Replace(COUNTER, cells, counter.etag)
            )
            try:
                await self._tables.transact(TABLE, where, operations)
            except TableConflict:
                continue
            return
        raise TableConflict(f"the counters of {where} keep changing")

    def _change(
        self, outcome: Outcome, row: Row | None, counts: dict[Kind, int]
    ) -> list[Operation]:
        item, verdict = outcome.item, outcome.verdict
        told = _order(row)
        if verdict.kind is Kind.RETRY and told > (item.generation, item.copy):
            return []  # a worker that stood still: the copy it sent told its own outcome since
        # Never back, or the id of the next message is one that the queue has seen.
        generation, copy = max(told, (item.generation, item.copy))
        now = self._clock.now()
        old = Kind(str(row.cells["status"])) if row is not None else None
        if old in counts:
            counts[old] -= 1
        if verdict.kind in counts:
            counts[verdict.kind] += 1
        cells: dict[str, Cell] = {
            "status": verdict.kind.value,
            "type": item.type,
            "entity": item.entity,
            "object": item.object,
            "generation": generation,
            "copy": copy,
            "attempt": item.attempt,
            "cause": verdict.cause,
            "text": verdict.text[:TEXT_CHARS_MAX],
            "remedy": verdict.remedy,
            "evidence": verdict.evidence,
            "amount_minor": verdict.amount_minor,
            "currency": verdict.currency,
            "first_seen_at": row.cells["first_seen_at"] if row is not None else now,
            "updated_at": now,
        }
        key = f"event~{item.id}"
        operations: list[Operation] = [
            Insert(key, cells) if row is None else Replace(key, cells, row.etag)
        ]
        if old in LISTED and old is not verdict.kind:
            operations.append(Delete(f"{old.value}~{item.id}"))
        if verdict.kind in LISTED:
            operations.append(Put(f"{verdict.kind.value}~{item.id}", cells))
        return operations

    def listed(self, where: str, kind: Kind) -> AsyncIterator[Row]:
        """The rows of one list (`Kind.PARK` or `Kind.WAITING`), page by page."""
        return rows(self._tables, TABLE, where, f"{kind.value}~")

    async def skip(self, where: str) -> None:
        """Count something that was skipped before it became an item."""
        for _ in range(CONFLICTS_MAX):
            counter = await self._tables.get(TABLE, where, COUNTER)
            counts = {kind.value: _count(counter, kind) for kind in COUNTED}
            counts[Kind.SKIP.value] += 1
            operation = (
                Insert(COUNTER, counts)
                if counter is None
                else Replace(COUNTER, counts, counter.etag)
            )
            try:
                await self._tables.transact(TABLE, where, [operation])
            except TableConflict:
                continue
            return
        raise TableConflict(f"the counters of {where} keep changing")

    async def counts(self, places: Sequence[str]) -> dict[str, int]:
        """The sums of the counters over the given partitions."""
        rows = await asyncio.gather(*(self._tables.get(TABLE, key, COUNTER) for key in places))
        return {kind.value: sum(_count(row, kind) for row in rows) for kind in COUNTED}


def _order(row: Row | None) -> tuple[int, int]:
    """Generation and copy of the latest outcome that a row tells of."""
    if row is None:
        return 0, 0
    return int(str(row.cells["generation"])), int(str(row.cells.get("copy", 0)))


def _count(row: Row | None, kind: Kind) -> int:
    value = row.cells.get(kind.value, 0) if row is not None else 0
    return value if isinstance(value, int) else 0


def item_of(row: Row) -> Item:
    """The item that a row is about."""
    cells = row.cells
    return Item(
        id=row.row.split("~", maxsplit=1)[1],
        type=str(cells["type"]),
        entity=str(cells["entity"]),
        object=str(cells["object"]),
        generation=int(str(cells["generation"])),
        attempt=int(str(cells["attempt"])),
    )

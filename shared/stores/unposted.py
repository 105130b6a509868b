"""What stands in journals that are not posted: amounts by journal. Table `journals`, partition
`amounts`, rows `<company>~<kind>~<batch>`.

Kept beside the rows of the journals themselves, whose ETags guard the hand-over between writers,
for telemetry and for the order of posting: a crash between the writing of lines and this note
leaves it short, and early. A row goes when its journal is not among the unposted ones any more
(`services/operations/measure.py`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched

from shared.domain.money import Money
from shared.errors import TableConflict
from shared.ports import Cell, Clock, Delete, Insert, Operation, Replace, Row, Tables
from shared.stores.journals import POSTED, TABLE
from shared.stores.paging import first_rows

AMOUNTS = "amounts"
LANDED_AT = "landed_at"  # when lines of a journal were last known to be there
CONFLICTS_MAX = 5
JOURNALS_PER_TRANSACTION = 90

type Sums = dict[str, list[int]]
"""By currency: what lines bring to clearing, and what they take from it; both not negative."""


@dataclass(frozen=True, slots=True)
class Move:
    """What the lines of an object do to clearing in a journal; `leaves`: they go from there."""

    amount: Money
    leaves: bool = False


@dataclass(frozen=True, slots=True)
class UnpostedAmounts:
    """What a journal holds, by the row key of the journal: since when, and by currency what its
    lines bring to clearing and what they take from it."""

    key: str
    company: str
    since: datetime
    sums: Mapping[str, tuple[int, int]]


class Unposted:
    """The amounts of unposted journals."""

    def __init__(self, tables: Tables, clock: Clock) -> None:
        self._tables, self._clock = tables, clock

    async def change(self, moves: Mapping[str, Sequence[Move]]) -> None:
        """Lines came to journals and left them, by the row keys of the journals. Raises
        `TableConflict` when others keep changing the same rows."""
        for part in batched(moves.items(), JOURNALS_PER_TRANSACTION, strict=False):
            await self._change(dict(part))

    async def _change(self, moves: Mapping[str, Sequence[Move]]) -> None:
        for _ in range(CONFLICTS_MAX):
            operations: list[Operation] = []
            for key, found in moves.items():
                row = await self._tables.get(TABLE, AMOUNTS, key)
                if row is None and all(move.leaves for move in found):
                    continue  # posted, or gone: what it held is counted
                sums = _sums_in(row)
                for move in found:
                    both, side = (
                        sums.setdefault(move.amount.currency, [0, 0]),
                        move.amount.minor < 0,
                    )
                    minor = abs(move.amount.minor)
                    both[side] = max(0, both[side] + (-minor if move.leaves else minor))
                since = self._clock.now() if row is None else row.cells["since"]
                cells: dict[str, Cell] = {"since": since, "sums": json.dumps(sums)}
                came = [move for move in found if not move.leaves]
                last = self._clock.now() if came or row is None else row.cells[LANDED_AT]
                cells[LANDED_AT] = last
                operations.append(
                    Insert(key, cells) if row is None else Replace(key, cells, row.etag)
                )
            if not operations:
                return
            try:
                await self._tables.transact(TABLE, AMOUNTS, operations)
            except TableConflict:
                continue
            return
        raise TableConflict("the amounts of unposted journals keep changing")

    async def landed_at(self, key: str) -> datetime | None:
        """When lines of a journal were last known to be there; None where nobody noted it."""
        row = await self._tables.get(TABLE, AMOUNTS, key)
        found = row.cells[LANDED_AT] if row is not None else None
        return found if isinstance(found, datetime) else None

    async def drop(self, journal: UnpostedAmounts) -> None:
        """A journal is posted, or gone: forget it."""
        await self._tables.transact(TABLE, AMOUNTS, [Delete(journal.key)])

    async def is_posted(self, journal: UnpostedAmounts) -> bool:
        """Whether the journal was seen posted."""
        return await self._tables.get(TABLE, POSTED, journal.key) is not None

    async def listed(self, limit: int) -> list[UnpostedAmounts]:
        """At most `limit` of them."""
        return [_journal(row) for row in await first_rows(self._tables, TABLE, AMOUNTS, limit)]


def _sums_in(row: Row | None) -> Sums:
    found: Sums = json.loads(str(row.cells["sums"])) if row is not None else {}
    return found


def _journal(row: Row) -> UnpostedAmounts:
    since = row.cells["since"]
    if not isinstance(since, datetime):
        raise TypeError(f"row {row.row} of {AMOUNTS} says no moment")
    sums = {currency: (came, went) for currency, (came, went) in _sums_in(row).items()}
    return UnpostedAmounts(row.row, row.row.partition("~")[0], since, sums)

"""Table storage in process: the rules of Azure Tables without the service.

What no table can hold is refused by the rules of the production client
(`shared/clients/table_rules.py`); conditions, order and atomicity follow
https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions.
Contents live as long as the object, so a store can outlive the application that used it.
"""

import asyncio
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii

from shared.clients.table_rules import RowRefused, check_key, check_operations, check_table
from shared.errors import TableConflict
from shared.ports import (
    QUERY_ROWS_MAX,
    TRANSACTION_BYTES_MAX,
    Cell,
    Delete,
    Insert,
    Operation,
    Put,
    Replace,
    Row,
)

OPERATION_BYTES = 600  # the head of an operation's part in the request, without cells


@dataclass(slots=True)
class _Partition:
    """Rows of one partition key; `order` holds the row keys, sorted."""

    rows: dict[str, Row] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)

    def set(self, row: Row) -> None:
        if row.row not in self.rows:
            insort(self.order, row.row)
        self.rows[row.row] = row

    def remove(self, key: str) -> None:
        del self.rows[key]
        del self.order[bisect_left(self.order, key)]


@dataclass(slots=True)
class _Table:
    """Partitions of one table; `order` holds the partition keys, sorted."""

    partitions: dict[str, _Partition] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)

    def partition(self, key: str) -> _Partition:
        """The partition of this key, made when new."""
        if key not in self.partitions:
            self.partitions[key] = _Partition()
            insort(self.order, key)
        return self.partitions[key]

    def drop_if_empty(self, key: str) -> None:
        if key in self.partitions and not self.partitions[key].rows:
            del self.partitions[key]
            del self.order[bisect_left(self.order, key)]


class _Page(list[Row]):
    """A page that holds few rows, with more to follow: it is as long as a full one for whoever
    asks whether that was the last."""

    def __len__(self) -> int:
        return QUERY_ROWS_MAX


class MemoryTables:
    """`shared.ports.Tables` in process.

    Sorted key lists beside hash maps: reading a row is O(1), a page of n rows O(log size + n),
    a new row O(size of its partition's key list) with the small constant of one memory move.
    Every call lets other tasks run first, as a call over the network would.

    `page_rows`: how many rows a page holds where the caller sets no limit of its own. Few of them
    show, at small volumes, who reads the first page of a list and forgets the others.

    Raises `TableConflict` and `RowRefused`, as the production client does.
    """

    def __init__(self, page_rows: int = QUERY_ROWS_MAX) -> None:
        if not 1 <= page_rows <= QUERY_ROWS_MAX:
            raise ValueError(f"page_rows is 1 to {QUERY_ROWS_MAX}, got {page_rows}")
        self._page_rows = page_rows
        self._tables: dict[str, _Table] = {}
        self._writes = 0

    def names(self) -> list[str]:
        """The tables that were written, sorted."""
        return sorted(self._tables)

    async def get(self, table: str, partition: str, row: str) -> Row | None:
        """One row, or None."""
        check_table(table)
        check_key("partition key", partition)
        check_key("row key", row)
        await asyncio.sleep(0)
        rows = self._tables.get(table, _Table()).partitions.get(partition)
        return rows.rows.get(row) if rows else None

    async def query(
        self,
        table: str,
        *,
        partition: str | None = None,
        prefix: str = "",
        after: tuple[str, str] | None = None,
        limit: int = QUERY_ROWS_MAX,
    ) -> list[Row]:
        """Rows in the order of (partition, row), at most `limit`; see `shared.ports.Tables`."""
        check_table(table)
        if prefix and partition is None:
            raise RowRefused("a prefix of the row key needs a partition")
        if not 1 <= limit <= QUERY_ROWS_MAX:
            raise RowRefused(f"limit is 1 to {QUERY_ROWS_MAX}, got {limit}")
        await asyncio.sleep(0)
        stored = self._tables.get(table, _Table())
        found: list[Row] = []
        size = self._page_rows if limit == QUERY_ROWS_MAX else limit
        for key in _partitions_of(stored, partition, after):
            rows = stored.partitions[key]
            for row in _rows_of(rows, prefix, after[1] if after and after[0] == key else None):
                if len(found) == size:
                    return _Page(found) if size < limit else found
                found.append(rows.rows[row])
        return found

    async def transact(
        self, table: str, partition: str, operations: Sequence[Operation]
    ) -> tuple[str, ...]:
        """All or nothing on one partition. Returns the new ETags; see `shared.ports.Tables`."""
        check_table(table)
        check_key("partition key", partition)
        check_operations(partition, operations)
        _check_size(operations)
        await asyncio.sleep(0)
        stored = self._tables.setdefault(table, _Table())
        rows = stored.partition(partition)
        try:
            for operation in operations:
                _check_condition(table, partition, rows, operation)
        except TableConflict:
            stored.drop_if_empty(partition)
            raise
        etags = tuple(self._apply(partition, rows, operation) for operation in operations)
        stored.drop_if_empty(partition)
        return etags

    def _apply(self, partition: str, rows: _Partition, operation: Operation) -> str:
        if isinstance(operation, Delete):
            rows.remove(operation.row)
            return ""
        self._writes += 1
        etag = f'W/"{self._writes}"'
        cells = {name: _stored(cell) for name, cell in operation.cells.items()}
        rows.set(Row(partition, operation.row, cells, etag))
        return etag


def _partitions_of(
    table: _Table, partition: str | None, after: tuple[str, str] | None
) -> Iterator[str]:
    if partition is not None:
        if partition in table.partitions and (after is None or after[0] <= partition):
            yield partition
        return
    first = bisect_left(table.order, after[0]) if after else 0
    yield from table.order[first:]


def _rows_of(rows: _Partition, prefix: str, after: str | None) -> Iterator[str]:
    first = bisect_left(rows.order, prefix)
    if after is not None:
        first = max(first, bisect_right(rows.order, after))
    for index in range(first, len(rows.order)):
        if not rows.order[index].startswith(prefix):
            return
        yield rows.order[index]


def _stored(cell: Cell) -> Cell:
    return cell.astimezone(UTC) if isinstance(cell, datetime) else cell


def _check_condition(table: str, partition: str, rows: _Partition, operation: Operation) -> None:
    held = rows.rows.get(operation.row)
    place = f"{table} ({partition}, {operation.row})"
    match operation:
        case Insert():
            if held is not None:
                raise TableConflict(f"{place} exists")
        case Replace(etag=etag):
            if held is None:
                raise TableConflict(f"{place} is gone")
            if held.etag != etag:
                raise TableConflict(f"{place} has changed")
        case Delete(etag=etag):
            if held is None:
                raise TableConflict(f"{place} is gone")
            if etag is not None and held.etag != etag:
                raise TableConflict(f"{place} has changed")
        case Put():
            pass


def _check_size(operations: Sequence[Operation]) -> None:
    """The service counts the bytes of the request: heads of parts, and names and texts as JSON."""
    size_bytes = OPERATION_BYTES * len(operations) + sum(
        len(name.encode()) + (len(encode_basestring_ascii(cell)) if isinstance(cell, str) else 0)
        for operation in operations
        if not isinstance(operation, Delete)
        for name, cell in operation.cells.items()
    )
    if size_bytes > TRANSACTION_BYTES_MAX:
        raise RowRefused(
            f"a transaction holds at most {TRANSACTION_BYTES_MAX} bytes, got {size_bytes}"
        )

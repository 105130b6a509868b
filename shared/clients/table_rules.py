"""What Azure Tables refuses whatever its contents: keys, names, values, sizes.

https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
and https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions.
Every check raises `RowRefused`.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from shared.errors import Refused
from shared.ports import (
    CELL_CHARS_MAX,
    TRANSACTION_OPERATIONS_MAX,
    Cell,
    Delete,
    Operation,
    Replace,
)
from shared.ports import ENTITY_BYTES_MAX as ENTITY_BYTES_MAX

KEY_CHARS_MAX = 512  # 1 KiB of UTF-16
CELLS_MAX = 252
CELL_NAME_CHARS_MAX = 255
INTEGER_MIN, INTEGER_MAX = -(2**63), 2**63 - 1
DATE_MIN = datetime(1601, 1, 1, tzinfo=UTC)

_TABLE_NAME = re.compile("[A-Za-z][A-Za-z0-9]{2,62}")
_KEY_REFUSED = re.compile("[/\\\\#?\x00-\x1f\x7f-\x9f]")
_RESERVED_NAMES = ("PartitionKey", "RowKey", "Timestamp", "etag")


class RowRefused(Refused, ValueError):
    """A key, name, value or size that no table can hold: trying again changes nothing."""

    def __init__(self, text: str) -> None:
        super().__init__("storage", text)


def check_table(table: str) -> None:
    """A table's name."""
    if not _TABLE_NAME.fullmatch(table):
        raise RowRefused(f"a table name is 3 to 63 letters and digits, got {table!r}")


def check_key(what: str, key: str) -> None:
    """A partition key or row key; `what` of the two it is, for the message."""
    if _KEY_REFUSED.search(key):
        raise RowRefused(f"a {what} holds none of / \\ # ? and no control character, got {key!r}")
    if _utf16_bytes(what, key) > 2 * KEY_CHARS_MAX:
        raise RowRefused(f"a {what} has at most {KEY_CHARS_MAX} characters, got {key[:40]!r}...")


def check_operations(partition: str, operations: Sequence[Operation]) -> None:
    """An entity-group transaction, except for its total size: the service counts that."""
    if not 1 <= len(operations) <= TRANSACTION_OPERATIONS_MAX:
        raise RowRefused(
            f"a transaction has 1 to {TRANSACTION_OPERATIONS_MAX} operations, got {len(operations)}"
        )
    seen: dict[str, None] = {}
    for operation in operations:
        check_key("row key", operation.row)
        if operation.row in seen:
            raise RowRefused(f"a transaction names row {operation.row!r} twice")
        seen[operation.row] = None
        if isinstance(operation, Replace | Delete) and operation.etag in ("", "*"):
            raise RowRefused(f"row {operation.row!r}: {operation.etag!r} is not an ETag of a row")
        if not isinstance(operation, Delete):
            _check_cells(partition, operation.row, operation.cells)


def _check_cells(partition: str, row: str, cells: Mapping[str, Cell]) -> None:
    """Names, values, and the size by the vendor's formula."""
    if len(cells) > CELLS_MAX:
        raise RowRefused(f"a row has at most {CELLS_MAX} cells, row {row!r} has {len(cells)}")
    size_bytes = 4 + 2 * (len(partition) + len(row))
    for name, cell in cells.items():
        if name in _RESERVED_NAMES or not (name.isascii() and name.isidentifier()):
            raise RowRefused(f"{name!r} is not a name of a cell")
        if len(name) > CELL_NAME_CHARS_MAX:
            raise RowRefused(f"the name of a cell has at most {CELL_NAME_CHARS_MAX} characters")
        size_bytes += 8 + 2 * len(name)
        if isinstance(cell, str) and cell.isascii() and len(cell) <= CELL_CHARS_MAX:
            size_bytes += 4 + 2 * len(cell)  # most cells, without a text for a message
        else:
            size_bytes += _cell_bytes(f"cell {name!r} of row {row!r}", cell)
    if size_bytes > ENTITY_BYTES_MAX:
        raise RowRefused(f"a row holds at most {ENTITY_BYTES_MAX} bytes, {row!r} has {size_bytes}")


def _cell_bytes(what: str, cell: Cell) -> int:
    match cell:
        case bool():
            return 1
        case int():
            if not INTEGER_MIN <= cell <= INTEGER_MAX:
                raise RowRefused(f"{what} does not fit 64 bits: {cell}")
            return 8
        case str():
            size_bytes = _utf16_bytes(what, cell)
            if size_bytes > 2 * CELL_CHARS_MAX:
                raise RowRefused(f"{what} has more than {CELL_CHARS_MAX} characters: {len(cell)}")
            return 4 + size_bytes
        case datetime():
            if cell.tzinfo is None:
                raise RowRefused(f"{what} needs a time zone: {cell.isoformat()}")
            if cell < DATE_MIN:
                raise RowRefused(f"{what} is before {DATE_MIN.year}: {cell.isoformat()}")
            return 8
        case _:
            raise RowRefused(f"{what} is text, an integer, a bool or a moment, got {cell!r}")


def _utf16_bytes(what: str, text: str) -> int:
    if text.isascii():
        return 2 * len(text)
    try:
        return len(text.encode("utf-16-le"))
    except UnicodeEncodeError as error:
        raise RowRefused(f"{what} holds half a surrogate pair, which is no text") from error

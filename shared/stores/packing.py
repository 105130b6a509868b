"""JSON in the cells of a table row: compressed, in as many cells as it needs, within the limits of
rows and transactions.

https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
"""

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from shared.domain.records import canonical
from shared.errors import Parked
from shared.ports import (
    CELL_CHARS_MAX,
    ENTITY_BYTES_MAX,
    TRANSACTION_BYTES_MAX,
    TRANSACTION_OPERATIONS_MAX,
    Cell,
    Delete,
    Operation,
)

# A cell of text takes 8 bytes, 2 for each character of its name, 4, and 2 for each of its own:
# 8 + 2 * 8 + 4 + 2 * 32,000 = 64,028 for a full one. 16 of these make 1,024,448 bytes; of the
# 1,048,576 of a row 24,128 are left for its keys and for the readable cells, which need 16,384.
PACKED_CELL_BYTES = 8 + 2 * len("packed00") + 4 + 2 * CELL_CHARS_MAX
READABLE_BYTES_MAX = 16 * 1024  # the keys of a row, and all its cells that are not packed
PACKED_CELLS_MAX = (ENTITY_BYTES_MAX - READABLE_BYTES_MAX) // PACKED_CELL_BYTES

OPERATION_BYTES = 2_000  # at most, of an operation in a request: its head and the row's keys
CELL_BYTES = 100  # at most, of a cell beside its name and text: its type, quotes, a number


def pack(value: object) -> dict[str, Cell]:
    """JSON, compressed, in as many cells as it needs. Raises `Parked` when it is too large."""
    text = base64.b64encode(zlib.compress(canonical(value).encode(), 9)).decode()
    parts = [text[at : at + CELL_CHARS_MAX] for at in range(0, len(text), CELL_CHARS_MAX)]
    if len(parts) > PACKED_CELLS_MAX:
        raise Parked(
            "document_too_large",
            f"the documents take {len(text)} characters",
            "Split the object in Stripe; Tieout cannot store this one for comparison.",
        )
    return {f"packed{index:02}": part for index, part in enumerate(parts)}


def unpack(cells: Mapping[str, Cell]) -> Any:  # noqa: ANN401 - JSON
    """The value that `pack` stored."""
    names = sorted(name for name in cells if name.startswith("packed"))
    text = "".join(str(cells[name]) for name in names)
    return json.loads(zlib.decompress(base64.b64decode(text)))


def in_transactions(
    changes: Sequence[Sequence[Operation]], reserved: int = 0
) -> list[list[Operation]]:
    """Changes in as few transactions as hold them, at least one; a change stays together.

    `reserved`: operations that the caller adds to each of them.
    """
    parts: list[list[Operation]] = [[]]
    count, size_bytes = reserved, reserved * OPERATION_BYTES
    for change in changes:
        change_bytes = sum(_request_bytes(operation) for operation in change)
        if (
            count + len(change) > TRANSACTION_OPERATIONS_MAX
            or size_bytes + change_bytes > TRANSACTION_BYTES_MAX
        ):
            parts.append([])
            count, size_bytes = reserved, reserved * OPERATION_BYTES
        parts[-1] += change
        count += len(change)
        size_bytes += change_bytes
    return parts


def _request_bytes(operation: Operation) -> int:
    """What an operation takes in a request, as JSON in which nothing but ASCII stands."""
    cells = {} if isinstance(operation, Delete) else operation.cells
    return OPERATION_BYTES + sum(
        CELL_BYTES + len(name) + (len(json.dumps(cell)) if isinstance(cell, str) else 0)
        for name, cell in cells.items()
    )

"""JSON in the cells of a table row: compressed, in as many cells as it needs."""

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

from shared.domain.records import canonical
from shared.errors import Parked
from shared.ports import CELL_CHARS_MAX, Cell

PACKED_CELLS_MAX = 20


def pack(value: object) -> dict[str, Cell]:
    """JSON, compressed, in as many cells as it needs. Raises `Parked` when it is too large."""
    text = base64.b64encode(zlib.compress(canonical(value).encode(), 9)).decode()
    parts = [text[at : at + CELL_CHARS_MAX] for at in range(0, len(text), CELL_CHARS_MAX)]
    if len(parts) > PACKED_CELLS_MAX:
        raise Parked(
            "document_too_large",
            f"the documents take {len(text)} characters",
            "Split the object in Stripe; this one cannot be kept for comparison.",
        )
    return {f"packed{index:02}": part for index, part in enumerate(parts)}


def unpack(cells: Mapping[str, Cell]) -> Any:  # noqa: ANN401 - JSON
    """The value that `pack` stored."""
    names = sorted(name for name in cells if name.startswith("packed"))
    text = "".join(str(cells[name]) for name in names)
    return json.loads(zlib.decompress(base64.b64decode(text)))

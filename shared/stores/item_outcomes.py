"""What became of an item, and what the rows of the table `events` say about it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from shared.outcomes import Outcome
from shared.ports import Cell, Row
from shared.stores.item import ISOLATE, NOT_RECEIVED, REAPPLY, UNREADABLE, VERIFY, Item
from shared.stores.reception import Reception

COMMANDS = (VERIFY, ISOLATE, REAPPLY)
FOLDED = (VERIFY, ISOLATE)  # timers repeat them; a reapply is a person's wish and stands alone


@dataclass(frozen=True, slots=True)
class ItemOutcome:
    """An item and what became of it. `reception`: how its event came, for telemetry."""

    item: Item
    outcome: Outcome
    reception: Reception = NOT_RECEIVED


def key_of(item: Item, cause: str = "") -> str:
    """What an item is listed under: its object, a command on its object, or the message that
    names no object."""
    if cause == UNREADABLE:
        return f"message-{item.object}"
    return f"{item.type}-{item.object}" if item.type in COMMANDS else item.object


def item_of(row: Row) -> Item:
    """The item that a row is about; of an object's row the one that its outcome is of."""
    cells = row.cells
    return Item(
        id=str(cells["id"]),
        type=str(cells["type"]),
        entity=str(cells["entity"]),
        object=str(cells["object"]),
        generation=int(str(cells["generation"])),
        attempt=int(str(cells["attempt"])),
    )


def events_of(cells: Mapping[str, Cell]) -> list[tuple[str, str]]:
    """Ids and types of the newest events that led to an object's row, oldest first."""
    return [(str(id), str(type)) for id, type in json.loads(str(cells["events"]))]

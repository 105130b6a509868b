"""The outcome of an item, and what the rows of the table `events` say about it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from shared.outcomes import Outcome
from shared.ports import Cell, Row
from shared.stores.item import NOT_RECEIVED, UNREADABLE, Item, ItemKind
from shared.stores.reception import Reception

FOLDED = (
    ItemKind.VERIFY,
    ItemKind.ISOLATE,
)  # timers repeat them; a reapply is a person's wish and stands alone


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
    return f"{item.kind}-{item.object}" if item.is_command else item.object


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
        kind=ItemKind(str(cells["kind"])),
        account=str(cells["account"]),
    )


def command_in(cells: Mapping[str, Cell]) -> str:
    """The maintenance command that a row is about; empty for none."""
    kind = ItemKind(str(cells["kind"]))
    return "" if kind is ItemKind.CONVERGE else kind.value


def events_of(cells: Mapping[str, Cell]) -> list[tuple[str, str]]:
    """Ids and types of the newest events that led to an object's row, oldest first."""
    return [(str(id), str(type)) for id, type in json.loads(str(cells["events"]))]

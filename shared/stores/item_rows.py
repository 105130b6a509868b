"""How an outcome changes the rows of an item and of its object. Pure: rows in, operations out.

An object is one item in the lists and in the counters, with the events that led to it. A command
(verification, isolation, reapply) has a row of its own beside it, because a plain run that is done
says nothing about the command. Rules, for a later outcome of the same object:

* The latest outcome counts, whichever event it is of.
* A verification or isolation that parks or waits as its object does is no item of its own. When
  one is done or skipped, its object is too: the same run converged it.
* `resolved` stays until a person reopens the object.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from shared.outcomes import RESOLVED_CAUSE, Kind, Outcome
from shared.ports import Cell, Delete, Insert, Operation, Put, Replace, Row
from shared.stores.item import Item, ItemKind
from shared.stores.item_outcomes import FOLDED, ItemOutcome, events_of, item_of, key_of

EVENT = "event~"
OBJECT = "object~"
LISTED = (Kind.PARK, Kind.WAITING, Kind.RESOLVED, Kind.RETRY)
OPEN = (Kind.PARK, Kind.WAITING)
COUNTED = (Kind.DONE, Kind.SKIP, Kind.PARK, Kind.WAITING)
SETTLED = (Kind.DONE, Kind.SKIP)
EVENTS_KEPT = 10  # newest events of an object that its row names
TEXT_CHARS_MAX = 1_000
PLAIN_OPERATIONS = 4  # its event, its object, a place left in a list, one taken in another
OPERATIONS_MAX = 8  # of any outcome


def operations_of(item_outcome: ItemOutcome) -> int:
    """How many operations an outcome may need."""
    is_plain = not item_outcome.item.is_command and item_outcome.outcome.kind not in OPEN
    return PLAIN_OPERATIONS if is_plain and not _is_resolution(item_outcome) else OPERATIONS_MAX


def keys_read(item_outcome: ItemOutcome) -> list[str]:
    """The rows that an outcome may change."""
    item = item_outcome.item
    keys = [f"{EVENT}{item.id}", f"{OBJECT}{key_of(item, item_outcome.outcome.cause)}"]
    if operations_of(item_outcome) == OPERATIONS_MAX:
        keys += [f"{OBJECT}{item.object}", *_siblings(item)]
    return keys


def _siblings(item: Item) -> list[str]:
    return [f"{OBJECT}{command}-{item.object}" for command in FOLDED]


class ItemRows:
    """The rows that one transaction changes: as they are, and as outcomes leave them."""

    def __init__(self, stored: Mapping[str, Row | None], now: datetime) -> None:
        self._found, self._now = stored, now
        self._new: dict[str, dict[str, Cell] | None] = {}

    def tell(self, item_outcome: ItemOutcome) -> None:
        """Apply an outcome. A retry older than what the item's row tells changes nothing: a worker
        stood still, and the copy that it sent has told its own outcome since."""
        item, outcome = item_outcome.item, item_outcome.outcome
        key = f"{EVENT}{item.id}"
        known = self._cells(key)
        told = _order(known)
        if outcome.kind is Kind.RETRY and told > (item.generation, item.copy):
            return
        # Never back, or the id of the next message is one that the queue has seen.
        order = max(told, (item.generation, item.copy))
        cells = self._told(item_outcome, outcome.kind, order)
        cells["first_seen_at"] = known["first_seen_at"] if known is not None else self._now
        self._new[key] = cells
        self._tell_object(item_outcome, order, is_new=known is None)

    def reopen(self, key: str, outcome: Outcome) -> None:
        """Put a resolved object back among the parked ones."""
        cells = self._cells(f"{OBJECT}{key}")
        if cells is not None and _status(cells) is Kind.RESOLVED:
            self._new[f"{OBJECT}{key}"] = {**cells, **_words(outcome), "updated_at": self._now}

    def _tell_object(
        self, item_outcome: ItemOutcome, order: tuple[int, int], *, is_new: bool
    ) -> None:
        item, outcome = item_outcome.item, item_outcome.outcome
        key = f"{OBJECT}{key_of(item, outcome.cause)}"
        plain = f"{OBJECT}{item.object}"
        event = [(item.id, _reason(item))] if is_new else []
        if _is_resolution(item_outcome) and (key == plain or item.kind in FOLDED):
            self._resolve(plain, item_outcome, event)
            return
        if item.kind in FOLDED and self._is_open(plain, outcome):
            self._fold(key, plain, (Kind.RETRY, *OPEN, Kind.RESOLVED))
            self._note(plain, event, len(event))
            return
        if item.is_command and outcome.kind in SETTLED:
            self._settle(plain, outcome)
        self._set(key, item_outcome, outcome.kind, order, event)
        for sibling in _siblings(item) if key == plain and outcome.kind in OPEN else ():
            if self._is_open(sibling, outcome):
                self._fold(sibling, plain)

    def _resolve(self, plain: str, item_outcome: ItemOutcome, event: list[tuple[str, str]]) -> None:
        """The object is resolved, and with it what timers asked of it."""
        known = self._cells(plain)
        if known is not None and _status(known) is Kind.RESOLVED:
            self._note(plain, event, len(event))
        else:
            item = item_outcome.item
            if item.is_command:
                item = Item(item.object, "", item.entity, item.object, account=item.account)
                if known is not None:
                    item = item_of(Row("", "", known, ""))
            order = max(_order(known), (item.generation, item.copy))
            self._set(plain, ItemOutcome(item, item_outcome.outcome), Kind.RESOLVED, order, event)
        for sibling in _siblings(item_outcome.item):
            self._fold(sibling, plain)

    def _set(
        self,
        key: str,
        item_outcome: ItemOutcome,
        kind: Kind,
        order: tuple[int, int],
        event: list[tuple[str, str]],
    ) -> None:
        known = self._cells(key)
        old = _status(known) if known is not None else None
        if known is not None and old is Kind.RESOLVED:  # until a person reopens it
            self._note(key, event, len(event))
            return
        cells = self._told(item_outcome, kind, order)
        begun = known is None or (old in SETTLED and kind not in SETTLED)
        cells["first_seen_at"] = self._now if begun or known is None else known["first_seen_at"]
        kept = [] if begun or known is None else events_of(known)
        cells["events"] = _events(
            [*kept, *event] or [(item_outcome.item.id, _reason(item_outcome.item))]
        )
        count = 0 if begun or known is None else int(str(known["event_count"]))
        cells["event_count"] = max(count + len(event), 1)
        if known is not None and kind is Kind.RESOLVED and old in (*OPEN, Kind.RETRY):
            cells |= {name: known[name] for name in ("cause", "amount_minor", "currency")}
        self._new[key] = cells

    def _is_open(self, key: str, outcome: Outcome) -> bool:
        """True when a row is listed for the very cause of an outcome."""
        cells = self._cells(key)
        if cells is None or outcome.kind not in OPEN:
            return False
        return _status(cells) is outcome.kind and cells["cause"] == outcome.cause

    def _settle(self, key: str, outcome: Outcome) -> None:
        cells = self._cells(key)
        if cells is not None and _status(cells) in OPEN:
            words = {**_words(outcome), "status": outcome.kind.value}
            self._new[key] = {**cells, **words, "updated_at": self._now}

    def _fold(self, key: str, into: str, kinds: Collection[Kind] = (*OPEN, Kind.RESOLVED)) -> None:
        """Take the row of a command out; its object's row stands for both. One that is to be
        retried stays, unless this is how its last attempt ended."""
        cells = self._cells(key)
        if key != into and cells is not None and _status(cells) in kinds:
            self._note(into, events_of(cells), int(str(cells["event_count"])))
            self._new[key] = None

    def _note(self, key: str, events: Iterable[tuple[str, str]], count: int) -> None:
        """Add events to a row. One that is not there yet is told of by the outcome itself."""
        cells = self._cells(key)
        if cells is not None:
            self._new[key] = {
                **cells,
                "events": _events([*events_of(cells), *events]),
                "event_count": int(str(cells["event_count"])) + count,
                "updated_at": self._now,
            }

    def _told(
        self, item_outcome: ItemOutcome, kind: Kind, order: tuple[int, int]
    ) -> dict[str, Cell]:
        item, delay_seconds = item_outcome.item, item_outcome.outcome.delay_seconds
        due: dict[str, Cell] = {}
        if kind is Kind.RETRY and delay_seconds is not None:
            due["due_at"] = self._now + timedelta(seconds=delay_seconds)
        return {
            **_words(item_outcome.outcome),
            **due,
            "status": kind.value,
            "id": item.id,
            "type": item.type,
            "kind": item.kind.value,
            "entity": item.entity,
            "object": item.object,
            "account": item.account,
            "generation": order[0],
            "copy": order[1],
            "attempt": item.attempt,
            "updated_at": self._now,
        }

    def _cells(self, key: str) -> Mapping[str, Cell] | None:
        if key in self._new:
            return self._new[key]
        row = self._found[key]
        return row.cells if row is not None else None

    def operations(self) -> list[Operation]:
        """What changes the rows, and the places of objects in the lists."""
        made: list[Operation] = []
        for key, cells in self._new.items():
            row = self._found[key]
            if cells is None:
                made += [Delete(key, row.etag)] if row is not None else []
            else:
                made.append(Insert(key, cells) if row is None else Replace(key, cells, row.etag))
            if key.startswith(OBJECT):
                made += _moves(key.removeprefix(OBJECT), row, cells)
        return made

    def counted(self) -> dict[Kind, int]:
        """By how much the counters change."""
        changes = dict.fromkeys(COUNTED, 0)
        for key, cells in self._new.items():
            if not key.startswith(OBJECT):
                continue
            row = self._found[key]
            old = _status(row.cells) if row is not None else None
            new = _status(cells) if cells is not None else None
            if old in changes:
                changes[old] -= 1
            if new in changes:
                changes[new] += 1
        return changes

    def parked(self) -> list[tuple[Mapping[str, Cell], int]]:
        """The cells of objects that leave the parked ones (-1) and that come to them (+1)."""
        changes: list[tuple[Mapping[str, Cell], int]] = []
        for key, cells in self._new.items():
            if key.startswith(OBJECT):
                row = self._found[key]
                old = row.cells if row is not None else None
                changes += [
                    (each, sign)
                    for each, sign in ((old, -1), (cells, 1))
                    if each is not None and _status(each) is Kind.PARK
                ]
        return changes


def _moves(key: str, row: Row | None, cells: dict[str, Cell] | None) -> list[Operation]:
    old = _status(row.cells) if row is not None else None
    new = _status(cells) if cells is not None else None
    made: list[Operation] = []
    if old in LISTED and old is not new:
        made.append(Delete(f"{old.value}~{key}"))
    if new in LISTED and cells is not None:
        made.append(Put(f"{new.value}~{key}", cells))
    return made


def _is_resolution(item_outcome: ItemOutcome) -> bool:
    """A person resolved the item, or it was skipped because its object is resolved."""
    outcome = item_outcome.outcome
    if outcome.kind is Kind.RESOLVED:
        return True
    is_skip = outcome.kind is Kind.SKIP and outcome.cause == RESOLVED_CAUSE
    return is_skip and item_outcome.item.kind is not ItemKind.REAPPLY


def _reason(item: Item) -> str:
    """Why an object was converged: the event type, or the command; empty for neither."""
    return item.kind.value if item.is_command else item.type


def _words(outcome: Outcome) -> dict[str, Cell]:
    return {
        "status": outcome.kind.value,
        "cause": outcome.cause,
        "text": outcome.text[:TEXT_CHARS_MAX],
        "remedy": outcome.remedy,
        "evidence": outcome.evidence,
        "amount_minor": outcome.amount_minor,
        "currency": outcome.currency,
    }


def _events(events: list[tuple[str, str]]) -> str:
    newest = list({id: (id, type) for id, type in events}.values())[-EVENTS_KEPT:]
    return json.dumps(newest, separators=(",", ":"))


def _status(cells: Mapping[str, Cell]) -> Kind:
    return Kind(str(cells["status"]))


def _order(cells: Mapping[str, Cell] | None) -> tuple[int, int]:
    """Generation and copy of the latest outcome that a row tells of."""
    if cells is None:
        return 0, 0
    return int(str(cells["generation"])), int(str(cells.get("copy", 0)))

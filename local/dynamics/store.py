"""The records of the peer, with an undo log that makes a changeset all or nothing."""

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from local.dynamics.schema import COMPANY, EntitySet, Schema
from local.dynamics.values import Stored, fold

RECORD_ID_FIRST = 5637144576  # where a fresh F&O database begins to count
SEQUENCE_DIGITS = 6

GROUPS: Mapping[str, tuple[str, str]] = {
    "CustomerPaymentJournalLines": (COMPANY, "JournalBatchNumber"),
    "LedgerJournalLines": (COMPANY, "JournalBatchNumber"),
    "ExchangeRates": ("FromCurrency", "ToCurrency"),
    "FiscalPeriods": ("Calendar", "FiscalYear"),
}
"""Sets whose records are also kept by a part of their key, such as the lines of a journal."""

type Key = tuple[Stored, ...]
type Fields = dict[str, Any]


@dataclass(slots=True)
class Row:
    """One record: every property of its set, its RecId and the version its ETag shows."""

    fields: Fields
    record_id: int
    version: int = 1

    @property
    def etag(self) -> str:
        """Weak tag over version and RecId, in the form F&O sends."""
        raw = f"'{self.version},{self.record_id}'".encode()
        return f'W/"{base64.b64encode(raw).decode()}"'


@dataclass(slots=True)
class Store:
    """All records by entity set and key, and the number sequences."""

    schema: Schema
    _tables: dict[str, dict[Key, Row]] = field(default_factory=dict)
    _groups: dict[str, dict[Key, dict[Key, Row]]] = field(default_factory=dict)
    _sequences: dict[str, int] = field(default_factory=dict)
    _record_id: int = RECORD_ID_FIRST
    _undo: list[Callable[[], None]] | None = None

    def table(self, entity_set: str) -> dict[Key, Row]:
        """The records of a set, in the order they were created."""
        return self._tables.setdefault(entity_set, {})

    def key_of(self, entity_set: EntitySet, fields: Mapping[str, Stored]) -> Key:
        """The key of a record, as comparisons fold it."""
        return tuple(fold(fields[name]) for name in entity_set.key)

    def find(self, entity_set: str, *key: Stored) -> Row | None:
        """The record of a key (its values in the order of the set's key), or None."""
        return self.table(entity_set).get(tuple(fold(part) for part in key))

    def of_company(self, entity_set: str, company: str) -> Iterator[Row]:
        """The records of one company."""
        folded = company.casefold()
        for row in self.table(entity_set).values():
            if row.fields[COMPANY].casefold() == folded:
                yield row

    def group(self, entity_set: str, *values: Stored) -> dict[Key, Row]:
        """The records of a set in `GROUPS` that share these values."""
        groups = self._groups.setdefault(entity_set, {})
        return groups.setdefault(tuple(fold(value) for value in values), {})

    def next_number(self, sequence: str) -> int:
        """The next of a number sequence. Numbers are not given back: sequences have gaps."""
        self._sequences[sequence] = self._sequences.get(sequence, 0) + 1
        return self._sequences[sequence]

    def next_record_id(self) -> int:
        """A fresh RecId."""
        self._record_id += 1
        return self._record_id

    def insert(self, entity_set: EntitySet, fields: Fields) -> Row:
        """Add a record; its key must be free (rules check that and say it in F&O's words)."""
        key = self.key_of(entity_set, fields)
        if key in self.table(entity_set.name):
            raise KeyError(f"{entity_set.name} has a record {key}")
        row = Row(fields, self.next_record_id())
        homes = self._homes(entity_set, fields)
        for home in homes:
            home[key] = row

        def undo() -> None:
            for home in homes:
                del home[key]

        self._log(undo)
        return row

    def update(self, row: Row, changes: Mapping[str, Stored]) -> None:
        """Change fields that are not key, and the version with them."""
        before = {name: row.fields[name] for name in changes}
        row.fields.update(changes)
        row.version += 1

        def undo() -> None:
            row.fields.update(before)
            row.version -= 1

        self._log(undo)

    def delete(self, entity_set: EntitySet, row: Row) -> None:
        """Remove a record."""
        key = self.key_of(entity_set, row.fields)
        homes = self._homes(entity_set, row.fields)
        for home in homes:
            del home[key]

        def undo() -> None:
            for home in homes:
                home[key] = row
                ordered = sorted(home.items(), key=lambda item: item[1].record_id)
                home.clear()
                home.update(ordered)

        self._log(undo)

    def _homes(self, entity_set: EntitySet, fields: Fields) -> list[dict[Key, Row]]:
        homes = [self.table(entity_set.name)]
        if entity_set.name in GROUPS:
            values = (fields[name] for name in GROUPS[entity_set.name])
            homes.append(self.group(entity_set.name, *values))
        return homes

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes inside are undone when the block raises. Does not nest."""
        if self._undo is not None:
            raise RuntimeError("a transaction is open already")
        self._undo = []
        try:
            yield
        except BaseException:
            for step in reversed(self._undo):
                step()
            raise
        finally:
            self._undo = None

    def _log(self, step: Callable[[], None]) -> None:
        if self._undo is not None:
            self._undo.append(step)


def numbered(prefix: str, number: int) -> str:
    """A number in the format of this tenant's sequences: `USMF-000012`."""
    return f"{prefix}-{number:0{SEQUENCE_DIGITS}d}"

"""The records of the peer, with an undo log that makes a changeset all or nothing."""

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import Any

from local.dynamics.odata.schema import COMPANY, EntitySetSchema, Schema
from local.dynamics.odata.values import Stored, fold

RECORD_ID_FIRST = 5637144576  # where a fresh F&O database begins to count
SEQUENCE_DIGITS = 6

CHOICES_MAX = 500  # combinations of values that a look-up tries before it reads the whole set

LINES_OF_JOURNAL = ((COMPANY, "JournalBatchNumber"), ("PaymentId",))
GROUPS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "CustomersV3": (("StripeCustomerId_Custom",), ("PrimaryContactEmail",), ("NameAlias",)),
    "CustomerPaymentJournalHeaders": (("Description",),),
    "CustomerPaymentJournalLines": LINES_OF_JOURNAL,
    "LedgerJournalHeaders": (("Description",),),
    "VendInvoiceJournalHeaders": (("Description",),),
    "VendInvoiceJournalLines": ((COMPANY, "JournalBatchNumber"), ("PaymId",)),
    "VendorPaymentJournalHeaders": (("Description",),),
    "VendorPaymentJournalLines": LINES_OF_JOURNAL,
    "LedgerJournalLines": LINES_OF_JOURNAL,
    "GeneralJournalAccountEntries": (("PaymentReference",), ("MainAccountId",)),
    "ExchangeRates": (("FromCurrency", "ToCurrency"),),
    "FiscalPeriods": (("Calendar", "FiscalYear"),),
    "SalesOrderHeadersV2": (("CustomersOrderReference",),),
    "SalesOrderLinesV3": ((COMPANY, "SalesOrderNumber"),),
    "SalesInvoiceHeadersV2": (
        ("SalesOrderNumber",),
        ("CustomersOrderReference",),
        ("InvoiceNumber",),
    ),
    "ReturnOrderHeadersV2": (("CustomersOrderReference",),),
    "ReturnOrderLinesV2": ((COMPANY, "ReturnOrderNumber"),),
    "CDSFreeTextInvoiceLines": ((COMPANY, "ExternalInvoiceId"),),
    "FreeTextInvoiceHeaders": ((COMPANY, "ExternalInvoiceId"),),
    "FreeTextInvoiceLines": ((COMPANY, "ExternalInvoiceId"),),
    "OpenTradeAgreementJournalHeadersV2": (("JournalDescription",),),
    "OpenSalesPriceJournalLinesV2": ((COMPANY, "TradeAgreementJournalNumber"), ("ItemNumber",)),
    "TaxGroupDatas": ((COMPANY, "TaxGroupId"),),
    "TaxItemGroups": ((COMPANY, "TaxItemGroupCode"),),
    "SalesPriceAgreements": (("ItemNumber",),),
}
"""Properties by which the records of a set are found without reading all of them. Of lines, the
first names their header."""

type Key = tuple[Stored, ...]
type Fields = dict[str, Any]


@dataclass(slots=True)
class StoredRow:
    """One record: every property of its set, its RecId and the version its ETag shows."""

    entity_set: EntitySetSchema
    fields: Fields
    record_id: int
    version: int = 1

    @property
    def etag(self) -> str:
        """Weak tag over version and RecId, in the form F&O sends."""
        raw = f"'{self.version},{self.record_id}'".encode()
        return f'W/"{base64.b64encode(raw).decode()}"'


@dataclass(slots=True)
class RecordStore:
    """All records by entity set and key, and the number sequences."""

    schema: Schema
    _tables: dict[str, dict[Key, StoredRow]] = field(default_factory=dict)
    _groups: dict[tuple[str, ...], dict[Key, dict[Key, StoredRow]]] = field(default_factory=dict)
    _sequences: dict[str, int] = field(default_factory=dict)
    _record_id: int = RECORD_ID_FIRST
    _undo: list[Callable[[], None]] | None = None

    def table(self, entity_set: str) -> dict[Key, StoredRow]:
        """The records of a set, in the order they were created."""
        return self._tables.setdefault(entity_set, {})

    def key_of(self, entity_set: EntitySetSchema, fields: Mapping[str, Stored]) -> Key:
        """The key of a record, as comparisons fold it."""
        return tuple(fold(fields[name]) for name in entity_set.key)

    def find(self, entity_set: str, *key: Stored) -> StoredRow | None:
        """The record of a key (its values in the order of the set's key), or None."""
        return self.table(entity_set).get(tuple(fold(part) for part in key))

    def of_company(self, entity_set: str, company: str) -> Iterator[StoredRow]:
        """The records of one company."""
        folded = company.casefold()
        for row in self.table(entity_set).values():
            if row.fields[COMPANY].casefold() == folded:
                yield row

    def group(self, entity_set: str, *values: Stored) -> Mapping[Key, StoredRow]:
        """The records of a set in `GROUPS` that share these values of its first properties, in
        the order they were created."""
        return self._group(entity_set, GROUPS[entity_set][0], values)

    def _group(
        self, entity_set: str, names: tuple[str, ...], values: Iterable[Stored]
    ) -> Mapping[Key, StoredRow]:
        groups = self._groups.get((entity_set, *names), {})
        return groups.get(tuple(fold(value) for value in values), {})

    def candidates(
        self, entity_set: EntitySetSchema, among: Mapping[str, tuple[Stored, ...]]
    ) -> Iterable[StoredRow]:
        """Records in the order they were created, among them all whose properties have one of
        the given values each; as few as the indexes of the set allow."""
        best: list[StoredRow] | None = None
        for names in (entity_set.key, *GROUPS.get(entity_set.name, ())):
            values = [dict.fromkeys(map(fold, among[n])) for n in names if n in among]
            if len(values) < len(names) or prod(map(len, values)) > CHOICES_MAX:
                continue
            rows: list[StoredRow] = []
            for choice in product(*values):
                if names == entity_set.key:
                    row = self.table(entity_set.name).get(choice)
                    rows += [] if row is None else [row]
                else:
                    rows += self._group(entity_set.name, names, choice).values()
            if best is None or len(rows) < len(best):
                best = rows
        if best is None:
            return self.table(entity_set.name).values()
        return sorted(best, key=lambda row: row.record_id)

    def next_number(self, sequence: str) -> int:
        """The next of a number sequence. Numbers are not given back: sequences have gaps."""
        self._sequences[sequence] = self._sequences.get(sequence, 0) + 1
        return self._sequences[sequence]

    def next_record_id(self) -> int:
        """A fresh RecId."""
        self._record_id += 1
        return self._record_id

    def insert(self, entity_set: EntitySetSchema, fields: Fields) -> StoredRow:
        """Add a record; its key must be free (rules check that and say it in F&O's words)."""
        key = self.key_of(entity_set, fields)
        if key in self.table(entity_set.name):
            raise KeyError(f"{entity_set.name} has a record {key}")
        row = StoredRow(entity_set, fields, self.next_record_id())
        homes = self._homes(row)
        for home in homes:
            home[key] = row

        def undo() -> None:
            for home in homes:
                del home[key]

        self._log(undo)
        return row

    def update(self, row: StoredRow, changes: Mapping[str, Stored]) -> None:
        """Change fields that are not key, and the version with them."""
        before = {name: row.fields[name] for name in changes}
        self._change(row, changes)
        row.version += 1

        def undo() -> None:
            self._change(row, before)
            row.version -= 1

        self._log(undo)

    def _change(self, row: StoredRow, changes: Mapping[str, Stored]) -> None:
        name = row.entity_set.name
        moving = [
            names
            for names in GROUPS.get(name, ())
            if any(n in changes and fold(changes[n]) != fold(row.fields[n]) for n in names)
        ]
        if not moving:
            row.fields.update(changes)
            return
        key = self.key_of(row.entity_set, row.fields)
        for names in moving:
            del self._home(name, names, row.fields)[key]
        row.fields.update(changes)
        for names in moving:
            _put_back(self._home(name, names, row.fields), key, row)

    def delete(self, entity_set: EntitySetSchema, row: StoredRow) -> None:
        """Remove a record."""
        key = self.key_of(entity_set, row.fields)
        homes = self._homes(row)
        for home in homes:
            del home[key]

        def undo() -> None:
            for home in homes:
                _put_back(home, key, row)

        self._log(undo)

    def _homes(self, row: StoredRow) -> list[dict[Key, StoredRow]]:
        name = row.entity_set.name
        groups = GROUPS.get(name, ())
        return [self.table(name), *(self._home(name, names, row.fields) for names in groups)]

    def _home(self, name: str, names: tuple[str, ...], fields: Fields) -> dict[Key, StoredRow]:
        groups = self._groups.setdefault((name, *names), {})
        return groups.setdefault(tuple(fold(fields[each]) for each in names), {})

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


def _put_back(home: dict[Key, StoredRow], key: Key, row: StoredRow) -> None:
    """Add a record that is older than others at its place: the order is that of creation."""
    last = next(reversed(home.values()), None)
    home[key] = row
    if last is not None and last.record_id > row.record_id:
        ordered = sorted(home.items(), key=lambda item: item[1].record_id)
        home.clear()
        home.update(ordered)


def numbered(prefix: str, number: int) -> str:
    """A number in the format of this tenant's sequences: `USMF-000012`."""
    return f"{prefix}-{number:0{SEQUENCE_DIGITS}d}"

"""The fees that wait for Stripe's tax document, and the documents. Table `fees`, partition
`<month>`.

Rows: the key of a line (a fee that counts in the month), `document~<id>` (a tax document that a
person confirmed: never changed or deleted), `first~<company>~<currency>` (its first document, which
says what was accrued by kind: there is one), `later~<key>` (a fee of the month that was booked when
it had its document already, and counts in a later month). A line is in the month of its accounting
date, so what belongs to a document is one partition.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched

from shared.domain.journal import Role
from shared.domain.posting import is_disputed
from shared.entities.common.journal_lines import JournalLine
from shared.entities.common.origin import GROSS
from shared.ports import Cell, Insert, Json, Put, Row, Tables
from shared.stores.paging import rows

TABLE = "fees"
DOCUMENT, FIRST, LATER = "document~", "first~", "later~"
FEE = "fee"
WRITTEN_AT_ONCE = 50

type Place = tuple[str, str]
"""Company and currency."""


@dataclass(frozen=True, slots=True)
class AccruedFees:
    """What was accrued of a kind in a company and currency in a month, in minor units."""

    company: str
    currency: str
    kind: str
    amount_minor: int
    lines: int


@dataclass(frozen=True, slots=True)
class FeeDocument:
    """A tax document of Stripe as a person confirmed it. Amounts in minor units: `total_minor` with
    the tax that Stripe charged, `tax_minor`; `kinds`: what was accrued by kind at that moment.
    `date`: of the document; `post_on`: the accounting date; both as `2026-10-31`."""

    id: str
    month: str
    company: str
    currency: str
    number: str
    date: str
    post_on: str
    total_minor: int
    tax_minor: int
    kinds: Mapping[str, int]
    who: str
    why: str
    at: datetime

    @property
    def said(self) -> tuple[object, ...]:
        """What a second confirmation must repeat."""
        return self.date, self.post_on, self.total_minor, self.tax_minor


@dataclass(frozen=True, slots=True)
class FeeDifference:
    """What stands on `fees_accrued` of a month in a company and currency with documents: accrued
    less their totals. `later_minor`: of what was booked too late for them, not in it."""

    company: str
    currency: str
    accrued_minor: int
    documents_minor: int
    difference_minor: int
    later_minor: int


@dataclass(frozen=True, slots=True)
class FeeMonth:
    """The fees of a month, its documents, and what they differ by."""

    month: str
    fees: tuple[AccruedFees, ...]
    documents: tuple[FeeDocument, ...]
    later: Mapping[Place, int]

    @property
    def differences(self) -> tuple[FeeDifference, ...]:
        """For each company and currency that has a document."""
        places = dict.fromkeys((each.company, each.currency) for each in self.documents)
        return tuple(self._difference(*place) for place in places)

    def accrued(self, company: str, currency: str) -> dict[str, int]:
        """What was accrued by kind."""
        place = company, currency
        return {
            each.kind: each.amount_minor
            for each in self.fees
            if (each.company, each.currency) == place
        }

    def confirmed(self, company: str, currency: str) -> int:
        """What the documents come to, in minor units."""
        place = company, currency
        return sum(
            each.total_minor for each in self.documents if (each.company, each.currency) == place
        )

    def _difference(self, company: str, currency: str) -> FeeDifference:
        place = company, currency
        accrued = sum(self.accrued(*place).values())
        total = self.confirmed(*place)
        later = self.later.get(place, 0)
        return FeeDifference(company, currency, accrued, total, accrued - total, later)


def is_accrued(line: object) -> bool:
    """Whether a document is a line on `fees_accrued`."""
    return isinstance(line, JournalLine) and line.account.role is Role.FEES_ACCRUED


def _kind(line: JournalLine) -> str:
    """What the fee is for: a part of a transaction, or a transaction of its own."""
    # A correction is of the kind of the line that it corrects.
    part, category = line.role.partition(":")[0], line.category.rpartition(" of ")[2]
    if part == FEE and is_disputed(category):
        return "dispute_fee"
    return category if part == GROSS else part


def next_month(month: str) -> str:
    """The month after one: `2027-01` after `2026-12`."""
    year, number = int(month[:4]), int(month[5:])
    return f"{year + number // 12:04}-{number % 12 + 1:02}"


async def note(tables: Tables, lines: Sequence[JournalLine]) -> None:
    """Put lines that are written on the list; doing it twice changes nothing."""
    known: dict[tuple[str, Place], bool] = {}
    months: dict[str, list[Put]] = {}
    for line in lines:
        cells: dict[str, Cell] = {
            "company": line.company,
            "currency": line.amount.currency,
            "kind": _kind(line),
            "amount_minor": line.amount.minor,
        }
        own = line.date.isoformat()[:7]
        month = await _month_of(tables, known, line, own)
        if month != own:
            months.setdefault(own, []).append(Put(LATER + line.key, {**cells, "month": month}))
        months.setdefault(month, []).append(Put(line.key, cells))
    for month, operations in months.items():
        for part in batched(operations, WRITTEN_AT_ONCE, strict=False):
            await tables.transact(TABLE, month, list(part))


async def _month_of(
    tables: Tables, known: dict[tuple[str, Place], bool], line: JournalLine, own: str
) -> str:
    """The month that a line counts in: its own, or the first one after it without a document, if
    it was not on the list when the document of its own was confirmed."""
    place = line.company, line.amount.currency
    month = own
    while await _has_document(tables, known, month, place):
        if await tables.get(TABLE, month, line.key) is not None:
            return month
        month = next_month(month)
    return month


async def _has_document(
    tables: Tables, known: dict[tuple[str, Place], bool], month: str, place: Place
) -> bool:
    if (month, place) not in known:
        stored = [_document(row) async for row in rows(tables, TABLE, month, DOCUMENT)]
        known[month, place] = any((each.company, each.currency) == place for each in stored)
    return known[month, place]


async def confirm(tables: Tables, document: FeeDocument) -> None:
    """Store a document. Raises `TableConflict` where it is stored already, or another one with
    `kinds`: two that are confirmed at once would both move what was accrued by kind."""
    cells: dict[str, Cell] = {
        "company": document.company,
        "currency": document.currency,
        "number": document.number,
        "date": document.date,
        "post_on": document.post_on,
        "total_minor": document.total_minor,
        "tax_minor": document.tax_minor,
        "kinds": json.dumps(dict(document.kinds)),
        "who": document.who,
        "why": document.why,
        "at": document.at,
    }
    operations = [Insert(DOCUMENT + document.id, cells)]
    if document.kinds:
        first = f"{FIRST}{document.company}~{document.currency}"
        operations.append(Insert(first, {"document": document.id}))
    await tables.transact(TABLE, document.month, operations)


def _document(row: Row) -> FeeDocument:
    cells = row.cells
    at = cells["at"]
    if not isinstance(at, datetime):
        raise TypeError(f"{row.partition} {row.row} has no time")
    return FeeDocument(
        id=row.row.removeprefix(DOCUMENT),
        month=row.partition,
        **{
            name: str(cells[name])
            for name in ("company", "currency", "number", "date", "post_on", "who", "why")
        },
        total_minor=int(str(cells["total_minor"])),
        tax_minor=int(str(cells["tax_minor"])),
        kinds=json.loads(str(cells["kinds"])),
        at=at,
    )


async def confirmed(tables: Tables, id: str) -> Json | None:
    """A confirmed document as the object that converge reads; None for one that nobody confirmed.
    `amount` is its total."""
    month = id.split("_", maxsplit=2)[1]
    row = await tables.get(TABLE, month, DOCUMENT + id)
    if row is None:
        return None
    found = _document(row)
    return {
        "id": id,
        "object": "fee_invoice",
        "month": found.month,
        "company": found.company,
        "currency": found.currency,
        "number": found.number,
        "date": found.date,
        "post_on": found.post_on,
        "amount": found.total_minor,
        "tax": found.tax_minor,
        "kinds": dict(found.kinds),
    }


class FeeList:
    """The list, for people. Time grows with the lines of a month, memory with its kinds."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def of(self, month: str) -> FeeMonth:
        """What was accrued in a month (`2026-10`), by company, currency and kind, and its
        documents."""
        sums: dict[tuple[str, str, str], tuple[int, int]] = {}
        later: dict[Place, int] = {}
        documents: list[FeeDocument] = []
        async for row in rows(self._tables, TABLE, month):
            if row.row.startswith(DOCUMENT):
                documents.append(_document(row))
                continue
            if row.row.startswith(FIRST):
                continue
            cells = row.cells
            company, currency = str(cells["company"]), str(cells["currency"])
            amount = int(str(cells["amount_minor"]))
            if row.row.startswith(LATER):
                later[company, currency] = later.get((company, currency), 0) + amount
                continue
            place = company, currency, str(cells["kind"])
            minor, lines = sums.get(place, (0, 0))
            sums[place] = minor + amount, lines + 1
        fees = tuple(AccruedFees(*place, *sums[place]) for place in sorted(sums))
        return FeeMonth(month, fees, tuple(documents), later)

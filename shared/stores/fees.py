"""The fees that wait for Stripe's tax document. Table `fees`, partition `<month>`, a row a line.

A line is in the month of its accounting date, so what belongs to a document is one partition.
"""

from dataclasses import dataclass

from shared.domain.journal import Role
from shared.domain.posting import is_disputed
from shared.entities.common.journal_lines import JournalLine
from shared.entities.common.origin import GROSS
from shared.ports import Cell, Operation, Put, Tables
from shared.stores.paging import rows

TABLE = "fees"
FEE = "fee"


@dataclass(frozen=True, slots=True)
class AccruedFees:
    """What was accrued of a kind in a company and currency in a month, in minor units."""

    company: str
    currency: str
    kind: str
    amount_minor: int
    lines: int


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


async def note(tables: Tables, lines: list[JournalLine]) -> None:
    """Put lines that are written on the list; doing it twice changes nothing."""
    months: dict[str, list[Operation]] = {}
    for line in lines:
        cells: dict[str, Cell] = {
            "company": line.company,
            "currency": line.amount.currency,
            "kind": _kind(line),
            "amount_minor": line.amount.minor,
        }
        months.setdefault(line.period, []).append(Put(line.key, cells))
    for month, operations in months.items():
        await tables.transact(TABLE, month, operations)


class FeeList:
    """The list, for people. Time grows with the lines of a month, memory with its kinds."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def of(self, month: str) -> list[AccruedFees]:
        """What was accrued in a month (`2026-10`), by company, currency and kind."""
        sums: dict[tuple[str, str, str], tuple[int, int]] = {}
        async for row in rows(self._tables, TABLE, month):
            cells = row.cells
            place = str(cells["company"]), str(cells["currency"]), str(cells["kind"])
            minor, lines = sums.get(place, (0, 0))
            sums[place] = minor + int(str(cells["amount_minor"])), lines + 1
        return [AccruedFees(*place, *sums[place]) for place in sorted(sums)]

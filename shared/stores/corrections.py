"""What people ordered about written lines, in the tables `links` and `corrections`.

`links`: partition = object id, row `correction~<role>` by the role of the line that it writes
first; stored under the object's claim, never changed or deleted but for the reason, which the
erasure of a customer takes out. `corrections`: partition `listed`, a row an object that may have
one, so that the proof finds them.
"""

from collections.abc import AsyncIterator, Iterable
from datetime import date, datetime

from shared.domain.corrections import Correction, CorrectionKind
from shared.domain.journal import Role
from shared.domain.money import Money
from shared.ports import Cell, Operation, Put, Row, Tables
from shared.stores.paging import rows

PREFIX = "correction~"
TABLE, LISTED = "corrections", "listed"


def ordering(correction: Correction) -> Operation:
    """What stores a correction with its object."""
    cells: dict[str, Cell] = {
        "id": correction.id,
        "kind": correction.kind.value,
        "company": correction.company,
        "amount_minor": correction.amount.minor,
        "currency": correction.amount.currency,
        "date": correction.date.isoformat(),
        "who": correction.who,
        "why": correction.why,
        "at": correction.at,
        "line": correction.line,
        "to": "" if correction.to is None else correction.to.value,
        "replaces": correction.replaces,
    }
    return Put(PREFIX + correction.role, cells)


def corrections_in(stored: Iterable[Row]) -> tuple[Correction, ...]:
    """The corrections among the rows of an object."""
    return tuple(_correction_of(row) for row in stored if row.row.startswith(PREFIX))


def _correction_of(row: Row) -> Correction:
    cells = row.cells
    at = cells["at"]
    if not isinstance(at, datetime):
        raise TypeError(f"{row.partition} {row.row} has no time")
    return Correction(
        id=str(cells["id"]),
        kind=CorrectionKind(str(cells["kind"])),
        company=str(cells["company"]),
        amount=Money(int(str(cells["amount_minor"])), str(cells["currency"])),
        date=date.fromisoformat(str(cells["date"])),
        who=str(cells["who"]),
        why=str(cells["why"]),
        at=at,
        line=str(cells["line"]),
        to=Role(str(cells["to"])) if cells["to"] else None,
        replaces=cells["replaces"] is True,
    )


async def note(tables: Tables, id: str, at: datetime) -> None:
    """Put an object on the list, before its correction is stored."""
    await tables.transact(TABLE, LISTED, [Put(id, {"at": at})])


async def listed(tables: Tables) -> AsyncIterator[str]:
    """The objects that may have corrections. Memory does not grow with their number."""
    async for row in rows(tables, TABLE, LISTED):
        yield row.row

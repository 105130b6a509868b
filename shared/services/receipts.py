"""The list of receipts that somebody may want to know of. Table `receipts`, partition `listed`.

Over-payments and second payments are booked on account; unapplied receipts wait for their invoice.
All of these are booked: nothing here needs doing, but a controller wants to see them.
"""

from collections.abc import AsyncIterator
from datetime import datetime

from shared.documents.common import Listed
from shared.documents.receipts import APPLIED
from shared.ports import Cell, Put, Row, Tables
from shared.services.paging import rows

TABLE, LISTED = "receipts", "listed"


async def note(tables: Tables, transaction: str, listed: Listed, at: datetime) -> None:
    """Put a receipt on the list, or say what became of it."""
    cells: dict[str, Cell] = {
        "kind": listed.kind,
        "company": listed.company,
        "invoice": listed.invoice,
        "amount_minor": listed.amount_minor,
        "currency": listed.currency,
        "at": at,
    }
    await tables.transact(TABLE, LISTED, [Put(transaction, cells)])


async def listed(tables: Tables) -> AsyncIterator[Row]:
    """The receipts on the list, by transaction; those that were applied since are left out."""
    async for row in rows(tables, TABLE, LISTED, ""):
        if row.cells["kind"] != APPLIED:
            yield row

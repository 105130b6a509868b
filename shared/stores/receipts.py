"""The receipts that no invoice took, wholly or in part. Table `receipts`, partition `listed`.

Over-payments and second payments are booked on account; unapplied receipts wait for their invoice.
All of these are booked; the list is for the controller.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from shared.entities.charge.making import APPLIED
from shared.entities.common.objects import Listed
from shared.ports import Cell, Put, Row, Tables
from shared.stores.paging import rows

TABLE, LISTED = "receipts", "listed"
LISTED_MAX = 1_000  # shown at once


@dataclass(frozen=True, slots=True)
class Listing:
    """A receipt on the list. `kind`: `unapplied`, `over_payment`, `second_payment`; `amount_minor`:
    what no invoice took; `invoice`: the one it was paid for; `at`: since when."""

    transaction: str
    kind: str
    company: str
    invoice: str
    amount_minor: int
    currency: str
    at: str


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
    async for row in rows(tables, TABLE, LISTED):
        if row.cells["kind"] != APPLIED:
            yield row


class ReceiptList:
    """The list, for people. Memory is bounded by `LISTED_MAX`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def page(self) -> tuple[list[Listing], int]:
        """The first `LISTED_MAX` receipts on the list, and how many more there are."""
        listings: list[Listing] = []
        more = 0
        async for row in listed(self._tables):
            if len(listings) == LISTED_MAX:
                more += 1
                continue
            cells = row.cells
            listings.append(
                Listing(
                    row.row,
                    str(cells["kind"]),
                    str(cells["company"]),
                    str(cells["invoice"]),
                    int(str(cells["amount_minor"])),
                    str(cells["currency"]),
                    str(cells["at"]),
                )
            )
        return listings, more

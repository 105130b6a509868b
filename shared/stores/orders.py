"""What people ordered and is not known to be written: announced before it is stored, so that an
order whose message was lost is found.

Table `orders`: partition = entity, row = object id, cell `at`: when it was ordered last.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from shared.ports import Delete, Put, Tables
from shared.stores.paging import rows

TABLE = "orders"
PATIENCE = timedelta(hours=1)
"""A younger order may still be about to be stored, or its message under way."""


async def announce(tables: Tables, entity: str, id: str, at: datetime) -> None:
    """Put an object on the list, before its order is stored."""
    await tables.transact(TABLE, entity, [Put(id, {"at": at})])


async def overdue(tables: Tables, entity: str, now: datetime) -> AsyncIterator[str]:
    """The objects of orders older than `PATIENCE`. Memory does not grow with their number."""
    async for row in rows(tables, TABLE, entity):
        at = row.cells["at"]
        if isinstance(at, datetime) and at < now - PATIENCE:
            yield row.row


async def close(tables: Tables, entity: str, id: str) -> None:
    """Take an object off the list: its orders are written, or were never stored."""
    await tables.transact(TABLE, entity, [Delete(id)])

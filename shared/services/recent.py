"""The objects that converge wrote or planned last, with their documents: what previews read.

One pass over the table `links`, where all rows of an object lie together. The newest objects stay
packed until they are asked for, so memory grows with how many are wanted and not with how many
there are. What counts as posted is what the audit saw (`watch_journals`): it may be hours old.
"""

import heapq
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from shared.domain.journal import JournalKind
from shared.domain.records import Document
from shared.mapping.preview import Standing, StoredDocument, StoredObject
from shared.ports import QUERY_ROWS_MAX, Cell, Row, Tables
from shared.services import journals, links
from shared.services.audit import ENTITY_OF_PREFIX
from shared.services.packing import unpack

PAGES_MAX = 10_000
SIDES = (("account", "AccountDisplayValue"), ("offset", "OffsetAccountDisplayValue"))


@dataclass(order=True, slots=True)
class _Object:
    """The rows of one object. `at`: when its documents were stored last; empty: never.
    `keys`: of each written role, as JSON."""

    at: str = ""
    id: str = ""
    document: Mapping[str, Cell] = field(default_factory=dict, compare=False)
    keys: dict[str, str] = field(default_factory=dict, compare=False)

    def take(self, row: Row) -> None:
        """One more row of the object."""
        if row.row == links.DOCUMENT:
            self.at, self.document = str(row.cells["at"]), row.cells
        elif row.row.startswith(links.LINK_PREFIX):
            self.keys[row.row.removeprefix(links.LINK_PREFIX)] = str(row.cells["keys"])


class Recent:
    """Reads stored documents. It takes no claim: an object may change while it is read."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def objects(self, limit: int) -> AsyncIterator[StoredObject]:
        """The last `limit` objects, newest first."""
        newest: list[_Object] = []
        async for found in self._all():
            if len(newest) < limit:
                heapq.heappush(newest, found)
            else:
                heapq.heappushpop(newest, found)
        newest.sort()
        posted: dict[str, bool] = {}
        while newest:
            yield await self._stored(newest.pop(), posted)

    async def _all(self) -> AsyncIterator[_Object]:
        """Every object that has documents, in the order of the ids."""
        after: tuple[str, str] | None = None
        current = _Object()
        for _ in range(PAGES_MAX):
            page = await self._tables.query(links.TABLE, after=after)
            for row in page:
                if row.partition != current.id:
                    if current.at:
                        yield current
                    current = _Object(id=row.partition)
                current.take(row)
            if len(page) < QUERY_ROWS_MAX:
                if current.at:
                    yield current
                return
            after = (page[-1].partition, page[-1].row)
        raise RuntimeError(f"more than {PAGES_MAX} pages of {links.TABLE}")

    async def _stored(self, found: _Object, posted: dict[str, bool]) -> StoredObject:
        documents, customers = [], {}
        for each in cast("list[dict[str, Any]]", unpack(found.document)):
            document = _document_of(each["document"])
            standing = await self._standing(document, found.keys, posted)
            documents.append(StoredDocument(document, standing))
            for side, name in SIDES:
                customer = each["document"]["facts"].get(side, {}).get("customer")
                if customer and name in each["fields"]:
                    customers[customer, document.company] = str(each["fields"][name])
        entity = next((name for head, name in ENTITY_OF_PREFIX if found.id.startswith(head)), "")
        return StoredObject(found.id, entity or "customer", tuple(documents), customers)

    async def _standing(
        self, document: Document, keys: Mapping[str, str], posted: dict[str, bool]
    ) -> Standing:
        """`posted` remembers the journals that were looked up."""
        if document.journal is None or document.role not in keys:
            return Standing.FUTURE
        batch = str(json.loads(keys[document.role]).get("JournalBatchNumber", ""))
        key = journals.journal_key(document.company, document.journal, batch)
        if key not in posted:
            row = await self._tables.get(journals.TABLE, journals.POSTED, key)
            posted[key] = row is not None
        return Standing.POSTED if posted[key] else Standing.DRAFT


def _document_of(stored: Mapping[str, Any]) -> Document:
    """A document as `LinkStore` keeps it."""
    journal = stored["journal"]
    return Document(**{**stored, "journal": None if journal is None else JournalKind(journal)})

"""The objects that converge wrote or planned last, with their documents: what previews read.

One pass over the table `links`, where all rows of an object lie together. The newest objects stay
packed until they are asked for, so memory grows with how many are wanted and not with how many
there are. What counts as posted is what the audit saw (`watch_journals`): it may be hours old.
"""

import heapq
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from shared.domain.records import Change, Document, record_of
from shared.mapping.preview import Standing, StoredDocument, StoredObject
from shared.ports import QUERY_ROWS_MAX, Row, Tables
from shared.services import journals, links
from shared.services.packing import unpack

PAGES_MAX = 10_000
SIDES = (("account", "AccountDisplayValue"), ("offset", "OffsetAccountDisplayValue"))


@dataclass(order=True, slots=True)
class _Object:
    """The rows of one object. `at`: when its documents were stored last; empty: never."""

    at: str = ""
    id: str = ""
    document: Row | None = field(default=None, compare=False)
    links: dict[str, Row] = field(default_factory=dict, compare=False)
    announced: dict[str, None] = field(default_factory=dict, compare=False)

    def take(self, row: Row) -> None:
        """One more row of the object."""
        if row.row == links.DOCUMENT:
            self.at, self.document = str(row.cells["at"]), row
        elif row.row.startswith(links.LINK_PREFIX):
            self.links[row.row.removeprefix(links.LINK_PREFIX)] = row
        elif row.row.startswith(links.INTENT_PREFIX):
            self.announced[row.row.removeprefix(links.INTENT_PREFIX)] = None

    def keys(self, role: str) -> Mapping[str, str | int]:
        """The keys in Dynamics of a record that was written; nothing of one that was not."""
        row = self.links.get(role)
        found: dict[str, str | int] = {} if row is None else json.loads(str(row.cells["keys"]))
        return found


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
        documents: list[StoredDocument] = []
        customers: dict[tuple[str, str], str] = {}
        for document in links.documents_in(found.document) if found.document else ():
            standing = await self._standing(document, found, posted)
            documents.append(StoredDocument(document, standing, found.keys(document.parent)))
            row = found.links.get(document.role)
            if row is not None:
                customers |= _customers(document, row)
        return StoredObject(found.id, tuple(documents), customers)

    async def _standing(
        self, document: Document, found: _Object, posted: dict[str, bool]
    ) -> Standing:
        """`posted` remembers the journals that were looked up."""
        role = document.role
        if document.change is Change.FOLLOWS:
            return Standing.FUTURE
        if role not in found.links:
            return Standing.DRAFT if role in found.announced else Standing.FUTURE
        if document.journal is None:
            return Standing.DRAFT
        batch = str(found.keys(role).get("JournalBatchNumber", ""))
        key = journals.journal_key(document.company, document.journal, batch)
        if key not in posted:
            row = await self._tables.get(journals.TABLE, journals.POSTED, key)
            posted[key] = row is not None
        return Standing.POSTED if posted[key] else Standing.DRAFT


def _customers(document: Document, link: Row) -> dict[tuple[str, str], str]:
    """Customer accounts as a journal line was written with them."""
    parts = [(document.facts.get(side), name) for side, name in SIDES]
    named = [(part, name) for part, name in parts if isinstance(part, Mapping)]
    if not any(part.get("customer") for part, _ in named):
        return {}
    fields = record_of(unpack(link.cells)).fields
    return {
        (str(part["customer"]), str(part.get("company") or document.company)): str(fields[name])
        for part, name in named
        if part.get("customer") and name in fields
    }

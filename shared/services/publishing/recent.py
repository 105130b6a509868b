"""The objects that converge wrote or planned last, with their documents: what previews read.

One pass over the table `links` finds the newest objects and keeps only their times and ids. Then
they are read a few at once: memory holds `AT_ONCE` objects, and some hundred bytes for each other
one. Whether a line is posted is what `watch_journals` saw last: it may be hours old.
"""

import asyncio
import heapq
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from itertools import batched

from shared.domain.codec import Codec
from shared.domain.documents import Document, Follows
from shared.domain.partition import DEFAULT_ACCOUNT
from shared.mapping.finance import accounts_in
from shared.mapping.preview import PostingStatus, StoredDocument, StoredObject
from shared.ports import QUERY_ROWS_MAX, Row, Tables
from shared.stores import journals, links
from shared.stores.link_cells import account_in, documents_in
from shared.stores.packing import unpack
from shared.targets.finance import BATCH_NUMBER

PAGES_MAX = 10_000
AT_ONCE = 16  # objects that are read together


@dataclass(slots=True)
class _Object:
    """The rows of one object."""

    id: str
    document: Row | None = None
    links: dict[str, Row] = field(default_factory=dict)
    announced: dict[str, None] = field(default_factory=dict)

    def take(self, row: Row) -> None:
        """One more row of the object."""
        if row.row == links.DOCUMENT:
            self.document = row
        elif row.row.startswith(links.LINK_PREFIX):
            self.links[row.row.removeprefix(links.LINK_PREFIX)] = row
        elif row.row.startswith(links.INTENT_PREFIX):
            self.announced[row.row.removeprefix(links.INTENT_PREFIX)] = None

    def keys(self, role: str) -> Mapping[str, str | int]:
        """The keys in Dynamics of a record that was written; nothing of one that was not."""
        row = self.links.get(role)
        stored_keys: dict[str, str | int] = (
            {} if row is None else json.loads(str(row.cells["keys"]))
        )
        return stored_keys


class Recent:
    """Reads stored documents. It takes no claim: an object may change while it is read."""

    def __init__(self, tables: Tables, codec: Codec) -> None:
        self._tables = tables
        self._codec = codec

    async def objects(self, limit: int) -> AsyncIterator[StoredObject]:
        """The last `limit` objects, newest first."""
        newest: list[tuple[str, str]] = []
        async for at, id in self._marks():
            if len(newest) < limit:
                heapq.heappush(newest, (at, id))
            else:
                heapq.heappushpop(newest, (at, id))
        newest.sort(reverse=True)
        posted: dict[str, bool] = {}
        for part in batched(newest, AT_ONCE, strict=False):
            for read in await asyncio.gather(*(self._object(id) for _, id in part)):
                yield await self._stored(read, posted)

    async def _marks(self) -> AsyncIterator[tuple[str, str]]:
        """When the documents of every object were stored last, and its id."""
        after: tuple[str, str] | None = None
        for _ in range(PAGES_MAX):
            page = await self._tables.query(links.TABLE, after=after)
            for row in page:
                if row.row == links.DOCUMENT:
                    yield str(row.cells["at"]), row.partition
            if len(page) < QUERY_ROWS_MAX:
                return
            after = (page[-1].partition, page[-1].row)
        raise RuntimeError(f"more than {PAGES_MAX} pages of {links.TABLE}")

    async def _object(self, id: str) -> _Object:
        read = _Object(id)
        for row in await links.rows_of(self._tables, id):
            read.take(row)
        return read

    async def _stored(self, read: _Object, posted: dict[str, bool]) -> StoredObject:
        documents: list[StoredDocument] = []
        customers: dict[tuple[str, str], str] = {}
        for document in documents_in(read.document, self._codec) if read.document else ():
            posting_status = await self._standing(document, read, posted)
            documents.append(StoredDocument(document, posting_status, read.keys(document.parent)))
            row = read.links.get(document.role)
            if row is not None:
                customers |= accounts_in(self._codec.record_of(unpack(row.cells)))
        account = account_in(read.document) if read.document else DEFAULT_ACCOUNT
        return StoredObject(read.id, tuple(documents), customers, account)

    async def _standing(
        self, document: Document, read: _Object, posted: dict[str, bool]
    ) -> PostingStatus:
        """`posted` remembers the journals that were looked up."""
        role = document.role
        if isinstance(document.later, Follows):
            return PostingStatus.FUTURE
        if role not in read.links:
            return PostingStatus.DRAFT if role in read.announced else PostingStatus.FUTURE
        if document.journal is None:
            return PostingStatus.DRAFT
        batch = str(read.keys(role).get(BATCH_NUMBER, ""))
        key = journals.journal_key(document.company, document.journal, batch)
        if key not in posted:
            row = await self._tables.get(journals.TABLE, journals.POSTED, key)
            posted[key] = row is not None
        return PostingStatus.POSTED if posted[key] else PostingStatus.DRAFT

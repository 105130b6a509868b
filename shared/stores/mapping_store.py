"""Mappings as they are stored: immutable by hash, with one pointer to the set that is active.

Table `mappings`. Partition `document`: rows by the SHA-256 of a document's canonical JSON.
Partition `set`: rows by the SHA-256 of {kind and name: hash of the document}; a set is what is
submitted, previewed and published. Partition `version`: rows by `CompiledMapping.sha256`, which
also covers the product's own documents and is what records carry. Partition `preview`: rows by
set. Partition `active`: `pointer`, and `log~<reverse number>`: the changes of the pointer, newest
first, numbered without gaps. Pointer and log change in one transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import cast

from shared.domain.records import digest
from shared.errors import MappingUnusable, TableConflict
from shared.mapping.loader import Loaded
from shared.ports import (
    Cell,
    Insert,
    Operation,
    Put,
    Replace,
    Row,
    Tables,
)
from shared.stores.packing import in_transactions, pack, unpack
from shared.stores.paging import rows

TABLE = "mappings"
DOCUMENT, SET, VERSION, PREVIEW, ACTIVE = "document", "set", "version", "preview", "active"
POINTER, LOG_PREFIX = "pointer", "log~"
NUMBER_MAX = 10**9
REAPPLY = "reapply"  # the action of a change that leaves the pointer where it is
# SHA-256 of {}: the set without documents.
PRODUCT_ALONE = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@dataclass(frozen=True, slots=True)
class StoredSet:
    """A set: the hash of each document by kind and name, who submitted it first, and when."""

    sha256: str
    documents: Mapping[str, str]
    by: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """What a version is made of: the set, the product's version without it, every document."""

    sha256: str
    set: str
    product: str
    documents: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Pointer:
    """Which set is active.

    `number`: of the last change, 0 before the first. `publication`: the number of the change that
    published this set, 0 for the product alone. `etag` is empty where there is no row.
    """

    set: str = PRODUCT_ALONE
    number: int = 0
    publication: int = 0
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the pointer. `action`: publish, rollback, or reapply, which leaves it.

    `set` came for `previous`. `publication` is in force since, `before` was: rolling back follows
    these numbers, so that it goes back step by step and never forth.
    """

    number: int
    at: datetime
    who: str
    why: str
    action: str
    set: str
    previous: str
    publication: int
    before: int


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """That a preview was made: of which set, against which, when, for whom, with what counts.

    `version`, `against_version`: the same, with the product's documents; the latter is empty where
    the set that was active did not compile.
    """

    candidate: str
    version: str
    against: str
    against_version: str
    at: datetime
    by: str
    counts: Mapping[str, int]


class MappingStore:
    """Reads and writes the table. What has a hash is written once and never changed."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def pointer(self) -> Pointer:
        """The pointer as it is now."""
        row = await self._tables.get(TABLE, ACTIVE, POINTER)
        if row is None:
            return Pointer()
        cells = row.cells
        number, publication = int(str(cells["number"])), int(str(cells["publication"]))
        return Pointer(str(cells["set"]), number, publication, row.etag)

    async def move(self, old: Pointer, change: Change) -> None:
        """The pointer and its log in one transaction. Raises `TableConflict` when the pointer is
        not `old` any more."""
        cells: dict[str, Cell] = {
            "set": change.set,
            "number": change.number,
            "publication": change.publication,
        }
        operations: list[Operation] = [
            Replace(POINTER, cells, old.etag) if old.etag else Insert(POINTER, cells),
            Insert(_log_key(change.number), asdict(change)),
        ]
        await self._tables.transact(TABLE, ACTIVE, operations)

    async def changes(self, limit: int) -> list[Change]:
        """The last changes, newest first; `limit` at most `QUERY_ROWS_MAX`."""
        stored = await self._tables.query(TABLE, partition=ACTIVE, prefix=LOG_PREFIX, limit=limit)
        return [_change_of(row) for row in stored]

    async def change(self, number: int) -> Change | None:
        """The change of a number."""
        row = await self._tables.get(TABLE, ACTIVE, _log_key(number))
        return None if row is None else _change_of(row)

    async def keep(self, stored: StoredSet, documents: Sequence[Loaded]) -> None:
        """Store a set with its documents; the set's row comes last, and stays the first one."""
        puts = [[Put(document.sha256, pack(document.tree))] for document in documents]
        for part in in_transactions(puts) if puts else ():
            await self._tables.transact(TABLE, DOCUMENT, part)
        if await self.set(stored.sha256) is None:
            cells = {**pack(dict(stored.documents)), "by": stored.by, **_moment("at", stored.at)}
            try:
                await self._tables.transact(TABLE, SET, [Insert(stored.sha256, cells)])
            except TableConflict:
                return  # somebody submitted the same at the same time

    async def set(self, sha256: str) -> StoredSet | None:
        """A set by its hash."""
        if sha256 == PRODUCT_ALONE:
            return StoredSet(PRODUCT_ALONE, {})
        row = await self._tables.get(TABLE, SET, sha256)
        return None if row is None else _set_of(row)

    async def sets(self, limit: int) -> list[StoredSet]:
        """The sets submitted last, newest first."""
        stored = [_set_of(row) async for row in rows(self._tables, TABLE, SET)]
        return sorted(stored, key=lambda stored_set: str(stored_set.at), reverse=True)[:limit]

    async def documents(self, stored: StoredSet) -> tuple[Loaded, ...]:
        """The documents of a set, named by kind and name. Raises `MappingUnusable` for one that is
        not stored as its hash says."""
        loaded = []
        for title, sha256 in stored.documents.items():
            row = await self._tables.get(TABLE, DOCUMENT, sha256)
            tree = {} if row is None else unpack(row.cells)
            if not isinstance(tree, dict) or digest(tree) != sha256:
                raise MappingUnusable(f"{title} is not stored as its hash {sha256} says")
            loaded.append(Loaded(title, tree, sha256))
        return tuple(loaded)

    async def note(self, version: Version, at: datetime) -> None:
        """Remember what a version is made of; what was noted before stays."""
        if await self.version(version.sha256) is None:
            cells = {
                **pack(dict(version.documents)),
                "set": version.set,
                "product": version.product,
                "at": at,
            }
            await self._tables.transact(TABLE, VERSION, [Put(version.sha256, cells)])

    async def version(self, sha256: str) -> Version | None:
        """What a version is made of."""
        row = await self._tables.get(TABLE, VERSION, sha256)
        if row is None:
            return None
        cells = row.cells
        return Version(sha256, str(cells["set"]), str(cells["product"]), _hashes(row))

    async def put_preview(self, preview: PreviewRow) -> None:
        """Remember the last preview of a set."""
        cells = {
            **pack(dict(preview.counts)),
            "version": preview.version,
            "against": preview.against,
            "against_version": preview.against_version,
            "at": preview.at,
            "by": preview.by,
        }
        await self._tables.transact(TABLE, PREVIEW, [Put(preview.candidate, cells)])

    async def preview(self, sha256: str) -> PreviewRow | None:
        """The last preview of a set."""
        row = await self._tables.get(TABLE, PREVIEW, sha256)
        if row is None:
            return None
        cells = row.cells
        counts = cast("dict[str, int]", unpack(cells))
        return PreviewRow(
            candidate=sha256,
            version=str(cells["version"]),
            against=str(cells["against"]),
            against_version=str(cells["against_version"]),
            at=cast("datetime", cells["at"]),
            by=str(cells["by"]),
            counts=counts,
        )

    async def beginning(self, text: str) -> list[str]:
        """The hashes of sets, and of the sets of versions, that begin with a text: at most two,
        since two are too many already."""
        hashes: dict[str, None] = {}
        for row in await self._tables.query(TABLE, partition=SET, prefix=text, limit=2):
            hashes[row.row] = None
        for row in await self._tables.query(TABLE, partition=VERSION, prefix=text, limit=2):
            hashes[str(row.cells["set"])] = None
        return list(hashes)[:2]


def _log_key(number: int) -> str:
    return f"{LOG_PREFIX}{NUMBER_MAX - number:010}"


def _moment(name: str, at: datetime | None) -> dict[str, Cell]:
    return {} if at is None else {name: at}


def _hashes(row: Row) -> dict[str, str]:
    return cast("dict[str, str]", unpack(row.cells))


def _set_of(row: Row) -> StoredSet:
    at = row.cells["at"]
    return StoredSet(
        row.row, _hashes(row), str(row.cells["by"]), at if isinstance(at, datetime) else None
    )


def _change_of(row: Row) -> Change:
    cells = {name: row.cells[name] for name in Change.__dataclass_fields__}
    return Change(**cells)  # type: ignore[arg-type]

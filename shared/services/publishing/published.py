"""Reading what is and was published: the active set, its history, a set, the difference of two."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.errors import MappingUnusable
from shared.mapping.differences import Compared, compared
from shared.mapping.loader import Loaded, Tree
from shared.mapping.problems import MappingRefused
from shared.ports import QUERY_ROWS_MAX
from shared.services.publishing.mapping_names import PublishRefused, set_named
from shared.stores.mapping_store import REAPPLY, Change, PreviewRow, StoredSet
from shared.stores.mappings import Mappings

SETS_LISTED_MAX = 100


@dataclass(frozen=True, slots=True)
class ListedSet:
    """A submitted set: its documents by kind and name, and its last preview."""

    set: str
    documents: Mapping[str, str]
    by: str
    at: datetime | None
    preview: PreviewRow | None


@dataclass(frozen=True, slots=True)
class Overview:
    """The active set, since which change (None: the product alone, from the start), and the sets
    submitted last. `problem`: why the active set cannot be used; `version` is empty then."""

    set: str
    version: str
    product: str
    problem: str
    change: Change | None
    sets: tuple[ListedSet, ...]


@dataclass(frozen=True, slots=True)
class ShownDocument:
    """A document as it is stored."""

    title: str
    sha256: str
    tree: Mapping[str, Tree]


@dataclass(frozen=True, slots=True)
class Shown:
    """A set with its documents."""

    set: str
    by: str
    at: datetime | None
    documents: tuple[ShownDocument, ...]


class Published:
    """Answers queries about mappings; changes nothing."""

    def __init__(self, mappings: Mappings) -> None:
        self._mappings = mappings
        self._store = mappings.store

    async def overview(self) -> Overview:
        """What is active, and the `SETS_LISTED_MAX` sets submitted last."""
        pointer = await self._store.pointer()
        version, problem = "", ""
        try:
            version = (await self._mappings.compiled(pointer.set)).sha256
        except (MappingRefused, MappingUnusable) as error:
            problem = str(error)
        changes = await self._store.changes(QUERY_ROWS_MAX) if pointer.number else []
        change = next((entry for entry in changes if entry.action != REAPPLY), None)
        sets = [await self._listed(stored) for stored in await self._store.sets(SETS_LISTED_MAX)]
        product = self._mappings.product.alone.sha256
        return Overview(pointer.set, version, product, problem, change, tuple(sets))

    async def _listed(self, stored: StoredSet) -> ListedSet:
        preview = await self._store.preview(stored.sha256)
        return ListedSet(stored.sha256, stored.documents, stored.by, stored.at, preview)

    async def history(self, limit: int) -> list[Change]:
        """The last changes of what is active, newest first. Raises `PublishRefused`."""
        if not 1 <= limit <= QUERY_ROWS_MAX:
            raise PublishRefused("malformed", f"limit is from 1 to {QUERY_ROWS_MAX}")
        return await self._store.changes(limit)

    async def show(self, name: str) -> Shown:
        """A set with its documents. Raises `PublishRefused`."""
        stored, documents = await self._read(name)
        shown = tuple(
            ShownDocument(document.where, document.sha256, document.tree) for document in documents
        )
        return Shown(stored.sha256, stored.by, stored.at, shown)

    async def diff(self, before: str, after: str) -> list[Compared]:
        """What differs between two sets, document by document. Raises `PublishRefused`."""
        _, one = await self._read(before)
        _, other = await self._read(after)
        old, new = (
            {document.where: document for document in documents} for documents in (one, other)
        )
        return compared(old, new)

    async def _read(self, name: str) -> tuple[StoredSet, tuple[Loaded, ...]]:
        stored = await self._store.set(await set_named(self._store, name))
        if stored is None:
            raise PublishRefused("unknown", f"no set {name}")
        return stored, await self._store.documents(stored)

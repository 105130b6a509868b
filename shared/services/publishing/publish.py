"""Publishing mappings: submit, preview, publish, roll back.

A set of documents is submitted and compiled, previewed against the set that is active, and only
then published. Publishing moves one pointer and writes its log in the same transaction: if two
people publish at once, one wins and the other is refused. Nothing is ever changed or deleted.
`who` is who signed in, or `key (declared: NAME)`: a function key names no person.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from shared import telemetry
from shared.domain.books import Books
from shared.domain.records import canonical, digest
from shared.errors import MappingUnusable, TableConflict
from shared.mapping.compiler import CompiledMapping
from shared.mapping.differences import (
    ValueDifference,
    books_differences,
    lost_rows,
    moved_clearing,
)
from shared.mapping.finance import Target
from shared.mapping.loader import Loaded, Tree, load, load_tree
from shared.mapping.preview import Comparison, Group, StoredObject
from shared.mapping.problems import MappingRefused, Problem
from shared.ports import QUERY_ROWS_MAX, Clock, DynamicsGateway
from shared.services.publishing.dimension_check import wrong_dimensions
from shared.services.publishing.field_check import missing_fields
from shared.services.publishing.mapping_names import PublishRefused, set_named
from shared.settings import Settings
from shared.stores.active_books import all_books
from shared.stores.audit_log import WHO_CHARS_MAX, WHY_CHARS_MAX, AuditedAction, AuditLog
from shared.stores.mapping_store import Change, MappingStore, Pointer, PreviewRow, StoredSet
from shared.stores.mappings import Mappings

DOCUMENTS_MAX = 200  # of one set
SET_BYTES_MAX = 1024 * 1024  # of its documents in canonical JSON
PREVIEW_OBJECTS = 1_000
PREVIEW_OBJECTS_MAX = 10_000
OBJECTS_PER_TURN = 50  # compared before other work of the process has its turn

type DocumentSource = str | Mapping[str, Tree]
"""A document: YAML text, or the tree that `show` gives."""
type CheckBooks = Callable[[Books, Mapping[str, Sequence[str]]], Awaitable[Sequence[str]]]
"""What is wrong with books for the Stripe accounts of these aliases, and in Dynamics."""
type RecentObjects = Callable[[int], AsyncIterator[StoredObject]]
"""The last objects that converge stored documents of, newest first."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A set that may be previewed and published. `documents`: hashes by kind and name;
    `version`: of the set with the product's documents; `by`: who submitted it first."""

    set: str
    version: str
    documents: Mapping[str, str]
    by: str


@dataclass(frozen=True, slots=True)
class Said:
    """Who wants a change, and why."""

    who: str
    why: str


@dataclass(frozen=True, slots=True)
class Previewed:
    """What publishing would change: the row that is kept, and the records in three groups.

    `policy_differs`: other documents may come to exist, which is not rendering and not shown here.
    `books`: the values of the books that differ. `warnings`: tables that lose rows, and what of the
    books somebody has to look at.
    """

    preview: PreviewRow
    groups: Mapping[str, Group]
    policy_differs: bool
    books: tuple[ValueDifference, ...] = ()
    warnings: tuple[str, ...] = ()


class Publish:
    """What a person does to mappings. Refusals are `PublishRefused`."""

    def __init__(
        self,
        mappings: Mappings,
        settings: Settings,
        clock: Clock,
        recent: RecentObjects,
        dynamics: DynamicsGateway,
        *,
        audit_log: AuditLog,
        check_books: CheckBooks | None = None,
    ) -> None:
        self._mappings = mappings
        self._store = mappings.store
        self._settings = settings
        self._clock = clock
        self._recent = recent
        self._dynamics = dynamics
        self._audit_log = audit_log
        self._check_books = check_books

    async def submit(self, documents: Sequence[tuple[str, DocumentSource]], who: str) -> Candidate:
        """Check and store documents, each with the name that its problems are reported under.

        No documents: the product alone. What is submitted twice is stored once.
        """
        who = _said("who", who, WHO_CHARS_MAX)
        if len(documents) > DOCUMENTS_MAX:
            raise PublishRefused("malformed", f"a set has at most {DOCUMENTS_MAX} documents")
        loaded = await _loaded(documents)
        try:
            compiled = self._mappings.product.compile(loaded)
        except MappingRefused as refused:
            raise _invalid(refused.problems) from None
        hashes = {
            f"{document.tree['kind']} {document.tree['name']}": document.sha256
            for document in loaded
        }
        stored = StoredSet(digest(hashes), hashes, who, self._clock.now())
        await self._audit_log.add(who, AuditedAction.SUBMIT, [stored.sha256])
        await self._store.keep(stored, loaded)
        telemetry.event("mapping_submitted", set=stored.sha256, documents=len(loaded))
        kept = await self._store.set(stored.sha256) or stored
        return Candidate(stored.sha256, compiled.sha256, hashes, kept.by)

    async def preview(self, name: str, who: str, limit: int = PREVIEW_OBJECTS) -> Previewed:
        """Compare the last `limit` objects under the set and under the one that is active."""
        who = _said("who", who, WHO_CHARS_MAX)
        if not 1 <= limit <= PREVIEW_OBJECTS_MAX:
            raise PublishRefused("malformed", f"limit is from 1 to {PREVIEW_OBJECTS_MAX}")
        candidate = await set_named(self._store, name)
        pointer = await self._store.pointer()
        after, before = await self._compiled(candidate), await self._in_force(pointer)
        await self._audit_log.add(who, AuditedAction.PREVIEW, [candidate])
        settings = self._settings
        id_field, id_chars_max = settings.customer_id_property, settings.customer_id_chars_max
        books = partial(all_books, settings)
        target = Target(books(after), id_field, id_chars_max, {}, after)
        comparison = Comparison(before, after, target, books)
        async for stored in self._recent(limit):
            comparison.add(stored)
            if comparison.objects % OBJECTS_PER_TURN == 0:
                await asyncio.sleep(0)
        row = PreviewRow(
            candidate=candidate,
            version=after.sha256,
            against=pointer.set,
            against_version=before.sha256 if before else "",
            at=self._clock.now(),
            by=who,
            counts=comparison.counts(),
        )
        await self._store.put_preview(row)
        telemetry.event("mapping_previewed", set=candidate, objects=comparison.objects)
        groups = {
            posting_status.value: group for posting_status, group in comparison.groups.items()
        }
        differs = before is None or before.policy != after.policy
        changes, warnings = await self._books_changes(before, after)
        warnings = (*self._warnings(before, after), *warnings)
        return Previewed(row, groups, differs, changes, warnings)

    async def _books_changes(
        self, before: CompiledMapping | None, after: CompiledMapping
    ) -> tuple[tuple[ValueDifference, ...], tuple[str, ...]]:
        """What differs of the books, and what Dynamics lacks of the new ones."""
        new = all_books(self._settings, after)
        if before is None:
            old = new if after.books is None else None
        else:
            old = all_books(self._settings, before)
        changes = books_differences(old, new)
        if not changes:
            return (), ()
        warnings = () if old is None else moved_clearing(old, new)
        if self._check_books is not None:
            warnings += tuple(await self._check_books(new, self._settings.listed_currencies))
        return changes, warnings

    def _warnings(self, before: CompiledMapping | None, after: CompiledMapping) -> tuple[str, ...]:
        """Tables that lose rows of the product, or of the active set."""
        product = self._mappings.product.alone.tables
        active = {} if before is None else before.tables
        changed = {name: rows for name, rows in active.items() if rows != product.get(name)}
        warnings = lost_rows(product, after.tables, "the product")
        return (*warnings, *lost_rows(changed, after.tables, "the active set"))

    async def publish(self, name: str, who: str, why: str) -> Change:
        """Make a previewed set the active one."""
        said = said_by(who, why)
        candidate = await set_named(self._store, name)
        pointer = await self._store.pointer()
        _refuse_active(candidate, pointer)
        compiled = await self._compiled(candidate)
        await self._check_preview(candidate, compiled, pointer)
        await self._check_persons(candidate, said.who)
        await self._check_fields(candidate, compiled)
        return await self._move(pointer, "publish", candidate, pointer.number + 1, said)

    async def rollback(self, who: str, why: str, to: str = "") -> Change:
        """Make a set active again: the one before the one that is, or `to`, which was published
        once. What was in force needs no new preview, nor a second person."""
        said = said_by(who, why)
        pointer = await self._store.pointer()
        number = await self._published(to, pointer) if to else await self._before(pointer)
        prior = await self._store.change(number) if number else None
        target = Pointer().set if prior is None else prior.set
        await self._compiled(target)
        return await self._move(pointer, "rollback", target, number, said)

    async def _move(
        self, pointer: Pointer, action: str, set: str, publication: int, said: Said
    ) -> Change:
        change = Change(
            number=pointer.number + 1,
            at=self._clock.now(),
            who=said.who,
            why=said.why,
            action=action,
            set=set,
            previous=pointer.set,
            publication=publication,
            before=pointer.publication,
        )
        await self._audit_log.add(said.who, AuditedAction(action), [set], said.why)
        await moved(self._store, pointer, change)
        telemetry.event("mapping_moved", action=action, set=set, number=change.number)
        return change

    async def _before(self, pointer: Pointer) -> int:
        """The publication before the one in force; 0: the product alone."""
        if pointer.publication == 0:
            raise PublishRefused("nothing_before", "the product's own mapping is active already")
        change = await self._store.change(pointer.publication)
        if change is None:
            raise MappingUnusable(f"change {pointer.publication} is missing from the log")
        return change.before

    async def _published(self, name: str, pointer: Pointer) -> int:
        """The last publication of a set; 0: the product alone."""
        target = await set_named(self._store, name)
        _refuse_active(target, pointer)
        for change in await self._store.changes(QUERY_ROWS_MAX):
            if change.action == "publish" and change.set == target:
                return change.number
        if target == Pointer().set:
            return 0
        text = f"{target} was not published in the last {QUERY_ROWS_MAX} changes; publish it"
        raise PublishRefused("never_published", text)

    async def _compiled(self, sha256: str) -> CompiledMapping:
        try:
            return await self._mappings.compiled(sha256)
        except MappingRefused as refused:
            raise _invalid(refused.problems) from None

    async def _in_force(self, pointer: Pointer) -> CompiledMapping | None:
        """What is active, None where it cannot be used: a mapping that mends it may be published
        all the same."""
        try:
            return await self._mappings.compiled(pointer.set)
        except (MappingRefused, MappingUnusable):
            return None

    async def _check_preview(
        self, candidate: str, compiled: CompiledMapping, pointer: Pointer
    ) -> None:
        """Only what was seen is published: the preview is of these very versions."""
        preview = await self._store.preview(candidate)
        if preview is None:
            raise PublishRefused(
                "not_previewed", f"{candidate} was not previewed; preview it first"
            )
        active = await self._in_force(pointer)
        seen = (preview.version, preview.against, preview.against_version)
        if seen != (compiled.sha256, pointer.set, active.sha256 if active else ""):
            when = preview.at.isoformat(timespec="seconds")
            text = f"the preview of {candidate} ({when}) was made against {preview.against}, "
            now = f"active is {pointer.set}, or Tieout itself was updated; preview again"
            raise PublishRefused("stale", text + now)

    async def _check_fields(self, candidate: str, compiled: CompiledMapping) -> None:
        """A field that Dynamics does not have would park every record that carries it."""
        stored = await self._store.set(candidate)
        documents = () if stored is None else await self._store.documents(stored)
        problems = await missing_fields(self._dynamics, documents, compiled)
        if problems:
            raise PublishRefused(
                "invalid", "Dynamics does not have the fields that this set sends", problems
            )
        delimiter = self._settings.dynamics_dimension_delimiter
        problems = await wrong_dimensions(self._dynamics, documents, compiled, delimiter)
        if problems:
            text = "Dynamics reads other dimensions than this set means"
            raise PublishRefused("invalid", text, problems)

    async def _check_persons(self, candidate: str, who: str) -> None:
        stored = await self._store.set(candidate)
        author = "" if stored is None else stored.by
        if self._settings.publish_two_persons and author.casefold() == who.casefold():
            text = f"{author} submitted this set; another person has to publish it"
            raise PublishRefused("same_person", text)


async def moved(store: MappingStore, pointer: Pointer, change: Change) -> None:
    """Carry out a change of what is active. Raises `PublishRefused` for who comes second."""
    try:
        await store.move(pointer, change)
    except TableConflict:
        text = "somebody else changed the active mapping in the meantime; look at the history"
        raise PublishRefused("lost_race", text) from None


def said_by(who: str, why: str) -> Said:
    """Who and why, which both have to be said. Raises `PublishRefused`."""
    return Said(_said("who", who, WHO_CHARS_MAX), _said("why", why, WHY_CHARS_MAX))


def _said(name: str, text: str, chars_max: int) -> str:
    """Text of a person that has to be there."""
    said = text.strip()
    if not 1 <= len(said) <= chars_max or not said.isprintable():
        reason = f"{name} must be given: 1 to {chars_max} characters in one line"
        raise PublishRefused("malformed", reason)
    return said


def _refuse_active(candidate: str, pointer: Pointer) -> None:
    if candidate == pointer.set:
        raise PublishRefused("already_active", f"{candidate} is active already")


def _invalid(problems: Sequence[Problem]) -> PublishRefused:
    count = len(problems)
    text = f"{count} {'problem' if count == 1 else 'problems'} in these documents"
    return PublishRefused("invalid", text, problems)


async def _loaded(documents: Sequence[tuple[str, DocumentSource]]) -> list[Loaded]:
    """The documents as trees; reading takes time, so others have their turn after each."""
    loaded: list[Loaded] = []
    problems: list[Problem] = []
    size_bytes = 0
    for name, source in documents:
        try:
            read = load(name, source) if isinstance(source, str) else load_tree(name, source)
        except MappingRefused as refused:
            problems += refused.problems
            continue
        size_bytes += len(canonical(read.tree).encode())
        if size_bytes > SET_BYTES_MAX:
            reason = f"the documents up to this one have more than {SET_BYTES_MAX} bytes"
            raise _invalid([Problem(name, reason)])
        loaded.append(read)
        await asyncio.sleep(0)
    if problems:
        raise _invalid(problems)
    return loaded

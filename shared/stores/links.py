"""What we wrote for each Stripe object: claims, intents and links, in the table `links`.

Partition key = Stripe object id, so that one object is one entity-group transaction. Rows:
`claim` (who works on it, until when), `intent~<role>` (a write announced and not settled),
`link~<role>` (a record that exists), `document` (the last documents and records, packed),
`choice~<company>` (what a person decided about a customer), `chosen~<moment>` (all such decisions),
`origin~<object>` (of a charge: who decided where what follows it goes, `origins.py`).
`resolved` and `resolution~...` (what a person settled by hand, `stores/resolutions.py`),
`correction~<role>` (what a person ordered about a written line, `stores/corrections.py`),
`erased` (of a customer: who is not to be named any more).
Every write is conditional on the claim's ETag: a worker that lost its claim changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.domain.clearing import Resolution
from shared.domain.codec import Codec
from shared.domain.corrections import Correction
from shared.domain.documents import Document
from shared.domain.erasure import ERASED_TEXT, Eraser
from shared.domain.partition import DEFAULT_ACCOUNT
from shared.domain.records import Choice, Intent, Link, Record
from shared.errors import ClaimHeld, Parked, TableConflict
from shared.ports import Cell, Clock, Delete, Insert, Operation, Put, Replace, Row, Tables
from shared.registry import REGISTRY
from shared.stores import corrections, resolutions
from shared.stores.link_cells import (
    documents_in,
    intent_cells,
    intent_of,
    link_cells,
    link_of,
)
from shared.stores.packing import in_transactions, pack, unpack
from shared.stores.paging import rows

TABLE = "links"
CLAIM = "claim"
DOCUMENT = "document"
INTENT_PREFIX = "intent~"
LINK_PREFIX = "link~"
ORIGIN_PREFIX = "origin~"
CHOICE_PREFIX = "choice~"
CHOSEN_PREFIX = "chosen~"
ERASED = "erased"
SAID_PREFIXES = (
    *(CHOICE_PREFIX, CHOSEN_PREFIX, corrections.PREFIX),
    *(resolutions.RESOLVED, resolutions.HISTORY_PREFIX),
)
UNPACKED = ("settled", "at", "account")  # of a row `document`, beside its documents
CLAIMS = 1  # operations on the claim in each transaction
ROWS_MAX = 20_000  # of one object: its order's 90 lines, with the credit lines of 200 refunds


@dataclass(slots=True)
class Claim:
    """An object under our claim, and what is known of it. `choices`: by company. `resolution`: a
    person settled it by hand; `decisions`: how often people resolved or reopened it. `was_read`: it
    was read in Stripe under this claim or an earlier one."""

    id: str
    owner: str
    etag: str
    until: datetime
    links: dict[str, Link] = field(default_factory=dict)
    intents: dict[str, Intent] = field(default_factory=dict)
    choices: dict[str, Choice] = field(default_factory=dict)
    settled: bool = False
    resolution: Resolution | None = None
    decisions: int = 0
    corrections: tuple[Correction, ...] = ()
    is_erased: bool = False
    was_read: bool = False

    def cells(self, owner: str, until: datetime) -> dict[str, Cell]:
        """The row of the claim, held by `owner` until then."""
        return {"owner": owner, "until": until, "read": self.was_read}


def _choice_of(row: Row) -> Choice:
    cells = row.cells
    company = row.row.removeprefix(CHOICE_PREFIX)
    return Choice(str(cells["id"]), company, str(cells["account"]), cells["shared"] is True)


def _is_superseded(link: Link, choices: Mapping[str, Choice]) -> bool:
    """Whether a person decided otherwise after the link was made."""
    choice = choices.get(link.company)
    return choice is not None and link.record.document.decision != choice.id


def _links_in(rows: Sequence[Row], choices: Mapping[str, Choice], codec: Codec) -> dict[str, Link]:
    links = [link_of(row, codec) for row in rows if row.row.startswith(LINK_PREFIX)]
    return {link.role: link for link in links if not _is_superseded(link, choices)}


def _choices_in(rows: Sequence[Row]) -> dict[str, Choice]:
    choices = [_choice_of(row) for row in rows if row.row.startswith(CHOICE_PREFIX)]
    return {choice.company: choice for choice in choices}


async def rows_of(tables: Tables, id: str) -> list[Row]:
    """Every row of an object, page by page. Raises `Parked` beyond `ROWS_MAX`."""
    stored: list[Row] = []
    async for row in rows(tables, TABLE, id):
        if len(stored) == ROWS_MAX:
            raise Parked(
                "limit_reached",
                f"{id} has more than {ROWS_MAX:,} rows in the table links; nothing was written",
                "Compare the object with Dynamics and book what is missing by hand; then resolve "
                "the item.",
            )
        stored.append(row)
    return stored


class LinkStore:
    """Claims, intents and links over the storage port, for the Stripe account of an alias."""

    def __init__(
        self,
        tables: Tables,
        clock: Clock,
        lease_seconds: int,
        codec: Codec | None = None,
        account: str = DEFAULT_ACCOUNT,
    ) -> None:
        self._codec = codec or REGISTRY.codec
        self._tables, self._clock, self._account = tables, clock, account
        self._lease = timedelta(seconds=lease_seconds)

    async def claim(self, id: str, owner: str) -> Claim:
        """Take the object for `lease_seconds`. Raises `ClaimHeld`, `TableConflict` or `Parked`.

        The rows may come in several pages. The claim's row sorts before documents, intents and
        links, so these are read after it, and whoever changes one of them changes the claim's ETag
        with it: our own change of the claim is refused then, and nothing stale is used.
        """
        stored = await rows_of(self._tables, id)
        by_key = {row.row: row for row in stored}
        now = self._clock.now()
        until = now + self._lease
        old = by_key.get(CLAIM)
        was_read = old is not None and old.cells.get("read") is True
        claim = Claim(id, owner, "", until, choices=_choices_in(stored), was_read=was_read)
        cells = claim.cells(owner, until)
        operation: Operation = Insert(CLAIM, cells)
        if old is not None:
            held_until = old.cells["until"]
            if old.cells["owner"] and isinstance(held_until, datetime) and held_until > now:
                raise ClaimHeld(id, held_until)
            operation = Replace(CLAIM, cells, old.etag)
        (claim.etag,) = await self._tables.transact(TABLE, id, [operation])
        claim.links = _links_in(stored, claim.choices, self._codec)
        for row in stored:
            if row.row.startswith(INTENT_PREFIX):
                claim.intents[row.row.removeprefix(INTENT_PREFIX)] = intent_of(row, self._codec)
        claim.resolution = resolutions.resolution_of(by_key.get(resolutions.RESOLVED))
        claim.decisions = sum(row.row.startswith(resolutions.HISTORY_PREFIX) for row in stored)
        claim.corrections = corrections.corrections_in(stored)
        claim.is_erased = ERASED in by_key
        document = by_key.get(DOCUMENT)
        claim.settled = document is not None and document.cells["settled"] is True
        return claim

    async def intend(
        self,
        claim: Claim,
        intents: Sequence[Intent],
        documents: Sequence[Document],
        links: Sequence[Link] = (),
    ) -> None:
        """Record what is about to be written. Raises `TableConflict` when the claim is lost.

        `links`: what this run knows of the object's records. Where an announcement of the same role
        stood for a write that landed, its link is stored with the one that takes its place.
        """
        known = {link.role: link for link in links}
        changes: list[list[Operation]] = []
        for intent in intents:
            role = intent.role
            operations: list[Operation] = [
                Put(INTENT_PREFIX + role, intent_cells(intent, self._codec))
            ]
            if role in known:
                cells = link_cells(known[role], self._codec)
                operations.append(Put(LINK_PREFIX + role, cells))
            changes.append(operations)
        cells = self._documents(documents, settled=False)
        changes.append([Put(DOCUMENT, cells)])
        for operations in in_transactions(changes, CLAIMS):
            await self._under_claim(claim, operations, claim.owner, claim.until)
        claim.intents.update({intent.role: intent for intent in intents})

    async def settle(
        self,
        claim: Claim,
        links: Sequence[Link],
        over: Sequence[str],
        open_intents: Sequence[Intent],
        documents: Sequence[Document] | None,
    ) -> None:
        """Store new links, drop the intents of the roles in `over`, keep `open_intents` with
        their new times, and release the claim.

        `documents` not None: all of them exist now, the object is settled.
        """
        changes: dict[str, list[Operation]] = {}
        for link in links:
            changes[link.role] = [Put(LINK_PREFIX + link.role, link_cells(link, self._codec))]
        still_open = [intent.role for intent in open_intents]
        for role in dict.fromkeys(over):
            if role in claim.intents and role not in still_open:
                changes.setdefault(role, []).append(Delete(INTENT_PREFIX + role))
        for intent in open_intents:
            operation = Put(INTENT_PREFIX + intent.role, intent_cells(intent, self._codec))
            changes.setdefault(intent.role, []).append(operation)
        last: list[Operation] = []
        if documents is not None:
            cells = self._documents(documents, settled=True)
            last.append(Put(DOCUMENT, cells))
        *parts, rest = in_transactions([*changes.values(), last], CLAIMS)
        for operations in parts:
            await self._under_claim(claim, operations, claim.owner, claim.until)
        await self._under_claim(claim, rest, "", self._clock.now())

    async def _under_claim(
        self, claim: Claim, operations: Sequence[Operation], owner: str, until: datetime
    ) -> None:
        """Changes that are made only while the claim is ours. Raises `TableConflict`."""
        row = Replace(CLAIM, claim.cells(owner, until), claim.etag)
        claim.etag = (await self._tables.transact(TABLE, claim.id, [row, *operations]))[0]

    async def release(self, claim: Claim) -> None:
        """Give the claim back; when it was lost meanwhile there is nothing to give."""
        cells = claim.cells("", self._clock.now())
        try:
            await self._tables.transact(TABLE, claim.id, [Replace(CLAIM, cells, claim.etag)])
        except TableConflict:
            return

    async def links(self, id: str) -> dict[str, Link]:
        """The links of an object, without a claim: a look that may be old. Raises `Parked`."""
        stored = await rows_of(self._tables, id)
        return _links_in(stored, _choices_in(stored), self._codec)

    async def written(self, id: str, role: str) -> Record | None:
        """What was written or announced of an object in a role, without a claim."""
        # Settling stores the link and drops the intent at once: read last, the link is not missed.
        intent = await self._tables.get(TABLE, id, INTENT_PREFIX + role)
        link = await self._tables.get(TABLE, id, LINK_PREFIX + role)
        row = link or intent
        return None if row is None else self._codec.record_of(unpack(row.cells))

    async def all_written(self, id: str, prefix: str) -> dict[str, Record]:
        """What was written of an object in the roles that begin with `prefix`, without a claim."""
        stored = rows(self._tables, TABLE, id, LINK_PREFIX + prefix)
        links = [link_of(row, self._codec) async for row in stored]
        return {link.role: link.record for link in links}

    async def choose(self, id: str, choice: Choice, who: str, why: str) -> None:
        """Store what a person decided about a customer. Earlier decisions stay on record."""
        at = self._clock.now()
        cells: dict[str, Cell] = {
            "id": choice.id,
            "account": choice.account,
            "shared": choice.shared,
            "who": who,
            "why": why,
            "at": at,
        }
        record: dict[str, Cell] = {**cells, "company": choice.company}
        operations: list[Operation] = [
            Put(CHOICE_PREFIX + choice.company, cells),
            Put(CHOSEN_PREFIX + choice.id, record),
        ]
        await self._tables.transact(TABLE, id, operations)

    async def resolve(self, claim: Claim, resolution: Resolution) -> None:
        """Store that a person settled the object by hand, and release the claim. Raises
        `TableConflict` when the claim is lost."""
        operations = resolutions.resolving(resolution, claim.decisions)
        await self._under_claim(claim, operations, "", self._clock.now())

    async def correct(self, claim: Claim, correction: Correction) -> None:
        """Store what a person ordered, and release the claim. Raises `TableConflict`."""
        now = self._clock.now()
        await self._under_claim(claim, [corrections.ordering(correction)], "", now)

    async def corrections(self, id: str) -> tuple[tuple[Correction, ...], dict[str, Link]]:
        """What was ordered about an object, and its links; without a claim. Raises `Parked`."""
        stored = await rows_of(self._tables, id)
        found = corrections.corrections_in(stored)
        return found, _links_in(stored, _choices_in(stored), self._codec) if found else {}

    async def reopen(self, claim: Claim, who: str) -> None:
        """Take such a decision back, and release the claim. Raises `TableConflict`."""
        now = self._clock.now()
        await self._under_claim(claim, resolutions.reopening(who, now, claim.decisions), "", now)

    async def resolution(self, id: str) -> Resolution | None:
        """What a person decided about an object; None where Tieout is to write it."""
        return resolutions.resolution_of(await self._tables.get(TABLE, id, resolutions.RESOLVED))

    async def is_erased(self, id: str) -> bool:
        """Whether a customer was erased; no id is nobody's."""
        return bool(id) and await self._tables.get(TABLE, id, ERASED) is not None

    async def erase(self, claim: Claim, eraser: Eraser, *, mark: bool, reasons: bool = True) -> int:
        """Take a customer out of all rows of an object, also out of what people wrote about it
        (`reasons`), and release the claim; returns how many rows changed. `mark`: the object is the
        customer itself, which is erased from now on. Raises `TableConflict` when the claim is lost.

        Announced writes must be over: of a customer they are forgotten, because its account is
        looked for before it is made, whatever was announced.
        """
        changes: list[list[Operation]] = []
        if mark and not claim.is_erased:
            changes.append([Put(ERASED, {"at": self._clock.now()})])
        for row in await rows_of(self._tables, claim.id):
            is_kept = row.row.startswith(SAID_PREFIXES) and not reasons
            operation = None if is_kept else self._erased(row, eraser, mark=mark)
            if operation is not None:
                changes.append([operation])
        *parts, rest = in_transactions(changes, CLAIMS)
        for operations in parts:
            await self._under_claim(claim, operations, claim.owner, claim.until)
        await self._under_claim(claim, rest, "", self._clock.now())
        return len(changes)

    def _erased(self, row: Row, eraser: Eraser, *, mark: bool) -> Operation | None:
        """What takes the customer out of a row; None where it says nothing of it."""
        cells: dict[str, Cell] | None = None
        if row.row.startswith(LINK_PREFIX):
            link = link_of(row, self._codec)
            cells = link_cells(replace(link, record=eraser.record(link.record)), self._codec)
        elif row.row.startswith(INTENT_PREFIX):
            if mark:
                return Delete(row.row)
            intent = intent_of(row, self._codec)
            cells = intent_cells(replace(intent, record=eraser.record(intent.record)), self._codec)
        elif row.row == DOCUMENT:
            stored = [eraser.document(each) for each in documents_in(row, self._codec)]
            packed = pack([self._codec.plain_document(document) for document in stored])
            kept = {name: row.cells[name] for name in UNPACKED if name in row.cells}
            cells = {**packed, **kept}
        elif row.row.startswith(SAID_PREFIXES) and "why" in row.cells:
            cells = {**row.cells, "why": ERASED_TEXT}
        return None if cells is None or cells == dict(row.cells) else Put(row.row, cells)

    async def is_settled(self, id: str) -> bool:
        """True when everything the object needs was written."""
        row = await self._tables.get(TABLE, id, DOCUMENT)
        return row is not None and row.cells["settled"] is True

    def _documents(self, documents: Sequence[Document], *, settled: bool) -> dict[str, Cell]:
        stored = pack([self._codec.plain_document(document) for document in documents])
        at, account = self._clock.now(), self._account
        return {**stored, "settled": settled, "at": at, "account": account}

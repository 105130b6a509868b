"""What we wrote for each Stripe object: claims, intents and links, in the table `links`.

Partition key = Stripe object id, so that one object is one entity-group transaction. Rows:
`claim` (who works on it, until when), `intent~<role>` (a write announced and not settled),
`link~<role>` (a record that exists), `document` (the last documents and records, packed),
`choice~<company>` (what a person decided about a customer), `chosen~<moment>` (all such decisions),
`resolved` and `resolution~...` (what a person settled by hand, `services/resolutions.py`).
Every write is conditional on the claim's ETag: a worker that lost its claim changes nothing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.domain.clearing import Resolution
from shared.domain.records import (
    Choice,
    Document,
    Intent,
    Link,
    canonical,
    document_of,
    plain_document,
    plain_record,
    record_of,
)
from shared.errors import ClaimHeld, TableConflict
from shared.ports import (
    TRANSACTION_OPERATIONS_MAX,
    Cell,
    Clock,
    Delete,
    Insert,
    Operation,
    Put,
    Replace,
    Row,
    Tables,
)
from shared.services import resolutions
from shared.services.packing import pack, unpack

TABLE = "links"
CLAIM = "claim"
DOCUMENT = "document"
INTENT_PREFIX = "intent~"
LINK_PREFIX = "link~"
CHOICE_PREFIX = "choice~"
CHOSEN_PREFIX = "chosen~"
CHANGES_PER_TRANSACTION = TRANSACTION_OPERATIONS_MAX - 1  # and the claim


@dataclass(slots=True)
class Held:
    """An object under our claim, and what is known of it. `choices`: by company. `resolution`: a
    person settled it by hand; `decisions`: how often people resolved or reopened it."""

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


def _link_cells(link: Link) -> dict[str, Cell]:
    """Readable cells for people, and the record packed."""
    record = link.record
    return {
        "company": link.company,
        "entity_set": record.entity_set,
        "keys": canonical(dict(link.keys)),
        "clearing_minor": record.document.clearing_minor,
        "mapping": record.mapping,
        "recreated": link.recreated,
        **pack(plain_record(record)),
    }


def _link_of(row: Row) -> Link:
    cells = row.cells
    return Link(
        keys=json.loads(str(cells["keys"])),
        record=record_of(unpack(cells)),
        recreated=int(str(cells["recreated"])),
    )


def _choice_of(row: Row) -> Choice:
    cells = row.cells
    company = row.row.removeprefix(CHOICE_PREFIX)
    return Choice(str(cells["id"]), company, str(cells["account"]), cells["shared"] is True)


def _is_superseded(link: Link, choices: Mapping[str, Choice]) -> bool:
    """Whether a person decided otherwise after the link was made."""
    choice = choices.get(link.company)
    return choice is not None and link.record.document.facts.get("choice") != choice.id


def _links_in(rows: Sequence[Row], choices: Mapping[str, Choice]) -> dict[str, Link]:
    found = [_link_of(row) for row in rows if row.row.startswith(LINK_PREFIX)]
    return {link.role: link for link in found if not _is_superseded(link, choices)}


def _choices_in(rows: Sequence[Row]) -> dict[str, Choice]:
    found = [_choice_of(row) for row in rows if row.row.startswith(CHOICE_PREFIX)]
    return {choice.company: choice for choice in found}


def _intent_cells(intent: Intent) -> dict[str, Cell]:
    record = intent.record
    return {
        "company": record.document.company,
        "entity_set": record.entity_set,
        "key": record.document.key,
        "journal": intent.journal,
        "mapping": record.mapping,
        "at": intent.at,
        **pack(plain_record(record)),
    }


def _intent_of(row: Row) -> Intent:
    cells = row.cells
    return Intent(str(cells["journal"]), str(cells["at"]), record_of(unpack(cells)))


def _document_cells(documents: Sequence[Document], settled: bool, at: datetime) -> dict[str, Cell]:
    stored = pack([plain_document(document) for document in documents])
    return {**stored, "settled": settled, "at": at}


def documents_in(row: Row) -> tuple[Document, ...]:
    """The documents that a row `document` holds: what must exist, as last computed."""
    return tuple(document_of(plain) for plain in unpack(row.cells))


def _in_transactions(changes: Sequence[Sequence[Operation]]) -> list[list[Operation]]:
    """Changes in as few transactions as hold them; what belongs to one role stays together."""
    parts: list[list[Operation]] = [[]]
    for change in changes:
        if len(parts[-1]) + len(change) > CHANGES_PER_TRANSACTION:
            parts.append([])
        parts[-1] += change
    return parts


class LinkStore:
    """Claims, intents and links over the storage port."""

    def __init__(self, tables: Tables, clock: Clock, lease_seconds: int) -> None:
        self._tables = tables
        self._clock = clock
        self._lease = timedelta(seconds=lease_seconds)

    async def claim(self, id: str, owner: str) -> Held:
        """Take the object for `lease_seconds`. Raises `ClaimHeld` or `TableConflict`."""
        rows = await self._tables.query(TABLE, partition=id)
        found = {row.row: row for row in rows}
        now = self._clock.now()
        until = now + self._lease
        cells: dict[str, Cell] = {"owner": owner, "until": until}
        operation: Operation = Insert(CLAIM, cells)
        old = found.get(CLAIM)
        if old is not None:
            held_until = old.cells["until"]
            if old.cells["owner"] and isinstance(held_until, datetime) and held_until > now:
                raise ClaimHeld(id, held_until)
            operation = Replace(CLAIM, cells, old.etag)
        (etag,) = await self._tables.transact(TABLE, id, [operation])
        held = Held(id, owner, etag, until, choices=_choices_in(rows))
        held.links = _links_in(rows, held.choices)
        for row in rows:
            if row.row.startswith(INTENT_PREFIX):
                held.intents[row.row.removeprefix(INTENT_PREFIX)] = _intent_of(row)
        held.resolution = resolutions.resolution_of(found.get(resolutions.RESOLVED))
        held.decisions = sum(row.row.startswith(resolutions.HISTORY_PREFIX) for row in rows)
        document = found.get(DOCUMENT)
        held.settled = document is not None and document.cells["settled"] is True
        return held

    async def intend(
        self, held: Held, intents: Sequence[Intent], documents: Sequence[Document]
    ) -> None:
        """Record what is about to be written. Raises `TableConflict` when the claim is lost."""
        changes: list[list[Operation]] = [
            [Put(INTENT_PREFIX + intent.role, _intent_cells(intent))] for intent in intents
        ]
        changes.append([Put(DOCUMENT, _document_cells(documents, False, self._clock.now()))])
        for operations in _in_transactions(changes):
            await self._under_claim(held, operations, held.owner, held.until)
        held.intents.update({intent.role: intent for intent in intents})

    async def settle(
        self,
        held: Held,
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
            changes[link.role] = [Put(LINK_PREFIX + link.role, _link_cells(link))]
        for role in dict.fromkeys(over):
            if role in held.intents:
                changes.setdefault(role, []).append(Delete(INTENT_PREFIX + role))
        for intent in open_intents:
            operation = Put(INTENT_PREFIX + intent.role, _intent_cells(intent))
            changes.setdefault(intent.role, []).append(operation)
        last: list[Operation] = []
        if documents is not None:
            last.append(Put(DOCUMENT, _document_cells(documents, True, self._clock.now())))
        *parts, rest = _in_transactions([*changes.values(), last])
        for operations in parts:
            await self._under_claim(held, operations, held.owner, held.until)
        await self._under_claim(held, rest, "", self._clock.now())

    async def _under_claim(
        self, held: Held, operations: Sequence[Operation], owner: str, until: datetime
    ) -> None:
        """Changes that are made only while the claim is ours. Raises `TableConflict`."""
        claim = Replace(CLAIM, {"owner": owner, "until": until}, held.etag)
        held.etag = (await self._tables.transact(TABLE, held.id, [claim, *operations]))[0]

    async def release(self, held: Held) -> None:
        """Give the claim back; when it was lost meanwhile there is nothing to give."""
        cells: dict[str, Cell] = {"owner": "", "until": self._clock.now()}
        try:
            await self._tables.transact(TABLE, held.id, [Replace(CLAIM, cells, held.etag)])
        except TableConflict:
            return

    async def links(self, id: str) -> dict[str, Link]:
        """The links of an object, without a claim: a look that may be old."""
        rows = await self._tables.query(TABLE, partition=id)
        return _links_in(rows, _choices_in(rows))

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

    async def resolve(self, held: Held, resolution: Resolution) -> None:
        """Store that a person settled the object by hand, and release the claim. Raises
        `TableConflict` when the claim is lost."""
        operations = resolutions.resolving(resolution, held.decisions)
        await self._under_claim(held, operations, "", self._clock.now())

    async def reopen(self, held: Held, who: str) -> None:
        """Take such a decision back, and release the claim. Raises `TableConflict`."""
        now = self._clock.now()
        await self._under_claim(held, resolutions.reopening(who, now, held.decisions), "", now)

    async def resolution(self, id: str) -> Resolution | None:
        """What a person decided about an object; None where Tieout is to write it."""
        return resolutions.resolution_of(await self._tables.get(TABLE, id, resolutions.RESOLVED))

    async def is_settled(self, id: str) -> bool:
        """True when everything the object needs was written."""
        row = await self._tables.get(TABLE, id, DOCUMENT)
        return row is not None and row.cells["settled"] is True

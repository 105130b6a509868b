"""What we wrote for each Stripe object: claims, intents and links, in the table `links`.

Partition key = Stripe object id, so that one object is one entity-group transaction. Rows:
`claim` (who works on it, until when), `intent~<role>` (a write announced and not settled),
`link~<role>` (a record that exists), `document` (the last documents and records, packed).
Every write is conditional on the claim's ETag: a worker that lost its claim changes nothing.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from shared.domain.records import Intent, Link, Record, canonical
from shared.errors import ClaimHeld, TableConflict
from shared.ports import (
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
from shared.services.packing import pack

TABLE = "links"
CLAIM = "claim"
DOCUMENT = "document"
INTENT_PREFIX = "intent~"
LINK_PREFIX = "link~"
MAPPING_VERSION = "finance-1"


@dataclass(slots=True)
class Held:
    """An object under our claim, and what is known of it."""

    id: str
    owner: str
    etag: str
    until: datetime
    links: dict[str, Link] = field(default_factory=dict)
    intents: dict[str, Intent] = field(default_factory=dict)
    settled: bool = False


def _link_cells(link: Link) -> dict[str, Cell]:
    return {**asdict(link), "keys": canonical(dict(link.keys))}


def _link_of(row: Row) -> Link:
    cells = row.cells
    return Link(
        role=str(cells["role"]),
        entity_set=str(cells["entity_set"]),
        company=str(cells["company"]),
        keys=json.loads(str(cells["keys"])),
        facts_hash=str(cells["facts_hash"]),
        spelling_hash=str(cells["spelling_hash"]),
        clearing_minor=int(str(cells["clearing_minor"])),
        recreated=int(str(cells["recreated"])),
    )


def _intent_of(row: Row) -> Intent:
    cells = {name: row.cells[name] for name in Intent.__dataclass_fields__}
    return Intent(**cells)  # type: ignore[arg-type]


def _document_cells(records: Sequence[Record], settled: bool, at: datetime) -> dict[str, Cell]:
    stored = [
        {
            "document": {**asdict(record.document)},
            "entity_set": record.entity_set,
            "fields": {name: str(value) for name, value in record.fields.items()},
        }
        for record in records
    ]
    return {**pack(stored), "settled": settled, "at": at, "mapping": MAPPING_VERSION}


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
        held = Held(id, owner, etag, until)
        for row in rows:
            if row.row.startswith(LINK_PREFIX):
                held.links[row.row.removeprefix(LINK_PREFIX)] = _link_of(row)
            elif row.row.startswith(INTENT_PREFIX):
                held.intents[row.row.removeprefix(INTENT_PREFIX)] = _intent_of(row)
        document = found.get(DOCUMENT)
        held.settled = document is not None and document.cells["settled"] is True
        return held

    async def intend(
        self, held: Held, intents: Sequence[Intent], records: Sequence[Record]
    ) -> None:
        """Record what is about to be written. Raises `TableConflict` when the claim is lost."""
        operations: list[Operation] = [
            Replace(CLAIM, {"owner": held.owner, "until": held.until}, held.etag),
            Put(DOCUMENT, _document_cells(records, False, self._clock.now())),
            *(Put(INTENT_PREFIX + intent.role, asdict(intent)) for intent in intents),
        ]
        etags = await self._tables.transact(TABLE, held.id, operations)
        held.etag = etags[0]
        held.intents.update({intent.role: intent for intent in intents})

    async def settle(
        self,
        held: Held,
        links: Sequence[Link],
        over: Sequence[str],
        open_intents: Sequence[Intent],
        records: Sequence[Record] | None,
    ) -> None:
        """Store new links, drop the intents of the roles in `over`, keep `open_intents` with
        their new times, and release the claim.

        `records` not None: all of them exist now, the object is settled.
        """
        operations: list[Operation] = [
            Replace(CLAIM, {"owner": "", "until": self._clock.now()}, held.etag),
            *(Put(LINK_PREFIX + link.role, _link_cells(link)) for link in links),
            *(Delete(INTENT_PREFIX + role) for role in over if role in held.intents),
            *(Put(INTENT_PREFIX + intent.role, asdict(intent)) for intent in open_intents),
        ]
        if records is not None:
            operations.append(Put(DOCUMENT, _document_cells(records, True, self._clock.now())))
        await self._tables.transact(TABLE, held.id, operations)

    async def release(self, held: Held) -> None:
        """Give the claim back; when it was lost meanwhile there is nothing to give."""
        cells: dict[str, Cell] = {"owner": "", "until": self._clock.now()}
        try:
            await self._tables.transact(TABLE, held.id, [Replace(CLAIM, cells, held.etag)])
        except TableConflict:
            return

    async def links(self, id: str) -> dict[str, Link]:
        """The links of an object, without a claim: a look that may be old."""
        rows = await self._tables.query(TABLE, partition=id, prefix=LINK_PREFIX)
        return {row.row.removeprefix(LINK_PREFIX): _link_of(row) for row in rows}

    async def is_settled(self, id: str) -> bool:
        """True when everything the object needs was written."""
        row = await self._tables.get(TABLE, id, DOCUMENT)
        return row is not None and row.cells["settled"] is True

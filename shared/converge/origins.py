"""What was written for the charge behind an object, under other objects: `Snapshot.of_charge`.

Read from our own links, without their claims: the gross line of the charge's transaction, its
order, else the first record that a row `origin~<object>` names. Such a row stands in the charge's
partition of `links`. An object stores it before it announces the first record of a charge that
nobody finds otherwise: a refund of a charge from before go-live, say. A row counts as long as its
record is announced or written; a decision of which nothing was written does not bind.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.converge.stages import DecidedObject
from shared.domain.records import Record
from shared.entities.charge.making import receipts
from shared.entities.common.objects import Context, Decided, Snapshot, id_of
from shared.entities.common.order_state import ORDER
from shared.entities.common.origin import (
    FIRST,
    GROSS,
    charge_of,
    currency_in,
    customer_in,
    party_in,
)
from shared.entities.common.transaction import category_of
from shared.entities.refund.making import REVERSAL, headers_in
from shared.errors import ClaimHeld, Parked, TableConflict
from shared.ports import Cell, Clock, Put, Row, Tables
from shared.stores.links import ORIGIN_PREFIX, TABLE, LinkStore
from shared.stores.paging import rows

DECISIONS_MAX = 5_000  # objects that may decide where a charge goes: no charge has as many refunds
PLACE = ("company", "customer", "currency")


@dataclass(frozen=True, slots=True)
class Origins:
    """Reads where sales went, and stores what decides it. `lease_seconds`: of a claim."""

    tables: Tables
    links: LinkStore
    clock: Clock
    lease_seconds: int

    async def read(self, snapshot: Snapshot, context: Context) -> Snapshot:
        """The snapshot with what was written for its charge."""
        charge = charge_of(snapshot)
        if not id_of(charge) or not _is_wanted(snapshot, context):
            return snapshot
        found: dict[str, Record] = {}
        transaction = id_of(charge.get("balance_transaction"))
        if transaction and transaction != snapshot.id:
            found |= await self._written(GROSS, transaction, GROSS)
        if snapshot.entity != "charge" and not any(map(party_in, found.values())):
            found |= await self._written(ORDER, id_of(charge), ORDER)
        if ORDER in found and category_of(snapshot.object) == "charge":
            found |= await self.links.all_written(id_of(charge), f"{REVERSAL}:")
        if not found and snapshot.record(GROSS) is None:
            for row in await self._rows(id_of(charge)):
                found = found or await self._named(row)
        return replace(snapshot, of_charge=found)

    async def _written(self, place: str, id: str, role: str) -> dict[str, Record]:
        record = await self.links.written(id, role)
        return {} if record is None else {place: record}

    async def _rows(self, charge: str) -> list[Row]:
        """What was decided for a charge, the first decision first. Raises `Parked` beyond
        `DECISIONS_MAX`."""
        found: list[Row] = []
        async for row in rows(self.tables, TABLE, charge, ORIGIN_PREFIX):
            if len(found) == DECISIONS_MAX:
                raise Parked(
                    "limit_reached",
                    f"more than {DECISIONS_MAX:,} objects decided where charge {charge} goes, and "
                    "none of them is known to be written; nothing was written",
                    "Book the charge by hand, then retry what follows it.",
                )
            found.append(row)
        return sorted(found, key=lambda row: (_at(row), row.row))

    async def _named(self, row: Row) -> dict[str, Record]:
        return await self._written(FIRST, _by(row), str(row.cells["role"]))

    async def note(self, mapping: str, value: DecidedObject) -> DecidedObject:
        """Store what today's rule decided for a charge of which nothing was written.

        Raises `TableConflict` when another object decided otherwise meanwhile, `ClaimHeld` while
        one may.
        """
        decided = value.desired.decided
        if decided is None or not value.desired.documents:
            return value
        cells = _cells(decided, mapping, self.clock.now())
        operation = Put(ORIGIN_PREFIX + value.id, cells)
        await self.tables.transact(TABLE, decided.charge, [operation])
        for row in await self._rows(decided.charge):
            if _by(row) == value.id or all(row.cells[name] == cells[name] for name in PLACE):
                continue
            if await self._named(row):
                raise TableConflict(f"{_by(row)} decided where {decided.charge} goes")
            until = _at(row) + timedelta(seconds=self.lease_seconds)
            if until > self.clock.now():
                raise ClaimHeld(decided.charge, until)  # it may announce its record at any moment
        return value


def _is_wanted(snapshot: Snapshot, context: Context) -> bool:
    """Whether anything is left to decide that depends on where the sale went."""
    if snapshot.entity == "charge":
        has_documents = context.policy.has_documents or any(headers_in(snapshot))
        return has_documents and snapshot.written(ORDER) is None
    gross = snapshot.written(GROSS)
    return gross is None or receipts.is_unapplied(gross)


def _by(row: Row) -> str:
    """The object that decided."""
    return row.row.removeprefix(ORIGIN_PREFIX)


def _at(row: Row) -> datetime:
    at = row.cells["at"]
    if not isinstance(at, datetime):
        raise TypeError(f"{row.partition} {row.row}: `at` is no moment")
    return at


def _cells(decided: Decided, mapping: str, at: datetime) -> dict[str, Cell]:
    document = decided.document
    return {
        "role": document.role,
        "company": document.company,
        "customer": customer_in(document) or "",
        "currency": currency_in(document),
        "mapping": mapping,
        "at": at,
    }

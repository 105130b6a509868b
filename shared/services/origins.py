"""What was written for the charge behind an object, under other objects: `Snapshot.of_charge`.

Read from our own links, without their claims: the gross line of the charge's transaction, its
order, else the first record that a row `origin~<object>` names. Such a row stands in the charge's
partition of `links`. An object stores it before it announces the first record of a charge that
nobody finds otherwise: a refund of a charge from before go-live, say. A row counts as long as its
record is announced or written; a decision of which nothing was written does not bind.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.documents import receipts
from shared.documents.common import Context, Decided, Snapshot, id_of
from shared.documents.credits import headers_in
from shared.documents.order_state import ORDER
from shared.documents.origin import FIRST, GROSS, charge_of, customer_in, party_in
from shared.domain.records import Record
from shared.errors import ClaimHeld, TableConflict
from shared.ports import Cell, Clock, Put, Row, Tables
from shared.services.links import ORIGIN_PREFIX, TABLE, LinkStore
from shared.services.task import Task

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
        if not found and snapshot.record(GROSS) is None:
            for row in await self._rows(id_of(charge)):
                found = found or await self._named(row)
        return replace(snapshot, of_charge=found)

    async def _written(self, place: str, id: str, role: str) -> dict[str, Record]:
        record = await self.links.written(id, role)
        return {} if record is None else {place: record}

    async def _rows(self, charge: str) -> list[Row]:
        """What was decided for a charge, the first decision first.

        One page holds them all: no charge is read that has more refunds (`LIST_PAGES_MAX`).
        """
        rows = await self.tables.query(TABLE, partition=charge, prefix=ORIGIN_PREFIX)
        return sorted(rows, key=lambda row: (_at(row), row.row))

    async def _named(self, row: Row) -> dict[str, Record]:
        return await self._written(FIRST, _by(row), str(row.cells["role"]))

    async def note(self, task: Task, mapping: str) -> None:
        """Store what today's rule decided for a charge of which nothing was written.

        Raises `TableConflict` when another object decided otherwise meanwhile, `ClaimHeld` while
        one may.
        """
        decided = task.desired.decided
        if decided is None or not task.going or not task.desired.documents:
            return
        cells = _cells(decided, mapping, self.clock.now())
        operation = Put(ORIGIN_PREFIX + task.id, cells)
        await self.tables.transact(TABLE, decided.charge, [operation])
        for row in await self._rows(decided.charge):
            if _by(row) == task.id or all(row.cells[name] == cells[name] for name in PLACE):
                continue
            if await self._named(row):
                raise TableConflict(f"{_by(row)} decided where {decided.charge} goes")
            until = _at(row) + timedelta(seconds=self.lease_seconds)
            if until > self.clock.now():
                raise ClaimHeld(decided.charge, until)  # it may announce its record at any moment


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
        "customer": customer_in(document.facts) or "",
        "currency": str(document.facts["currency"]),
        "mapping": mapping,
        "at": at,
    }

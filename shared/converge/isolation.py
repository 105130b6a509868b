"""Journals that the posting job refuses: their lines are isolated until the bad one is alone.

Dynamics posts a journal whole or not at all, and tells the reason only in its own log. So half of a
refused journal moves to a fresh one, again and again: what is good gets posted, what is bad ends
alone and parks. A move is one changeset (delete here, create there), done by the queue function of
the object, under its claim.
"""

from collections.abc import Sequence
from dataclasses import replace

from shared.converge.stages import Failed, PlannedObject, failed
from shared.domain.ids import object_of
from shared.domain.records import Link, Record
from shared.errors import Parked
from shared.ports import Cell, DynamicsGateway, Lookup, Put, Row, Tables
from shared.stores.journals import TABLE, UNPOSTED, journal_key
from shared.targets.finance import BATCH_NUMBER, PAYMENT_ID

REFUSED = "refused"  # a cell of an unposted journal's row


def objects_of(keys: Sequence[str]) -> list[str]:
    """The Stripe ids in a journal's line keys, each once, in order."""
    return list(dict.fromkeys(object_of(key) for key in keys))


async def keys_in(
    dynamics: DynamicsGateway, entity_set: str, company: str, batch: str
) -> list[str]:
    """The `PaymentId`s of a journal's lines, by line number."""
    lookup = Lookup(entity_set, company, {BATCH_NUMBER: batch}, select=(PAYMENT_ID, "LineNumber"))
    rows = await dynamics.find(lookup)
    rows.sort(key=lambda row: int(row["LineNumber"]))
    return [str(row[PAYMENT_ID]) for row in rows if row[PAYMENT_ID]]


async def mark(tables: Tables, row: Row, cells: dict[str, Cell]) -> None:
    """Note that the posting job refuses a journal; lines may leave it from now on."""
    await tables.transact(TABLE, UNPOSTED, [Put(row.row, {**row.cells, **cells, REFUSED: True})])


async def plan_moves(
    dynamics: DynamicsGateway, tables: Tables, values: Sequence[PlannedObject]
) -> list[PlannedObject | Failed]:
    """Move the lines of objects out of refused journals, or park the objects that are alone in
    one. Raises the ports' errors."""
    return [await _plan_moves(dynamics, tables, value) for value in values]


async def _plan_moves(
    dynamics: DynamicsGateway, tables: Tables, value: PlannedObject
) -> PlannedObject | Failed:
    moves: list[tuple[Record, Link]] = []
    alone: Parked | None = None
    for record, link in value.plan.verify:
        if record in value.plan.recreate or not await _is_refused(tables, record, link):
            continue
        batch = str(link.keys[BATCH_NUMBER])
        keys = await keys_in(dynamics, link.record.entity_set, link.company, batch)
        if objects_of(keys) == [value.id]:
            alone = alone or _alone(record, link, batch)
        else:
            moves.append((record, link))
    if alone is not None:
        return failed(value, alone)
    return replace(value, plan=replace(value.plan, move=tuple(moves)))


async def _is_refused(tables: Tables, record: Record, link: Link) -> bool:
    kind = record.document.journal
    if kind is None:
        return False
    key = journal_key(link.company, kind, str(link.keys[BATCH_NUMBER]))
    row = await tables.get(TABLE, UNPOSTED, key)
    return row is not None and row.cells.get(REFUSED) is True


def _alone(record: Record, link: Link, batch: str) -> Parked:
    return Parked(
        "posting_refused",
        f"{record.document.key} is alone in journal {batch} of {link.company}, and Dynamics does "
        "not post it",
        f"Open journal {batch} in Dynamics and validate it: the message names the fault. Mend it "
        "there and post it; then retry.",
    )

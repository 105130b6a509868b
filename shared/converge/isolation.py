"""Journals that the posting job refuses: what is good in them goes to a fresh one.

Dynamics posts a journal whole or not at all, and tells the reason only in its own log. Where a
cause can be read (`refusals.py`), the lines without one leave the journal in one step, and those
that have one stay and park with it: Dynamics may refuse to write a bad line again. Else the lines
are split by customer, each to a journal of their own; then, if they are all of one customer, by
object; an object that is alone parks. A move is one changeset (delete here, create there), done by
the queue function of the object, under its claim.

Which of these applies is decided once for a journal (`mode_of`), noted in its row, and read by the
objects (`plan_moves`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from shared.converge.refusals import (
    SELECTED,
    DraftLine,
    PostingRefusals,
    customer_of,
    draft_line,
    sides_of,
)
from shared.converge.stages import Failed, LineMove, PlannedObject
from shared.domain.books import Books
from shared.domain.ids import object_of, short_hash
from shared.domain.records import Link, Record
from shared.errors import Parked
from shared.ports import DynamicsGateway, Lookup, Put, Row, Tables
from shared.stores.journals import TABLE, UNPOSTED, journal_key
from shared.targets.entity_set import EntitySet
from shared.targets.finance import BATCH_NUMBER, FINANCE

REFUSED = "refused"  # a cell of an unposted journal's row: a `Mode`
ISOLATED_AT = "isolated_at"  # when that was decided
PART_CHARS = 12  # of what names a journal of its own in the keys of our rows


class Mode(StrEnum):
    """How the lines of a refused journal are told apart."""

    CAUSE = "cause"  # what has no known cause leaves, what has one parks
    CUSTOMER = "customer"  # the lines of each customer leave, to a journal of their own
    OBJECT = "object"  # the lines of each object leave, to a journal of their own
    ALONE = "alone"  # there is one object: it parks


def objects_of(keys: Sequence[str]) -> list[str]:
    """The Stripe ids in a journal's line keys, each once, in order."""
    return list(dict.fromkeys(object_of(key) for key in keys))


async def lines_in(
    dynamics: DynamicsGateway, entity_set: EntitySet, company: str, batch: str, delimiter: str
) -> list[DraftLine]:
    """The lines of a journal that have a key, by line number."""
    select = (*SELECTED, entity_set.date_field)
    rows = await dynamics.find(
        Lookup(entity_set.name, company, {BATCH_NUMBER: batch}, select=select)
    )
    lines = [draft_line(row, company, entity_set, delimiter) for row in rows]
    return sorted((line for line in lines if line.key), key=lambda line: line.number)


def mode_of(lines: Sequence[DraftLine], causes: Mapping[str, Parked]) -> Mode:
    """How to isolate what is bad among the lines of a refused journal."""
    if causes:
        return Mode.CAUSE
    if len({_customer_or_object(line.customer, line.key) for line in lines}) > 1:
        return Mode.CUSTOMER
    return Mode.OBJECT if len(objects_of([line.key for line in lines])) > 1 else Mode.ALONE


def _customer_or_object(customer: str, key: str) -> str:
    return f"customer {customer}" if customer else f"object {object_of(key)}"


async def mark(tables: Tables, row: Row, mode: Mode, now: datetime) -> None:
    """Note that the posting job refuses a journal; lines may leave it from now on."""
    cells = {**row.cells, REFUSED: mode.value, ISOLATED_AT: now}
    await tables.transact(TABLE, UNPOSTED, [Put(row.row, cells)])


@dataclass(frozen=True, slots=True)
class _Place:
    """An object's line in a refused journal."""

    value: PlannedObject
    record: Record
    link: Link
    mode: Mode
    batch: str


@dataclass(frozen=True, slots=True)
class Isolation:
    """Plans what of objects leaves refused journals. `refusals`: looks for causes, afresh at each
    call, in the companies of the books in force; `delimiter`: of display values."""

    dynamics: DynamicsGateway
    tables: Tables
    refusals: Callable[[Books], PostingRefusals]
    delimiter: str

    async def plan_moves(
        self, books: Books, values: Sequence[PlannedObject]
    ) -> list[PlannedObject | Failed]:
        """The objects, with the lines that have to move, and parked where a line is bad. Raises
        the ports' errors."""
        places = [place for value in values for place in await self._places(value)]
        causes = await self._causes(books, places)
        planned: list[PlannedObject | Failed] = []
        for value in values:
            moves: list[LineMove] = []
            bad: Parked | None = None
            for place in [each for each in places if each.value is value]:
                key = place.record.document.key
                if place.mode is Mode.ALONE:
                    bad = bad or _alone(place)
                elif place.mode is Mode.CAUSE and key in causes:
                    bad = bad or causes[key]
                else:
                    moves.append(self._move(place))
            desired = value.desired if bad is None else replace(value.desired, parked=bad)
            plan = replace(value.plan, move=tuple(moves))
            planned.append(replace(value, plan=plan, desired=desired))
        return planned

    async def _places(self, value: PlannedObject) -> list[_Place]:
        found = []
        for record, link in value.plan.verify:
            kind = record.document.journal
            if kind is None or record in value.plan.recreate:
                continue
            batch = str(link.keys[BATCH_NUMBER])
            row = await self.tables.get(TABLE, UNPOSTED, journal_key(link.company, kind, batch))
            mode = str(row.cells.get(REFUSED, "")) if row is not None else ""
            if mode:
                found.append(_Place(value, record, link, Mode(mode), batch))
        return found

    async def _causes(self, books: Books, places: Sequence[_Place]) -> dict[str, Parked]:
        """The known causes of the lines by now, by key."""
        judged = [place for place in places if place.mode is Mode.CAUSE]
        wanted = {place.record.document.key: None for place in judged}
        journals = dict.fromkeys(
            (place.link.record.entity_set, place.link.company, place.batch) for place in judged
        )
        lines: list[DraftLine] = []
        for name, company, batch in journals:
            read = await lines_in(self.dynamics, FINANCE[name], company, batch, self.delimiter)
            lines += [line for line in read if line.key in wanted]
        return await self.refusals(books).of(lines)

    def _move(self, place: _Place) -> LineMove:
        """Where a line goes: with all others that are good, or apart."""
        record, link = place.record, place.link
        apart = ""
        if place.mode is Mode.CUSTOMER:
            sides = sides_of(record.fields, link.company, self.delimiter)
            apart = _customer_or_object(customer_of(sides), record.document.key)
        elif place.mode is Mode.OBJECT:
            apart = f"object {place.value.id}"
        part = f"{place.batch}~{short_hash(apart, PART_CHARS)}" if apart else place.batch
        return LineMove(record, link, part)


def _alone(place: _Place) -> Parked:
    key, company = place.record.document.key, place.link.company
    return Parked(
        "posting_refused",
        f"{key} is alone in journal {place.batch} of {company}, and Dynamics does not post it",
        f"Open journal {place.batch} in Dynamics and validate it: the message names the fault. "
        "Correct it there and post the journal; then retry.",
    )

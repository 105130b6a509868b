"""Open journals: which batch the next lines go to. Table `journals`.

One open journal per (company, journal name, queue, session) and posting period: partition key
`<company>~<journal name>~<queue>~<session>`, row `open~<period>`. A session is a partition of one
Stripe account (`shared/domain/partition.py`). Only the queue function that holds it writes its
lines; a lease and the row's ETag guard the hand-over. A journal that
another worker still holds is left alone: we go on in a fresh one. It rolls over by line count and
by age; periods never share one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.books import Books
from shared.domain.journal import JournalKind
from shared.errors import DuplicateKey, UncertainWrite, limit_reached
from shared.ports import (
    Cell,
    Clock,
    DynamicsGateway,
    Insert,
    Lookup,
    Operation,
    Put,
    Random,
    Replace,
    Row,
    Tables,
    Write,
    WriteFailed,
)
from shared.settings import Settings
from shared.targets.finance import BATCH_NUMBER, FINANCE

TABLE = "journals"
DESCRIPTION_CHARS_MAX = 60
ROLLS_MAX = 1_000  # fresh journals one reservation may open
OPENING, OPEN, CLOSED = "opening", "open", "closed"
UNPOSTED, POSTED = "unposted", "posted"  # partitions: `<company>~<kind>~<batch>`


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes: the queue, its session, and a name for this run."""

    queue: str
    session: str
    owner: str


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for one line: the journal's batch number, and the line number to give it."""

    batch: str
    line_number: int


@dataclass(frozen=True, slots=True)
class JournalTarget:
    """Which journal lines go to."""

    company: str
    kind: JournalKind
    period: str


def journal_key(company: str, kind: JournalKind, batch: str) -> str:
    """The row key of a journal in the partitions `unposted` and `posted`."""
    return f"{company}~{kind.value}~{batch}"


def _description(month: str, writer: Writer, unique: str) -> str:
    """What people recognise a journal by; of a long account alias the queue's name gives way."""
    room = DESCRIPTION_CHARS_MAX - len(f"Stripe {month}  {writer.session} {unique}")
    return f"Stripe {month} {writer.queue[:room]} {writer.session} {unique}"


class Journals:
    """Reserves places in open journals, opening new ones as needed. `books`: name the journals."""

    def __init__(
        self,
        tables: Tables,
        dynamics: DynamicsGateway,
        clock: Clock,
        rng: Random,
        settings: Settings,
        *,
        books: Books,
    ) -> None:
        self._tables = tables
        self._dynamics = dynamics
        self._clock = clock
        self._rng = rng
        self._settings = settings
        self._books = books

    def _name(self, target: JournalTarget) -> str:
        return self._books.companies[target.company].journals[target.kind]

    def _partition(self, target: JournalTarget, writer: Writer) -> str:
        return f"{target.company}~{self._name(target)}~{writer.queue}~{writer.session}"

    async def reserve(self, target: JournalTarget, count: int, writer: Writer) -> list[Slot]:
        """`count` slots, in one or more journals.

        Raises `UncertainWrite` while it is unknown whether a new header was made, `TableConflict`
        when another worker changed the row, and the errors of the Dynamics port.
        """
        slots: list[Slot] = []
        for _ in range(ROLLS_MAX):
            row = await self._usable(target, writer)
            lines = int(str(row.cells["lines"]))
            room = min(count - len(slots), self._settings.journal_lines_max - lines)
            cells = {**row.cells, "lines": lines + room, **self._lease(writer)}
            partition = self._partition(target, writer)
            await self._tables.transact(
                TABLE, partition, [Replace(f"open~{target.period}", cells, row.etag)]
            )
            batch = str(row.cells["batch"])
            slots += [Slot(batch, lines + 1 + index) for index in range(room)]
            if len(slots) == count:
                return slots
        text = f"{count} lines need more than {ROLLS_MAX} journals of {target.company}"
        raise limit_reached(f"{text}; raise TIEOUT_JOURNAL_LINES_MAX")

    def _lease(self, writer: Writer) -> dict[str, Cell]:
        until = self._clock.now() + timedelta(seconds=self._settings.lease_seconds)
        return {"holder": writer.owner, "until": until}

    async def _usable(self, target: JournalTarget, writer: Writer) -> Row:
        """The open journal's row, with room; a fresh one where there is none."""
        partition = self._partition(target, writer)
        row = await self._tables.get(TABLE, partition, f"open~{target.period}")
        if row is not None and row.cells["state"] == OPENING:
            return await self._finish_opening(target, writer, row)
        if row is not None and not self._must_roll(row, writer):
            return row
        return await self._open(target, writer, row)

    def _must_roll(self, row: Row, writer: Writer) -> bool:
        cells, now = row.cells, self._clock.now()
        if cells["state"] == CLOSED:
            return True
        until, opened = cells["until"], cells["opened_at"]
        held = cells["holder"] not in ("", writer.owner)
        if held and isinstance(until, datetime) and until > now:
            return True
        age_max = timedelta(hours=self._settings.journal_hours_max)
        old = isinstance(opened, datetime) and now - opened > age_max
        return old or int(str(cells["lines"])) >= self._settings.journal_lines_max

    async def _open(self, target: JournalTarget, writer: Writer, old: Row | None) -> Row:
        """Announce a new journal, with a unique description, then make its header."""
        unique = f"{self._rng.getrandbits(48):012x}"
        description = _description(target.period[:7], writer, unique)
        cells: dict[str, Cell] = {
            "state": OPENING,
            "description": description,
            "batch": "",
            "lines": 0,
            "opened_at": self._clock.now(),
            **self._lease(writer),
        }
        row, partition = f"open~{target.period}", self._partition(target, writer)
        operations: list[Operation] = [Insert(row, cells)]
        if old is not None:
            operations = [Replace(row, cells, old.etag)]
            if old.cells["batch"]:
                closed = {**old.cells, "state": CLOSED}
                operations.append(Put(f"closed~{old.cells['batch']}", closed))
        etags = await self._tables.transact(TABLE, partition, operations)
        return await self._make_header(target, writer, Row(partition, row, cells, etags[0]))

    async def _make_header(self, target: JournalTarget, writer: Writer, row: Row) -> Row:
        fields = {
            "JournalName": self._name(target),
            "Description": str(row.cells["description"]),
        }
        write = Write("POST", FINANCE.of_journal(target.kind).header, target.company, fields)
        deadline = self._clock.now() + timedelta(seconds=self._settings.write_seconds_max)
        (result,) = await self._dynamics.apply([write], deadline)
        if isinstance(result, WriteFailed):
            if isinstance(result.error, UncertainWrite | DuplicateKey):  # its own echo, perhaps
                raise UncertainWrite(str(result.error), self._settings.write_settle_seconds)
            closed = {**row.cells, "state": CLOSED}
            await self._tables.transact(TABLE, row.partition, [Replace(row.row, closed, row.etag)])
            raise result.error
        return await self._opened(target, row, str(result.fields[BATCH_NUMBER]))

    async def _opened(self, target: JournalTarget, row: Row, batch: str) -> Row:
        """The header is there: note the journal as unposted, then open it for lines."""
        note: dict[str, Cell] = {"opened_at": self._clock.now(), "period": target.period}
        key = journal_key(target.company, target.kind, batch)
        await self._tables.transact(TABLE, UNPOSTED, [Put(key, note)])
        cells = {**row.cells, "state": OPEN, "batch": batch}
        (etag,) = await self._tables.transact(
            TABLE, row.partition, [Replace(row.row, cells, row.etag)]
        )
        return Row(row.partition, row.row, cells, etag)

    async def _finish_opening(self, target: JournalTarget, writer: Writer, row: Row) -> Row:
        """A header was announced and its answer lost: look for it, not too early."""
        opened = row.cells["opened_at"]
        wait = self._settings.write_seconds_max + self._settings.write_settle_seconds
        age = (self._clock.now() - opened).total_seconds() if isinstance(opened, datetime) else wait
        if age < wait:
            raise UncertainWrite(
                "Dynamics has not confirmed the header of a new journal yet", wait - age
            )
        headers = await self._dynamics.find(
            Lookup(
                FINANCE.of_journal(target.kind).header,
                target.company,
                {
                    "JournalName": self._name(target),
                    "Description": str(row.cells["description"]),
                },
            )
        )
        if headers:
            return await self._opened(target, row, str(headers[0][BATCH_NUMBER]))
        cells = {**row.cells, "opened_at": self._clock.now(), **self._lease(writer)}
        (etag,) = await self._tables.transact(
            TABLE, row.partition, [Replace(row.row, cells, row.etag)]
        )
        return await self._make_header(target, writer, Row(row.partition, row.row, cells, etag))

    async def retire(self, target: JournalTarget, batch: str, writer: Writer) -> None:
        """Leave a journal (posted meanwhile, or another writer is in it): the next reservation
        opens a fresh one. Raises `TableConflict`."""
        partition = self._partition(target, writer)
        row = await self._tables.get(TABLE, partition, f"open~{target.period}")
        if row is not None and row.cells["batch"] == batch:
            cells = {**row.cells, "state": CLOSED}
            await self._tables.transact(TABLE, partition, [Replace(row.row, cells, row.etag)])

    async def release(self, target: JournalTarget, writer: Writer) -> None:
        """Give the lease of the open journal back. Raises `TableConflict`."""
        partition = self._partition(target, writer)
        row = await self._tables.get(TABLE, partition, f"open~{target.period}")
        if row is not None and row.cells["holder"] == writer.owner:
            cells = {**row.cells, "holder": ""}
            await self._tables.transact(TABLE, partition, [Replace(row.row, cells, row.etag)])

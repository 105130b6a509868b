"""Open journals: which batch the next lines go to. Table `journals`.

One open journal per (company, journal name, queue, session) and accounting date: partition key
`<company>~<journal name>~<queue>~<session>`, row `open~<date>`, or `open~<date>~<part>` for
lines that are kept apart (`shared/converge/isolation.py`). A session is a partition of one
Stripe account (`shared/domain/partition.py`); all entities that write lines share the queue
`ledger`, which has one partition by default. Only the queue function that holds the session writes
its lines; a lease and the row's ETag guard the hand-over. A journal that another worker still holds
is left alone: we go on in a fresh one. It rolls over by line count and by age; dates never share
one.

What the posting job refuses shows in the order of journals of one name: `posted_through` keeps
when the last line of a posted one was written. A journal that was complete before, and is not
posted, was passed over (`passed_over`).
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from shared.domain.books import Books
from shared.domain.journal import JournalKind
from shared.errors import DuplicateKey, TableConflict, UncertainWrite, limit_reached
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
from shared.stores.holds import Holds
from shared.targets.finance import BATCH_NUMBER, FINANCE

TABLE = "journals"
DESCRIPTION_CHARS_MAX = 60
RECEIPTS, GENERAL = "receipts", "general"  # what people call the kinds of journal
UNIQUE_BITS = 32  # of a description, among the journals of one name, date and writer
ROLLS_MAX = 1_000  # fresh journals one reservation may open
OPENING, OPEN, CLOSED = "opening", "open", "closed"
UNPOSTED, POSTED = "unposted", "posted"  # partitions: `<company>~<kind>~<batch>`
THROUGH = "posted_through"  # partition, rows `<company>~<journal name>`
LINES_AT = "lines_at"  # when places for the newest lines of a journal were reserved
CONFLICTS_MAX = 5


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
    """Which journal lines go to. `part`: what keeps them apart from the others of the date; empty
    for most."""

    company: str
    kind: JournalKind
    date: date
    part: str = ""

    @property
    def row(self) -> str:
        """The row of the open journal."""
        return f"open~{self.date}~{self.part}" if self.part else f"open~{self.date}"


def journal_key(company: str, kind: JournalKind, batch: str) -> str:
    """The row key of a journal in the partitions `unposted` and `posted`."""
    return f"{company}~{kind.value}~{batch}"


async def note_posted(tables: Tables, noted: Row, landed_at: datetime | None) -> None:
    """Keep when the last line of a posted journal was written. `noted`: its row in `unposted`;
    `landed_at`: when lines of it were last known to be there, None where nobody knows. A place that
    was reserved after the posting holds no line, so the earlier of both counts. Raises
    `TableConflict` when others keep changing the row."""
    reserved = await _lines_at(tables, noted)
    if reserved is None or landed_at is None:
        return
    written = min(reserved, landed_at)
    name = _name_of(noted)
    for _ in range(CONFLICTS_MAX):
        row = await tables.get(TABLE, THROUGH, name)
        cells: dict[str, Cell] = {LINES_AT: written}
        if row is not None:
            before = row.cells[LINES_AT]
            if isinstance(before, datetime) and before >= written:
                return
        operation = Insert(name, cells) if row is None else Replace(name, cells, row.etag)
        try:
            await tables.transact(TABLE, THROUGH, [operation])
        except TableConflict:
            continue
        return
    raise TableConflict(f"{THROUGH} of {name} keeps changing")


async def passed_over(tables: Tables, noted: Row, lease: timedelta, after: datetime) -> bool:
    """Whether the posting job left an unposted journal out: one of the same name is posted whose
    last line was written when no line of this one could be under way any more.

    `noted`: its row in `unposted`. `lease`: the time of a writer. `after`: no older line counts.
    """
    written = await _lines_at(tables, noted)
    row = await tables.get(TABLE, THROUGH, _name_of(noted))
    through = row.cells[LINES_AT] if row is not None else None
    if written is None or not isinstance(through, datetime):
        return False
    return through > max(written + lease, after)


async def close(tables: Tables, noted: Row) -> bool:
    """Let no more lines into a journal. `noted`: its row in `unposted`. False where a writer is in
    it at this moment."""
    place, name = str(noted.cells["place"]), str(noted.cells["row"])
    row = await tables.get(TABLE, place, name)
    if row is None or row.cells["batch"] != noted.row.split("~", maxsplit=2)[2]:
        return True
    try:
        await tables.transact(
            TABLE, place, [Replace(name, {**row.cells, "state": CLOSED}, row.etag)]
        )
    except TableConflict:
        return False
    return True


async def _lines_at(tables: Tables, noted: Row) -> datetime | None:
    """When places for the last lines of a journal were reserved; None where nobody knows."""
    place, open_row = str(noted.cells.get("place", "")), str(noted.cells.get("row", ""))
    batch = noted.row.split("~", maxsplit=2)[2]
    if not place:
        return None
    for name in (f"closed~{batch}", open_row):
        row = await tables.get(TABLE, place, name)
        if row is not None and row.cells["batch"] == batch:
            written = row.cells.get(LINES_AT)
            return written if isinstance(written, datetime) else None
    return None


def _name_of(noted: Row) -> str:
    return f"{noted.row.partition('~')[0]}~{noted.cells.get('name', '')}"


def description(target: JournalTarget, session: str, unique: str) -> str:
    """What people search for, `Stripe 2026-11-05 receipts`; then the alias of the Stripe account
    and the number of the partition, unless they are the first; last what makes it unique.

    Raises `Parked` where the field cannot hold it.
    """
    alias, _, partition = session.rpartition("~")
    writer = alias if partition == "0" else session
    label = RECEIPTS if target.kind is JournalKind.CUSTOMER_PAYMENT else GENERAL
    words = ("Stripe", str(target.date), label, writer, unique)
    text = " ".join(word for word in words if word)
    if len(text) > DESCRIPTION_CHARS_MAX:
        raise limit_reached(
            f"the description of a journal holds {DESCRIPTION_CHARS_MAX} characters, {text!r} has "
            f"{len(text)}; shorten the alias of the Stripe account"
        )
    return text


class Journals:
    """Reserves places in open journals, opening new ones as needed. `books`: name the journals;
    `holds`: whose lines get journals of their own."""

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
        self.holds = Holds(tables)

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
            cells[LINES_AT] = self._clock.now()
            partition = self._partition(target, writer)
            await self._tables.transact(TABLE, partition, [Replace(target.row, cells, row.etag)])
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
        row = await self._tables.get(TABLE, partition, target.row)
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
        unique = f"{self._rng.getrandbits(UNIQUE_BITS):0{UNIQUE_BITS // 4}x}"
        cells: dict[str, Cell] = {
            "state": OPENING,
            "description": description(target, writer.session, unique),
            "batch": "",
            "lines": 0,
            "opened_at": self._clock.now(),
            **self._lease(writer),
        }
        row, partition = target.row, self._partition(target, writer)
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
        note: dict[str, Cell] = {
            "opened_at": self._clock.now(),
            "date": target.date.isoformat(),
            "name": self._name(target),
            "place": row.partition,
            "row": row.row,
        }
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
        row = await self._tables.get(TABLE, partition, target.row)
        if row is not None and row.cells["batch"] == batch:
            cells = {**row.cells, "state": CLOSED}
            await self._tables.transact(TABLE, partition, [Replace(row.row, cells, row.etag)])

    async def release(self, target: JournalTarget, writer: Writer) -> None:
        """Give the lease of the open journal back. Raises `TableConflict`."""
        partition = self._partition(target, writer)
        row = await self._tables.get(TABLE, partition, target.row)
        if row is not None and row.cells["holder"] == writer.owner:
            cells = {**row.cells, "holder": ""}
            await self._tables.transact(TABLE, partition, [Replace(row.row, cells, row.etag)])

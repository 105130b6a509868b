"""Timers at 100,000 transactions a day, over ports that take their time.

Time is virtual. The fakes compute what they answer from the number of a transaction, and wait as
long as the real ones: some milliseconds for storage, some tenths of a second for the vendors.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from local.clock import LoopClock
from local.loop import run_virtual
from local.tables import MemoryTables
from shared.app import App
from shared.domain.records import Link, Record
from shared.ports import Cell, Json, Lookup, Message, Page, Put, Row
from shared.registry import REGISTRY
from shared.services.audit.audit import PAGES_AT_ONCE
from shared.stores.journals import POSTED, UNPOSTED
from shared.stores.link_cells import link_cells
from shared.stores.links import DOCUMENT, LINK_PREFIX
from shared.stores.runs import RUN_SECONDS_MAX
from tests.unit.entities.objects import general_line
from tests.unit.services.fakes import FakeDynamics, RecordingFlows, RecordingQueue, rig

A_DAY = 100_000
DAY, HOUR, QUARTER = 86_400, 3_600, 900
SLOW_SECONDS = 1.2
STRIPE_SECONDS, STORAGE_SECONDS, BROKER_SECONDS = 0.4, 0.01, 0.03
DYNAMICS_SECONDS, DYNAMICS_PAGE = 2.0, 10_000
LAST_STEP_SECONDS = 90  # what a run may do after its time is over: the host waits 300 s in all
NOW = datetime(2026, 11, 11, tzinfo=UTC)
EPOCH = int(NOW.timestamp()) - DAY  # when the first transaction was made

type Body = Callable[["Account"], Awaitable[None]]


def id_of(number: int) -> str:
    return f"txn_{number:09}"


def created(number: int) -> int:
    return EPOCH + number * DAY // A_DAY


def first_since(moment: int) -> int:
    """The number of the first transaction made at a moment or later."""
    return max(-(-(moment - EPOCH) * A_DAY // DAY), 0)


@dataclass
class ManyTransactions:
    """`shared.ports.StripeGateway`: lists of transactions that are made all the time."""

    clock: LoopClock
    seconds: float = STRIPE_SECONDS
    calls: int = 0
    calls_most: int = 0

    async def page(self, entity: str, params: Mapping[str, str | int] = {}) -> Page:
        self.calls += 1
        self.calls_most = max(self.calls_most, self.calls)
        now = int(self.clock.now().timestamp())
        await self.clock.sleep(self.seconds)
        self.calls -= 1
        if entity != "balance_transaction":
            return Page((), has_more=False)
        end = first_since(min(int(params.get("created[lt]", now + 1)), now + 1))
        least = first_since(int(params.get("created[gte]", 0)))
        if "starting_after" in params:
            end = min(end, int(str(params["starting_after"]).removeprefix("txn_")))
        start = max(end - int(params["limit"]), least)
        found = range(end - 1, start - 1, -1)
        data = tuple(
            {"id": id_of(n), "type": "charge", "source": f"ch_{n}", "created": created(n)}
            for n in found
        )
        return Page(data, start > least)

    async def retrieve(self, entity: str, id: str, expand: Sequence[str] = ()) -> Json:
        raise AssertionError("a timer reads lists")

    async def balance(self) -> Json:
        raise AssertionError("a timer reads lists")

    async def note(self, *_args: Any) -> Json:
        raise AssertionError("a timer writes nothing")


class SlowTables(MemoryTables):
    """Storage that takes its time, and computes what it has of transactions: all are written but
    every 50th."""

    def __init__(self, clock: LoopClock) -> None:
        super().__init__()
        self.clock = clock

    async def get(self, table: str, partition: str, row: str) -> Row | None:
        await self.clock.sleep(STORAGE_SECONDS)
        if table == "links" and row == DOCUMENT and partition.startswith("txn_"):
            cells = {"settled": int(partition.removeprefix("txn_")) % 50 != 0}
            return Row(partition, row, cells, "1")
        return await super().get(table, partition, row)

    async def query(
        self,
        table: str,
        *,
        partition: str | None = None,
        prefix: str = "",
        after: tuple[str, str] | None = None,
        limit: int = 1_000,
    ) -> list[Row]:
        await self.clock.sleep(STORAGE_SECONDS)
        if table == "links" and partition is not None and partition.startswith("txn_"):
            is_there = is_booked(int(partition.removeprefix("txn_")))
            return [link_row(partition)] if is_there else []
        return await super().query(
            table, partition=partition, prefix=prefix, after=after, limit=limit
        )


class SlowQueue(RecordingQueue):
    """A broker that takes its time."""

    def __init__(self, clock: LoopClock) -> None:
        super().__init__()
        self.clock = clock
        self.seconds = BROKER_SECONDS

    async def send(self, queue: str, messages: Sequence[Message]) -> None:
        await self.clock.sleep(self.seconds)
        await super().send(queue, messages)

    @property
    def objects(self) -> dict[str, None]:
        return dict.fromkeys(str(message.body["object"]) for _, message in self.sent)


def day_of(number: int) -> date:
    return datetime.fromtimestamp(created(number), UTC).date()


def place_of(number: int) -> tuple[str, int]:
    return f"B{number // 1_000:06}", number % 1_000 + 1


def link_row(id: str) -> Row:
    number = int(id.removeprefix("txn_"))
    batch, line = place_of(number)
    document = general_line("gross", key=f"{id}:gross", date=day_of(number))
    record = Record(document, "LedgerJournalLines", "PaymentId", {})
    keys: dict[str, str | int] = {"JournalBatchNumber": batch, "LineNumber": line}
    return Row(id, f"{LINK_PREFIX}gross", link_cells(Link(keys, record), REGISTRY.codec), "1")


def is_booked(number: int) -> bool:
    """Whether a transaction has a line; only some have, because each costs the test its time."""
    return number % 4 == 0


def is_missing(number: int) -> bool:
    return number % 1_000 == 8


def is_doubled(number: int) -> bool:
    return number % 1_000 == 12


@dataclass
class ManyLines(FakeDynamics):
    """Dynamics with a line for each transaction, but for some that are missing or there twice."""

    clock: LoopClock | None = None
    posted: dict[str, None] = field(default_factory=dict)

    async def find(self, lookup: Lookup) -> list[Json]:
        assert self.clock is not None
        rows: list[Json] = []
        if lookup.any_of is not None and lookup.any_of[0] == "JournalBatchNumber":
            await self.clock.sleep(DYNAMICS_SECONDS)
            return [
                {"JournalBatchNumber": name, "IsPosted": "Yes" if name in self.posted else "No"}
                for name in lookup.any_of[1]
            ]
        if lookup.entity_set == "LedgerJournalLines" and lookup.company == "usmf":
            first, last = (
                datetime.fromisoformat(str(next(iter(bounds.values())))).replace(tzinfo=UTC)
                for bounds in (lookup.at_least, lookup.at_most)
            )
            now = int(self.clock.now().timestamp())
            end = min(int((last + timedelta(days=1)).timestamp()), now + 1)
            for number in range(first_since(int(first.timestamp())), first_since(end)):
                batch, line = place_of(number)
                row = {
                    "PaymentId": f"{id_of(number)}:gross",
                    "JournalBatchNumber": batch,
                    "LineNumber": line,
                }
                if is_booked(number):
                    rows += [row] * (0 if is_missing(number) else 2 if is_doubled(number) else 1)
        await self.clock.sleep(DYNAMICS_SECONDS * (1 + len(rows) // DYNAMICS_PAGE))
        return rows


@dataclass
class Account:
    """All of them, and how long each run took."""

    clock: LoopClock
    stripe: ManyTransactions
    dynamics: ManyLines
    tables: SlowTables
    queue: SlowQueue
    app: App
    runs: list[float] = field(default_factory=list)

    async def run(self, timer: Callable[[], Awaitable[int]]) -> int:
        """One run of a timer, which the host would not cut."""
        before = self.clock.now()
        count = await timer()
        self.runs.append((self.clock.now() - before).total_seconds())
        assert self.runs[-1] <= RUN_SECONDS_MAX + LAST_STEP_SECONDS
        return count

    async def cursor(self, partition: str, name: str) -> Mapping[str, Cell]:
        """What is kept of a timer's work."""
        row = await self.tables.get("cursors", partition, name)
        return {} if row is None else row.cells

    async def next(self, seconds: float) -> None:
        """Until the timer is due again."""
        await self.clock.sleep(seconds - self.runs[-1])


def live(body: Body, **changes: Any) -> None:
    async def main(clock: LoopClock) -> None:
        stripe, tables, queue = ManyTransactions(clock), SlowTables(clock), SlowQueue(clock)
        dynamics = ManyLines(clock=clock)
        app = replace(
            rig(tables=tables, **changes).app,
            stripe=stripe,
            queue=queue,
            clock=clock,
            dynamics=dynamics,
            tables=tables,
        )
        await body(Account(clock, stripe, dynamics, tables, queue, app))

    run_virtual(main, start=NOW)


def unwritten(first: int, end: int) -> list[str]:
    return [id_of(number) for number in range(first, end) if number % 50 == 0]


def test_a_sweep_of_a_day_of_100_000_transactions_ends_in_time_and_sends_everything() -> None:
    async def body(account: Account) -> None:
        made = first_since(int(account.clock.now().timestamp()))
        for _ in range(3):
            await account.run(account.app.sweep(RecordingFlows()).transactions)
            cells = await account.cursor("sweep", "balance_transaction")
            if "began" not in cells:
                break
            await account.next(HOUR)
        assert list(cells) == ["through"]
        assert str(cells["through"]).startswith("2026-11-11 00:00:00")
        assert len(account.runs) == 3
        assert max(account.runs) <= RUN_SECONDS_MAX + 5
        sent = account.queue.objects
        assert [id for id in unwritten(made - A_DAY, made) if id not in sent] == []
        # The next sweep begins a day before this one began: what was made meanwhile is in it.
        newer = first_since(int(account.clock.now().timestamp()))
        assert newer > made + 5_000
        for _ in range(4):
            await account.next(HOUR)
            await account.run(account.app.sweep(RecordingFlows()).transactions)
        sent = account.queue.objects
        assert [id for id in unwritten(made - A_DAY, newer) if id not in sent] == []

    live(body, sweep_first_days=1, sweep_overlap_hours=1)


def test_journals_behind_the_first_pages_are_noted_as_posted() -> None:
    async def body(account: Account) -> None:
        count = 10_000
        names = [f"B{number:06}" for number in range(count)]
        for name in names:
            note = Put(f"usmf~general~{name}", {"opened_at": NOW, "period": "2026-11-11"})
            await MemoryTables.transact(account.tables, "journals", UNPOSTED, [note])
        account.dynamics.posted = {names[1_200]: None, names[-1]: None}
        await account.run(account.app.posting_watch().run)
        while (await account.cursor("place", "unposted_journals"))["after"]:
            await account.next(4 * HOUR)
            await account.run(account.app.posting_watch().run)
            assert len(account.runs) < 5
        assert len(account.runs) > 1
        rows = await MemoryTables.query(account.tables, "journals", partition=POSTED)
        assert [row.row for row in rows] == [
            f"usmf~general~{name}" for name in account.dynamics.posted
        ]

    live(body)


def test_waiting_items_beyond_one_run_come_in_the_next() -> None:
    async def body(account: Account) -> None:
        count = 30_000
        for number in range(count):
            cells: dict[str, Cell] = {
                "id": f"ch_{number:06}",
                "type": "",
                "kind": "converge",
                "entity": "charge",
                "object": f"ch_{number:06}",
                "account": "default",
                "generation": 0,
                "attempt": 0,
                "first_seen_at": NOW - timedelta(days=1),
                "updated_at": NOW - timedelta(hours=3),
            }
            put = Put(f"waiting~ch_{number:06}", cells)
            where = f"charge~{number % 4}"
            await MemoryTables.transact(account.tables, "events", where, [put])
        account.queue.seconds = 1.0
        while len(account.queue.objects) < count:
            await account.run(account.app.sweep(RecordingFlows()).waiting)
            assert len(account.runs) < 5
            await account.next(QUARTER)
        assert len(account.runs) == 2

    live(body)


def suspects(first: int, end: int) -> list[str]:
    return [id_of(n) for n in range(first, end) if is_missing(n) or is_doubled(n)]


def test_an_audit_of_days_of_100_000_transactions_ends_in_time_and_verifies_everything() -> None:
    async def body(account: Account) -> None:
        made = first_since(int(account.clock.now().timestamp()))
        account.stripe.seconds = SLOW_SECONDS
        await account.run(account.app.audit().lines)
        while await account.cursor("sweep", "audit"):
            await account.next(QUARTER)
            await account.run(account.app.audit().go_on)
            assert len(account.runs) < 4
        assert len(account.runs) > 1
        assert account.stripe.calls_most == PAGES_AT_ONCE
        # What is written while the audit reads may be verified for nothing.
        old = [id for id in account.queue.objects if id < id_of(made)]
        assert sorted(old) == suspects(made - A_DAY, made)
        assert len(account.queue.objects) < len(old) + 10
        assert await account.run(account.app.audit().go_on) == 0

    live(body)

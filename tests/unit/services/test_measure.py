"""The gauges: what the timer records of our own tables."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import pytest

from local.tables import MemoryTables
from local.telemetry import MemoryTelemetry
from shared import telemetry
from shared.domain.books import Books
from shared.domain.clearing import (
    ACCEPTED,
    LISTING_DIFFERS,
    NOT_WRITTEN,
    OTHER_LEDGER_ENTRIES,
    UNKNOWN_LINE,
    WRONG_AMOUNT,
    Difference,
    Proof,
)
from shared.domain.matching import TieOut
from shared.domain.money import Money
from shared.errors import StorageUnavailable, Unavailable
from shared.outcomes import Kind, Outcome
from shared.ports import Cell, Put, Row
from shared.services.operations import measure
from shared.services.operations.measure import Measure, unexplained_minor
from shared.services.reconciliation import Proofs
from shared.stores.item import Item
from shared.stores.items import ItemOutcome, Items
from shared.stores.journals import TABLE, UNPOSTED
from shared.stores.tie_outs import TIEOUTS, cells_of
from shared.stores.unposted import Move, Unposted
from tests.unit.services.fakes import ManualClock, settings

HOUR = 3_600
B1, B2 = "usmf~general~B1", "usmf~general~B2"


def usd(minor: int) -> Money:
    return Money(minor, "usd")


def proof_of(*differences: Difference, gap: int = 0) -> Proof:
    return Proof(usd(gap), usd(0), usd(0), 1, differences, usd(0))


type AllProofs = dict[str, Proofs]


async def no_proof() -> AllProofs:
    return {"default": Proofs("", {})}


class CountedTables(MemoryTables):
    """Counts reads; some tables may be away."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.away = ""

    async def get(self, table: str, partition: str, row: str) -> Row | None:
        self.reads += 1
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
        self.reads += 1
        if table == self.away:
            raise StorageUnavailable("away")
        return await super().query(
            table, partition=partition, prefix=prefix, after=after, limit=limit
        )


async def books() -> Books:
    return settings().books


class Bench:
    """The service over tables in memory, and what it told."""

    def __init__(self, prove: Callable[[], Awaitable[AllProofs]] = no_proof) -> None:
        self.clock = ManualClock()
        self.tables = CountedTables()
        self.items = Items(self.tables, self.clock)
        self.unposted = Unposted(self.tables, self.clock)
        self.told = MemoryTelemetry(self.clock)
        telemetry.use(self.told)
        self.measure = Measure(
            items=self.items,
            unposted=self.unposted,
            tables=self.tables,
            clock=self.clock,
            prove=prove,
            queues=("charge", "payout"),
            books=books,
        )

    async def park(self, object: str, cause: str, minor: int, kind: Kind = Kind.PARK) -> None:
        item = Item(f"evt_{object}_{kind}", "charge.updated", "charge", object)
        outcome = Outcome(kind, cause=cause, amount_minor=minor, currency="usd")
        await self.items.store("charge", [ItemOutcome(item, outcome)])

    async def journal(self, key: str, **cells: Cell) -> None:
        await self.tables.transact(
            TABLE, UNPOSTED, [Put(key, {"opened_at": self.clock.now(), **cells})]
        )

    async def tie_out(self, payout: str, wrong: int = 1) -> None:
        now = self.clock.now()
        cells = cells_of(TieOut(usd(5), 1, usd(5), 0, usd(0), wrong), now, now, "default")
        await self.tables.transact("payouts", TIEOUTS, [Put(payout, cells)])

    def gauge(self, name: str, **dimensions: str) -> float:
        return self.told.total(name, **dimensions)


async def test_the_inbox_is_told_by_cause_and_currency_down_to_zero() -> None:
    bench = Bench()
    await bench.park("ch_1", "refused", 10_000)
    await bench.park("ch_2", "refused", -2_000)
    await bench.measure.run()
    assert bench.gauge("tieout.parked.items", cause="refused") == 2
    assert bench.gauge("tieout.parked.amount_minor", currency="usd") == 12_000
    await bench.park("ch_1", "", 0, Kind.DONE)
    await bench.park("ch_2", "", 0, Kind.DONE)
    await bench.measure.run()
    assert bench.gauge("tieout.parked.items", cause="refused") == 0
    assert bench.gauge("tieout.parked.amount_minor", currency="usd") == 0
    assert [point.value for point in bench.told.points if point.name == "tieout.parked.items"] == [
        2,
        0,
    ]


async def test_unposted_lines_are_told_by_company_with_the_age_of_the_oldest() -> None:
    bench = Bench()
    await bench.journal(B1)
    await bench.unposted.change({B1: [Move(usd(9_680)), Move(usd(-1_500))]})
    bench.clock.advance(3 * HOUR)
    await bench.journal(B2)
    await bench.unposted.change({B2: [Move(usd(20))]})
    bench.clock.advance(HOUR)
    await bench.measure.run()
    wanted = {"company": "usmf", "currency": "usd"}
    assert bench.gauge("tieout.unposted.amount_minor", **wanted) == 11_200
    assert bench.gauge("tieout.unposted.oldest_hours", company="usmf") == 4
    assert bench.gauge("tieout.journal.refused", company="usmf") == 0


async def test_what_is_posted_is_counted_once_and_not_unposted_any_more() -> None:
    bench = Bench()
    await bench.unposted.change({B1: [Move(usd(9_680)), Move(usd(-1_500))], B2: [Move(usd(7))]})
    await bench.tables.transact(TABLE, "posted", [Put(B1, {"period": "2026-10"})])
    for _ in range(2):  # B1 was seen posted; B2 is gone: the audit found it empty
        await bench.measure.run()
    assert bench.gauge("tieout.money.posted_minor", direction="in") == 9_680
    assert bench.gauge("tieout.money.posted_minor", direction="out") == 1_500
    assert bench.gauge("tieout.unposted.amount_minor", company="usmf") == 0
    assert bench.gauge("tieout.unposted.oldest_hours", company="usmf") == 0


async def test_the_journals_that_the_posting_job_passed_over_are_counted() -> None:
    bench = Bench()
    await bench.journal(B1)
    bench.clock.advance(1_000 * HOUR)
    await bench.journal(B2, refused="cause")
    await bench.measure.run()
    assert bench.gauge("tieout.journal.refused", company="usmf") == 1


async def test_open_tie_outs_are_told_with_their_age_and_with_the_last_look_of_their_flow() -> None:
    bench = Bench()
    await bench.tie_out("po_1")
    bench.clock.advance(30 * HOUR)
    await bench.tie_out("po_2")
    await bench.tie_out("po_3", wrong=0)
    bench.clock.advance(HOUR)
    await bench.measure.run()
    assert bench.gauge("tieout.payout.open_items") == 2
    assert bench.gauge("tieout.payout.oldest_open_hours") == 31
    assert bench.gauge("tieout.flow.idle_hours", flow="payout_flow") == 31


async def test_a_backfill_that_runs_is_idle_since_its_last_page() -> None:
    bench = Bench()
    for status, hours in (("running", 2), ("done", 0)):
        cells: dict[str, Cell] = {"status": status, "at": bench.clock.now()}
        await bench.tables.transact("cursors", "backfill", [Put("progress", cells)])
        bench.clock.advance(2 * HOUR)
        await bench.measure.run()
        assert bench.gauge("tieout.flow.idle_hours", flow="backfill_flow") == hours


async def test_the_gap_is_that_of_the_newest_proof() -> None:
    gaps = [proof_of(Difference(WRONG_AMOUNT, "txn_1", usd(-120)), gap=-120), proof_of()]

    async def prove() -> AllProofs:
        return {"default": Proofs("", {"usd": gaps.pop(0)})}

    bench = Bench(prove)
    await bench.measure.run()
    assert not [point for point in bench.told.points if point.name == "tieout.proof.gap_minor"]
    for gap in (120, 0):
        assert await bench.measure.prove() == 1
        for _ in range(2):
            await bench.measure.run()
            assert bench.gauge("tieout.proof.gap_minor", currency="usd") == gap


async def test_the_gaps_of_two_accounts_do_not_cancel_out() -> None:
    def of(minor: int) -> Proofs:
        return Proofs(
            "", {"usd": proof_of(Difference(WRONG_AMOUNT, "txn_1", usd(minor)), gap=minor)}
        )

    async def prove() -> AllProofs:
        return {"default": of(-120), "shop-eu": of(120)}

    bench = Bench(prove)
    assert await bench.measure.prove() == 2
    await bench.measure.run()
    assert bench.gauge("tieout.proof.gap_minor", currency="usd") == 120
    assert bench.gauge("tieout.proof.gap_minor", currency="shop-eu~usd") == 120


async def test_a_proof_that_cannot_be_made_fails_its_run_and_keeps_the_last_gap() -> None:
    async def prove() -> AllProofs:
        raise Unavailable("proof", "reading took too long")

    with pytest.raises(Unavailable):
        await Bench(prove).measure.prove()


@pytest.mark.parametrize(
    ("differences", "gap", "unexplained"),
    [
        ((), 0, 0),
        ((), 7, 7),
        ((Difference(NOT_WRITTEN, "txn_1", usd(500)),), 500, 0),
        ((Difference(ACCEPTED, "txn_1", usd(-500)),), -500, 0),
        ((Difference(WRONG_AMOUNT, "txn_1", usd(-3)),), -3, 3),
        ((Difference(UNKNOWN_LINE, "a", usd(9)), Difference(UNKNOWN_LINE, "b", usd(-9))), 0, 18),
        ((Difference(OTHER_LEDGER_ENTRIES, "", usd(1)),), 1, 1),
        ((Difference(LISTING_DIFFERS, "", usd(2)), Difference(NOT_WRITTEN, "t", usd(5))), 7, 2),
    ],
)
def test_what_nobody_works_on_and_nobody_accepted_is_unexplained(
    differences: Sequence[Difference], gap: int, unexplained: int
) -> None:
    assert unexplained_minor(proof_of(*differences, gap=gap)) == unexplained


async def test_silence_is_told_from_the_events_of_all_queues() -> None:
    bench = Bench()
    for _ in range(15 * 24):
        await bench.items.skip("webhook~0")
        await bench.measure.run()
        bench.clock.advance(HOUR)
    assert bench.gauge("tieout.silence.ratio") < 1
    bench.clock.advance(12 * HOUR)
    await bench.measure.run()
    assert bench.gauge("tieout.silence.ratio") > 1


async def test_what_cannot_be_read_keeps_the_rest_from_nothing_and_is_seen() -> None:
    bench = Bench()
    await bench.park("ch_1", "refused", 10_000)
    bench.tables.away = "payouts"
    with pytest.raises(ExceptionGroup, match="measure failed for tie-outs"):
        await bench.measure.run()
    assert bench.gauge("tieout.parked.items", cause="refused") == 1
    assert bench.gauge("tieout.fault.events", event="timer_part_failed") == 1


async def test_reads_do_not_grow_with_parked_objects() -> None:
    bench = Bench()
    await bench.measure.run()
    before, bench.tables.reads = bench.tables.reads, 0
    for n in range(300):
        await bench.park(f"ch_{n}", "refused", 1)
    bench.tables.reads = 0
    await bench.measure.run()
    assert bench.tables.reads <= before


async def test_a_limit_that_is_reached_is_a_fault(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, telemetry.LOGGER_NAME)
    bench = Bench()
    tie_outs = [f"po_{n}" for n in range(measure.TIE_OUTS_MAX)]
    now = bench.clock.now()
    cells = cells_of(
        TieOut(usd(5), 1, usd(5), 0, usd(0), 0), now, now - timedelta(days=1), "default"
    )
    for start in range(0, len(tie_outs), 100):
        operations = [Put(each, cells) for each in tie_outs[start : start + 100]]
        await bench.tables.transact("payouts", TIEOUTS, operations)
    await bench.measure.run()
    assert bench.gauge("tieout.fault.events", event="measure_limit_reached") == 1
    assert f'"limit": {measure.TIE_OUTS_MAX}' in caplog.text

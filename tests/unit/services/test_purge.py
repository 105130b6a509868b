"""The purge deletes what only tells what happened, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from local.tables import MemoryTables
from shared.errors import FlowsUnavailable
from shared.outcomes import Kind, Outcome
from shared.ports import Insert, Json, Put, Row
from shared.services.privacy import Purge
from shared.services.privacy.purge import FLOWS_SINCE
from shared.stores.audit_log import AuditedAction, AuditFilter, AuditLog
from shared.stores.item import Item, ItemKind
from shared.stores.item_outcomes import ItemOutcome
from shared.stores.items import TABLE, Items, home, places
from shared.stores.runs import RUN_SECONDS_MAX
from tests.unit.services.fakes import START, ManualClock

RETENTION_DAYS = 30
QUEUE = "charge"
OLD = timedelta(days=RETENTION_DAYS, seconds=1)


@dataclass
class EndedFlows:
    """Flows by when they began."""

    began: list[datetime] = field(default_factory=list)
    asked: list[tuple[datetime, datetime]] = field(default_factory=list)
    error: Exception | None = None
    clock: ManualClock | None = None

    async def start(self, name: str, instance: str, input: Json) -> None:
        raise AssertionError((name, instance, input))

    async def poke(self, instance: str) -> None:
        raise AssertionError(instance)

    async def status(self, instance: str) -> str | None:
        raise AssertionError(instance)

    async def purge(self, since: datetime, until: datetime) -> int:
        if self.error is not None:
            raise self.error
        if self.clock is not None:
            self.clock.advance(RUN_SECONDS_MAX / 4)
        self.asked.append((since, until))
        gone = [at for at in self.began if since <= at < until]
        self.began = [at for at in self.began if at not in gone]
        return len(gone)


@dataclass
class Rig:
    tables: MemoryTables = field(default_factory=MemoryTables)
    clock: ManualClock = field(default_factory=ManualClock)
    flows: EndedFlows = field(default_factory=EndedFlows)

    def __post_init__(self) -> None:
        self.items = Items(self.tables, self.clock)
        self.audit_log = AuditLog(self.tables, self.clock)
        self.purge = Purge(
            items=self.items,
            tables=self.tables,
            flows=self.flows,
            clock=self.clock,
            audit_log=self.audit_log,
            places=places([QUEUE]),
            retention_days=RETENTION_DAYS,
        )

    async def tell(self, number: int, kind: Kind, type: str = "charge.succeeded") -> None:
        item = Item(f"evt_{number}", type, QUEUE, f"ch_{number}")
        outcome = Outcome(kind, cause="cause", text="text", remedy="remedy")
        await self.items.store(QUEUE, [ItemOutcome(item, outcome)])

    async def rows(self, prefix: str = "") -> list[str]:
        stored: list[Row] = []
        for where in places([QUEUE]):
            stored += await self.tables.query(TABLE, partition=where, prefix=prefix)
        return sorted(row.row for row in stored)

    async def counts(self) -> dict[str, int]:
        return await self.items.counts(places([QUEUE]))


async def test_the_row_of_an_object_of_a_further_account_stays_and_says_whose_it_is() -> None:
    rig = Rig()
    item = Item("evt_1", "charge.succeeded", QUEUE, "ch_1", account="shop-eu")
    await rig.items.store(QUEUE, [ItemOutcome(item, Outcome(Kind.DONE))])
    rig.clock.moment += OLD
    assert await rig.purge.run() == 1
    assert await rig.rows() == ["counter", "object~ch_1"]
    assert await rig.items.account_of(QUEUE, "ch_1") == "shop-eu"


async def test_items_that_are_done_or_skipped_go_when_their_retention_is_over() -> None:
    rig = Rig()
    await rig.tell(1, Kind.DONE)
    await rig.tell(2, Kind.SKIP)
    await rig.tell(3, Kind.DONE, ItemKind.VERIFY)
    rig.clock.moment += OLD
    await rig.tell(4, Kind.DONE)
    assert await rig.purge.run() == 6
    assert await rig.rows("event~") == ["event~evt_4"]
    assert await rig.rows("object~") == ["object~ch_4"]
    assert await rig.counts() == {"done": 1, "skipped": 0, "parked": 0, "waiting": 0}
    assert await rig.items.purged(places([QUEUE])) == 3
    assert await rig.purge.run() == 0


@pytest.mark.parametrize("kind", [Kind.PARK, Kind.WAITING, Kind.RETRY, Kind.RESOLVED])
async def test_what_is_not_over_stays_however_old_it_is(kind: Kind) -> None:
    rig = Rig()
    await rig.tell(1, kind)
    before = await rig.rows()
    rig.clock.moment += timedelta(days=3_000)
    assert await rig.purge.run() == 0
    assert await rig.rows() == before


async def test_what_is_as_old_as_its_retention_stays_one_more_day() -> None:
    rig = Rig()
    await rig.tell(1, Kind.DONE)
    rig.clock.moment += timedelta(days=RETENTION_DAYS)
    assert await rig.purge.run() == 0


async def test_counters_of_other_objects_are_kept_when_later_outcomes_are_told() -> None:
    rig = Rig()
    await rig.tell(1, Kind.DONE)
    rig.clock.moment += OLD
    await rig.purge.run()
    await rig.tell(1, Kind.DONE)
    await rig.items.skip(home(QUEUE, "ch_1"))
    assert await rig.items.purged(places([QUEUE])) == 1
    assert await rig.counts() == {"done": 1, "skipped": 1, "parked": 0, "waiting": 0}


class Retold(MemoryTables):
    """While a page is purged, one of its items comes to something else."""

    tell_again: Sequence[Item] = ()

    async def query(self, table: str, **given: object) -> list[Row]:
        found = await super().query(table, **given)  # type: ignore[arg-type]
        if table == TABLE and self.tell_again:
            told, self.tell_again = self.tell_again, ()
            outcome = Outcome(Kind.PARK, cause="cause", text="text", remedy="remedy")
            items = Items(self, ManualClock(START + 2 * OLD))
            await items.store(QUEUE, [ItemOutcome(item, outcome) for item in told])
        return found


async def test_an_item_that_parks_while_its_page_is_purged_stays_parked() -> None:
    tables = Retold()
    rig = Rig(tables)
    for number in range(20):
        await rig.tell(number, Kind.DONE)
    rig.clock.moment += OLD
    tables.tell_again = [Item("evt_7", "charge.succeeded", QUEUE, "ch_7")]
    await rig.purge.run()
    assert await rig.rows("parked~") == ["parked~ch_7"]
    assert await rig.rows("object~") == ["object~ch_7"]
    assert await rig.counts() == {"done": 0, "skipped": 0, "parked": 1, "waiting": 0}


async def test_more_rows_than_a_transaction_holds_go_in_one_run() -> None:
    rig = Rig()
    for number in range(700):
        await rig.tell(number, Kind.DONE)
    rig.clock.moment += OLD
    assert await rig.purge.run() == 1_400
    assert (await rig.counts())["done"] == 0


async def test_links_choices_and_the_audit_log_stay() -> None:
    rig = Rig()
    await rig.tables.transact("links", "cus_1", [Insert("chosen~1", {"who": "Ann", "at": START})])
    await rig.audit_log.add("Ann", AuditedAction.RETRY)
    rig.clock.moment += 10 * OLD
    assert await rig.purge.run() == 0
    assert len(await rig.tables.query("links")) == 1
    assert len((await rig.audit_log.page(AuditFilter())).entries) == 1


async def test_old_previews_go_and_new_ones_stay() -> None:
    rig = Rig()
    old, new = Put("aa", {"at": START}), Put("bb", {"at": START + OLD})
    await rig.tables.transact("mappings", "preview", [old, new])
    await rig.tables.transact("mappings", "set", [Put("aa", {"at": START})])
    rig.clock.moment += OLD
    assert await rig.purge.run() == 1
    assert [row.row for row in await rig.tables.query("mappings")] == ["bb", "aa"]


async def test_ended_flows_of_every_age_are_asked_for_without_gaps() -> None:
    rig = Rig()
    rig.flows.began = [START - timedelta(days=days) for days in (31, 45, 400, 2_000)]
    assert await rig.purge.run() == 4
    assert rig.flows.asked[0][0] == FLOWS_SINCE
    ends = [until for _, until in rig.flows.asked]
    assert [since for since, _ in rig.flows.asked[1:]] == ends[:-1]
    assert ends[-1] == START - timedelta(days=RETENTION_DAYS)


async def test_a_run_that_is_over_goes_on_where_it_stopped() -> None:
    rig = Rig()
    rig.flows.clock = rig.clock
    await rig.purge.run()
    stopped = rig.flows.asked[-1][1]
    asked = len(rig.flows.asked)
    assert asked < 6
    await rig.purge.run()
    assert rig.flows.asked[asked][0] == stopped


async def test_how_much_was_purged_stands_in_the_audit_log() -> None:
    rig = Rig()
    await rig.tell(1, Kind.DONE)
    rig.flows.began = [START - timedelta(days=10)]
    rig.clock.moment += OLD
    await rig.purge.run()
    (entry,) = (await rig.audit_log.page(AuditFilter())).entries
    assert (entry.who, entry.action) == ("timer", "purge")
    assert entry.detail == {"items": 2, "previews": 0, "flows": 1}
    await rig.purge.run()
    assert len((await rig.audit_log.page(AuditFilter())).entries) == 1


async def test_flows_that_do_not_answer_hold_up_nothing_else_and_fail_the_run() -> None:
    rig = Rig()
    await rig.tell(1, Kind.DONE)
    rig.clock.moment += OLD
    rig.flows.error = FlowsUnavailable("away")
    with pytest.raises(ExceptionGroup, match="purge failed for flows"):
        await rig.purge.run()
    assert await rig.rows("event~") == []

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from local.tables import MemoryTables
from shared.errors import StorageUnavailable, TableConflict
from shared.ports import Operation, Replace
from shared.stores.audit_log import (
    KEY_CALLER,
    ROWS_READ_MAX,
    TABLE,
    AuditedAction,
    AuditEntry,
    AuditFilter,
    AuditLog,
)
from shared.stores.runs import RUN_SECONDS_MAX, Run
from tests.unit.services.fakes import START, ManualClock

ALL = AuditFilter()


async def written(tables: MemoryTables, clock: ManualClock, count: int) -> AuditLog:
    """A log with entries a minute apart, about txn_0, txn_1, ..."""
    log = AuditLog(tables, clock)
    for number in range(count):
        who = ("Ann", "Bob")[number % 2]
        action = (AuditedAction.RETRY, AuditedAction.RESOLVE)[number % 2]
        await log.add(who, action, [f"txn_{number}"], "because")
        clock.moment += timedelta(minutes=1)
    return log


def test_the_newest_entry_comes_first_and_tells_everything() -> None:
    async def main() -> None:
        clock = ManualClock()
        log = await written(MemoryTables(), clock, 2)
        await log.add("Eve", AuditedAction.ACCEPT, ["cus_1"], "asked them", {"company": "usmf"})
        page = await log.page(ALL)
        told = {"company": "usmf"}
        assert page.entries[0] == AuditEntry(
            clock.now(), "Eve", "accept", "asked them", ("cus_1",), told
        )
        assert [entry.objects for entry in page.entries[1:]] == [("txn_1",), ("txn_0",)]
        assert page.after == ""

    asyncio.run(main())


def test_pages_follow_each_other_without_gaps_and_doubles() -> None:
    async def main() -> None:
        log = await written(MemoryTables(), ManualClock(), 11)
        after, found = "", list[str]()
        while True:
            page = await log.page(ALL, 4, after)
            found += [entry.objects[0] for entry in page.entries]
            after = page.after
            if not after:
                break
        assert found == [f"txn_{number}" for number in reversed(range(11))]

    asyncio.run(main())


def test_filters_narrow_by_name_action_object_and_moment() -> None:
    async def main() -> None:
        log = await written(MemoryTables(), ManualClock(), 6)

        async def ids(**wanted: object) -> list[str]:
            page = await log.page(AuditFilter(**wanted))  # type: ignore[arg-type]
            return [entry.objects[0] for entry in page.entries]

        assert await ids(who="Ann") == ["txn_4", "txn_2", "txn_0"]
        assert await ids(action="resolve") == ["txn_5", "txn_3", "txn_1"]
        assert await ids(object="txn_3") == ["txn_3"]
        assert await ids(object="txn_9") == []
        at = [START + timedelta(minutes=number) for number in range(6)]
        assert await ids(since=at[4]) == ["txn_5", "txn_4"]
        assert await ids(until=at[1]) == ["txn_1", "txn_0"]
        assert await ids(since=at[2], until=at[3]) == ["txn_3", "txn_2"]
        assert await ids(until=datetime(1, 1, 1, tzinfo=UTC)) == []
        assert len(await ids(until=datetime.max.replace(tzinfo=UTC))) == 6

    asyncio.run(main())


def test_entries_of_one_moment_are_all_kept() -> None:
    async def main() -> None:
        log = AuditLog(MemoryTables(), ManualClock())
        for number in range(5):
            await log.add("Ann", AuditedAction.RETRY, [f"txn_{number}"])
        assert len((await log.page(ALL)).entries) == 5

    asyncio.run(main())


class AnswerLost(MemoryTables):
    """Stores, and loses the first answer; its client then repeats the request."""

    async def transact(
        self, table: str, partition: str, operations: Sequence[Operation]
    ) -> tuple[str, ...]:
        await super().transact(table, partition, operations)
        raise TableConflict("it is there already")


def test_an_entry_whose_answer_was_lost_is_not_written_twice() -> None:
    async def main() -> None:
        tables = AnswerLost()
        log = AuditLog(tables, ManualClock())
        await log.add("Ann", AuditedAction.RETRY, ["txn_1"])
        assert len(await tables.query(TABLE)) == 1

    asyncio.run(main())


class Away(MemoryTables):
    async def transact(
        self, table: str, partition: str, operations: Sequence[Operation]
    ) -> tuple[str, ...]:
        raise StorageUnavailable("away")


def test_what_cannot_be_put_on_record_is_an_error() -> None:
    with pytest.raises(StorageUnavailable):
        asyncio.run(AuditLog(Away(), ManualClock()).add("Ann", AuditedAction.RETRY))


def test_who_says_no_name_is_the_one_with_the_key() -> None:
    async def main() -> None:
        log = AuditLog(MemoryTables(), ManualClock())
        await log.add(" ", AuditedAction.BACKFILL, detail={"days": 3})
        (entry,) = (await log.page(ALL)).entries
        assert (entry.who, entry.detail) == (KEY_CALLER, {"days": 3})

    asyncio.run(main())


def test_a_page_looks_through_so_many_rows_and_then_says_where_to_go_on() -> None:
    async def main() -> None:
        log = await written(MemoryTables(), ManualClock(), ROWS_READ_MAX + 1)
        page = await log.page(AuditFilter(object="txn_0"))
        assert page.entries == ()
        assert page.after
        page = await log.page(AuditFilter(object="txn_0"), after=page.after)
        assert len(page.entries) == 1

    asyncio.run(main())


@pytest.mark.parametrize("limit", [0, -1, 201])
def test_a_limit_out_of_range_is_refused(limit: int) -> None:
    with pytest.raises(ValueError, match="limit"):
        asyncio.run(AuditLog(MemoryTables(), ManualClock()).page(ALL, limit))


@pytest.mark.parametrize("after", ["x", "../log", "1" * 18 + "~1", "٣" * 18])
def test_a_place_that_no_page_gave_is_refused(after: str) -> None:
    with pytest.raises(ValueError, match="after"):
        asyncio.run(AuditLog(MemoryTables(), ManualClock()).page(ALL, after=after))


def test_the_reasons_about_erased_objects_go_and_nothing_else_changes() -> None:
    async def story() -> None:
        clock = ManualClock()
        log = await written(MemoryTables(), clock, 3)
        await log.add("Eve", AuditedAction.RESOLVE, ["txn_1", "ch_1"], "one of two")
        clock.moment += timedelta(minutes=1)
        await log.add("Eve", AuditedAction.ERASE, ["txn_1"], "asked to")
        before = (await log.page(ALL)).entries
        for _ in range(2):
            assert await log.erase(["txn_1", "txn_9"], Run("erase", clock))
            after = (await log.page(ALL)).entries
            changed = {entry.objects: entry.why for entry in after if entry not in before}
            assert changed == {("txn_1",): "(erased)", ("txn_1", "ch_1"): "(erased)"}
            assert [replace(entry, why="") for entry in after] == [
                replace(entry, why="") for entry in before
            ]

    asyncio.run(story())


def test_an_erasure_that_was_not_finished_says_so() -> None:
    class Changing(MemoryTables):
        async def transact(
            self, table: str, partition: str, operations: Sequence[Operation]
        ) -> tuple[str, ...]:
            if isinstance(operations[0], Replace):
                raise TableConflict("changed")
            return await super().transact(table, partition, operations)

    async def story() -> None:
        clock = ManualClock()
        log = await written(MemoryTables(), clock, 1)
        run = Run("erase", clock)
        clock.advance(RUN_SECONDS_MAX)
        assert not await log.erase(["txn_0"], run)
        assert [entry.why for entry in (await log.page(ALL)).entries] == ["because"]
        log = await written(Changing(), clock, 1)
        assert not await log.erase(["txn_0"], Run("erase", clock))

    asyncio.run(story())

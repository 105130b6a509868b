"""What stands in journals that are not posted."""

from collections.abc import Sequence

import pytest

from local.tables import MemoryTables
from shared.domain.money import Money
from shared.errors import TableConflict
from shared.ports import Cell, Operation, Put
from shared.stores.unposted import CONFLICTS_MAX, Move, Unposted
from tests.unit.services.fakes import ManualClock

JOURNAL, OTHER = "usmf~general~B1", "demf~general~B2"


def usd(minor: int) -> Money:
    return Money(minor, "usd")


async def test_what_comes_and_what_goes_are_summed_by_journal_and_currency() -> None:
    clock = ManualClock()
    unposted = Unposted(MemoryTables(), clock)
    began = clock.now()
    await unposted.change({JOURNAL: [Move(usd(9_680)), Move(usd(-1_500))]})
    clock.advance(60)
    await unposted.change({JOURNAL: [Move(usd(20)), Move(Money(-7, "jpy"))], OTHER: [Move(usd(1))]})
    other, found = await unposted.listed(10)
    assert (found.key, found.company, found.since) == (JOURNAL, "usmf", began)
    assert found.sums == {"usd": (9_700, 1_500), "jpy": (0, 7)}
    assert (other.company, other.sums) == ("demf", {"usd": (1, 0)})


async def test_lines_that_leave_a_journal_are_taken_from_it() -> None:
    unposted = Unposted(MemoryTables(), ManualClock())
    await unposted.change({JOURNAL: [Move(usd(100)), Move(usd(-40))]})
    await unposted.change({JOURNAL: [Move(usd(100), leaves=True)], OTHER: [Move(usd(100))]})
    other, found = await unposted.listed(10)
    assert (found.sums, other.sums) == ({"usd": (0, 40)}, {"usd": (100, 0)})


async def test_lines_that_leave_a_journal_nobody_knows_make_no_row() -> None:
    unposted = Unposted(MemoryTables(), ManualClock())
    await unposted.change({JOURNAL: [Move(usd(100), leaves=True)]})
    assert await unposted.listed(10) == []


async def test_a_journal_that_is_dropped_is_forgotten() -> None:
    unposted = Unposted(MemoryTables(), ManualClock())
    await unposted.change({JOURNAL: [Move(usd(100))]})
    (found,) = await unposted.listed(10)
    await unposted.drop(found)
    assert await unposted.listed(10) == []


async def test_no_more_are_listed_than_asked_for() -> None:
    unposted = Unposted(MemoryTables(), ManualClock())
    await unposted.change({f"usmf~general~B{n:03d}": [Move(usd(1))] for n in range(205)})
    assert len(await unposted.listed(150)) == 150
    assert len(await unposted.listed(1_000)) == 205


class RacedTables(MemoryTables):
    """Somebody else changes the row before each of the first `races` transactions."""

    def __init__(self, races: int) -> None:
        super().__init__()
        self.races = races

    async def transact(
        self, table: str, partition: str, operations: Sequence[Operation]
    ) -> tuple[str, ...]:
        if self.races:
            self.races -= 1
            cells: dict[str, Cell] = {"since": ManualClock().now(), "sums": '{"usd": [1000, 0]}'}
            await super().transact(table, partition, [Put(JOURNAL, cells)])
        return await super().transact(table, partition, operations)


async def test_two_writers_lose_nothing() -> None:
    unposted = Unposted(RacedTables(1), ManualClock())
    await unposted.change({JOURNAL: [Move(usd(5))]})
    (found,) = await unposted.listed(10)
    assert found.sums == {"usd": (1_005, 0)}


async def test_a_row_that_keeps_changing_ends_in_a_conflict() -> None:
    tables = RacedTables(CONFLICTS_MAX)
    with pytest.raises(TableConflict, match="keep changing"):
        await Unposted(tables, ManualClock()).change({JOURNAL: [Move(usd(5))]})
    assert tables.races == 0

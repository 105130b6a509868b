from datetime import UTC, datetime

import pytest

from local.tables import MemoryTables
from shared.clients.table_rules import ENTITY_BYTES_MAX, RowRefused
from shared.ports import CELL_CHARS_MAX, QUERY_ROWS_MAX, Cell, Insert, Put
from shared.services.paging import rows


async def test_a_cell_longer_than_its_limit_is_refused() -> None:
    with pytest.raises(RowRefused, match="more than 32000 characters"):
        await MemoryTables().transact("links", "p", [Put("r", {"a": "x" * (CELL_CHARS_MAX + 1)})])


async def test_a_cell_counts_utf_16_units() -> None:
    with pytest.raises(RowRefused, match="more than 32000 characters"):
        await MemoryTables().transact(
            "links", "p", [Put("r", {"a": "😀" * (CELL_CHARS_MAX // 2 + 1)})]
        )


async def test_a_row_of_more_than_a_mebibyte_is_refused() -> None:
    cells: dict[str, Cell] = {f"c{n}": "x" * CELL_CHARS_MAX for n in range(17)}
    with pytest.raises(RowRefused, match=f"at most {ENTITY_BYTES_MAX} bytes"):
        await MemoryTables().transact("links", "p", [Put("r", cells)])


async def test_a_row_of_too_many_cells_is_refused() -> None:
    with pytest.raises(RowRefused, match="at most 252 cells"):
        await MemoryTables().transact("links", "p", [Put("r", {f"c{n}": n for n in range(253)})])


async def test_a_transaction_of_more_than_four_mebibytes_is_refused() -> None:
    cells: dict[str, Cell] = {f"c{n}": "ж" * CELL_CHARS_MAX for n in range(16)}
    with pytest.raises(RowRefused, match="a transaction holds at most"):
        await MemoryTables().transact("links", "p", [Put(f"r{n}", cells) for n in range(5)])


async def test_a_transaction_counts_text_as_its_request_spells_it() -> None:
    cells: dict[str, Cell] = {f"c{n}": "ж" * (CELL_CHARS_MAX // 2) for n in range(15)}
    puts = [Put(f"r{n}", cells) for n in range(3)]  # 1.4 MiB of text, 4.1 MiB of escapes
    with pytest.raises(RowRefused, match="a transaction holds at most"):
        await MemoryTables().transact("links", "p", puts)


@pytest.mark.parametrize(
    ("cells", "text"),
    [
        ({"a": 2**63}, "does not fit 64 bits"),
        ({"a": 1.5}, "got 1.5"),
        ({"a": None}, "got None"),
        ({"a": datetime(2026, 1, 1)}, "needs a time zone"),  # noqa: DTZ001
        ({"two words": 1}, "'two words' is not a name"),
        ({"RowKey": "x"}, "'RowKey' is not a name"),
    ],
)
async def test_what_no_cell_can_hold_is_refused(cells: dict[str, Cell], text: str) -> None:
    with pytest.raises(RowRefused, match=text):
        await MemoryTables().transact("links", "p", [Put("r", cells)])


@pytest.mark.parametrize("table", ["ab", "1links", "my-links", "x" * 64, ""])
async def test_a_bad_table_name_is_refused(table: str) -> None:
    with pytest.raises(RowRefused, match="table name"):
        await MemoryTables().get(table, "p", "r")


async def test_a_prefix_without_a_partition_is_refused() -> None:
    with pytest.raises(RowRefused, match="needs a partition"):
        await MemoryTables().query("links", prefix="x")


@pytest.mark.parametrize("limit", [0, -1, 1001])
async def test_a_page_outside_its_limits_is_refused(limit: int) -> None:
    with pytest.raises(RowRefused, match="limit is 1 to 1000"):
        await MemoryTables().query("links", limit=limit)


async def test_a_refused_insert_leaves_no_empty_partition_behind() -> None:
    tables = MemoryTables()
    await tables.transact("links", "p", [Insert("r", {"n": 1})])
    with pytest.raises(RowRefused, match="twice"):
        await tables.transact("links", "q", [Insert("r", {}), Insert("r", {})])
    assert [row.partition for row in await tables.query("links")] == ["p"]


async def test_a_caller_cannot_change_a_stored_row_through_its_own_dict() -> None:
    tables = MemoryTables()
    cells: dict[str, Cell] = {"n": 1}
    await tables.transact("links", "p", [Put("r", cells)])
    cells["n"] = 2
    row = await tables.get("links", "p", "r")
    assert row is not None
    assert row.cells == {"n": 1}


async def test_moments_are_kept_in_utc() -> None:
    tables = MemoryTables()
    moment = datetime.fromisoformat("2026-01-01T01:00:00+01:00")
    await tables.transact("links", "p", [Put("r", {"at": moment})])
    row = await tables.get("links", "p", "r")
    assert row is not None
    assert row.cells["at"] == datetime(2026, 1, 1, tzinfo=UTC)
    assert str(row.cells["at"]).endswith("+00:00")


async def test_a_reader_that_forgets_the_next_page_misses_rows_of_small_pages() -> None:
    tables = MemoryTables(page_rows=2)
    for number in range(5):
        await tables.transact("links", "p", [Put(f"r{number}", {"n": number})])
    first = await tables.query("links", partition="p")
    assert [row.row for row in first] == ["r0", "r1"]
    assert len(first) == QUERY_ROWS_MAX  # for whoever asks whether that was all
    assert [row.row async for row in rows(tables, "links", "p")] == [f"r{n}" for n in range(5)]


async def test_a_limit_of_the_callers_own_holds_whatever_a_page_holds() -> None:
    tables = MemoryTables(page_rows=2)
    for number in range(5):
        await tables.transact("links", "p", [Put(f"r{number}", {"n": number})])
    assert len(await tables.query("links", partition="p", limit=4)) == 4


@pytest.mark.parametrize("page_rows", [0, -1, QUERY_ROWS_MAX + 1])
def test_a_page_of_no_rows_or_too_many_is_refused(page_rows: int) -> None:
    with pytest.raises(ValueError, match="page_rows is 1 to"):
        MemoryTables(page_rows)

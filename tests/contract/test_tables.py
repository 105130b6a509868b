"""What every provider of `shared.ports.Tables` must do, run against each of them."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest

from local.tables import MemoryTables
from shared.clients.table_rules import RowRefused
from shared.clients.tables import AzureTables
from shared.errors import TableConflict
from shared.ports import Cell, Delete, Insert, Operation, Put, Replace, Row, Tables
from tests import azurite

CELLS: dict[str, Cell] = {
    "text": "Zoë 😀",
    "empty": "",
    "small": 7,
    "negative": -(2**63),
    "large": 2**63 - 1,
    "yes": True,
    "no": False,
    "at": datetime(2026, 2, 28, 23, 59, 59, 123456, tzinfo=UTC),
}


@pytest.fixture(scope="module")
def connection_string() -> Iterator[str]:
    if reason := azurite.missing():
        pytest.skip(reason)
    with azurite.running() as text:
        yield text


@pytest.fixture(params=["memory", "azurite"])
async def tables(request: pytest.FixtureRequest) -> AsyncIterator[Tables]:
    if request.param == "memory":
        yield MemoryTables()
        return
    client = AzureTables(connection_string=request.getfixturevalue("connection_string"))
    try:
        yield client
    finally:
        await client.close()


@pytest.fixture
def table() -> str:
    return "t" + uuid.uuid4().hex


async def put(tables: Tables, table: str, *keys: tuple[str, str]) -> None:
    for partition, row in keys:
        await tables.transact(table, partition, [Put(row, {"n": 1})])


def keys_of(rows: list[Row]) -> list[tuple[str, str]]:
    return [(row.partition, row.row) for row in rows]


async def test_every_type_of_cell_comes_back_as_it_was(tables: Tables, table: str) -> None:
    await tables.transact(table, "p", [Insert("r", CELLS)])
    row = await tables.get(table, "p", "r")
    assert row is not None
    assert dict(row.cells) == CELLS
    for name, cell in CELLS.items():
        assert isinstance(row.cells[name], type(cell)), name


async def test_a_row_that_is_not_there_is_none(tables: Tables, table: str) -> None:
    await put(tables, table, ("p", "r"))
    assert await tables.get(table, "p", "other") is None
    assert await tables.get(table, "other", "r") is None


async def test_a_table_that_was_never_written_is_empty(tables: Tables, table: str) -> None:
    assert await tables.get(table, "p", "r") is None
    assert await tables.query(table) == []


async def test_inserting_twice_is_a_conflict(tables: Tables, table: str) -> None:
    await tables.transact(table, "p", [Insert("r", {"n": 1})])
    with pytest.raises(TableConflict):
        await tables.transact(table, "p", [Insert("r", {"n": 2})])
    row = await tables.get(table, "p", "r")
    assert row is not None
    assert row.cells["n"] == 1


async def test_replacing_needs_the_current_etag(tables: Tables, table: str) -> None:
    (first,) = await tables.transact(table, "p", [Insert("r", {"n": 1, "gone": "x"})])
    (second,) = await tables.transact(table, "p", [Replace("r", {"n": 2}, first)])
    assert first != second
    with pytest.raises(TableConflict):
        await tables.transact(table, "p", [Replace("r", {"n": 3}, first)])
    row = await tables.get(table, "p", "r")
    assert row is not None
    assert (dict(row.cells), row.etag) == ({"n": 2}, second)


async def test_replacing_a_missing_row_is_a_conflict(tables: Tables, table: str) -> None:
    (etag,) = await tables.transact(table, "p", [Insert("r", {"n": 1})])
    await tables.transact(table, "p", [Delete("r")])
    with pytest.raises(TableConflict):
        await tables.transact(table, "p", [Replace("r", {"n": 2}, etag)])


async def test_put_creates_and_replaces_all_cells(tables: Tables, table: str) -> None:
    await tables.transact(table, "p", [Put("r", {"a": 1, "b": 2})])
    await tables.transact(table, "p", [Put("r", {"a": 3})])
    row = await tables.get(table, "p", "r")
    assert row is not None
    assert dict(row.cells) == {"a": 3}


async def test_deleting_heeds_the_etag(tables: Tables, table: str) -> None:
    (first,) = await tables.transact(table, "p", [Insert("r", {"n": 1})])
    (second,) = await tables.transact(table, "p", [Put("r", {"n": 2})])
    with pytest.raises(TableConflict):
        await tables.transact(table, "p", [Delete("r", first)])
    assert await tables.transact(table, "p", [Delete("r", second)]) == ("",)
    assert await tables.get(table, "p", "r") is None


async def test_deleting_a_missing_row_is_a_conflict(tables: Tables, table: str) -> None:
    await put(tables, table, ("p", "other"))
    with pytest.raises(TableConflict):
        await tables.transact(table, "p", [Delete("r")])


@pytest.mark.parametrize(
    "failing",
    [Insert("taken", {"n": 9}), Replace("taken", {"n": 9}, 'W/"stale"'), Delete("missing")],
    ids=["insert", "replace", "delete"],
)
@pytest.mark.parametrize("place", [0, 1, 2])
async def test_a_transaction_that_fails_leaves_nothing(
    tables: Tables, table: str, failing: Operation, place: int
) -> None:
    await tables.transact(table, "p", [Put("taken", {"n": 1}), Put("doomed", {"n": 1})])
    before = await tables.query(table, partition="p")
    operations: list[Operation] = [Put("new", {"n": 2}), Delete("doomed")]
    operations.insert(place, failing)
    with pytest.raises(TableConflict):
        await tables.transact(table, "p", operations)
    assert await tables.query(table, partition="p") == before


async def test_a_transaction_mixes_all_operations(tables: Tables, table: str) -> None:
    (etag, _) = await tables.transact(table, "p", [Insert("a", {"n": 1}), Insert("b", {"n": 1})])
    etags = await tables.transact(
        table, "p", [Replace("a", {"n": 2}, etag), Delete("b"), Insert("c", {}), Put("d", {"n": 4})]
    )
    rows = await tables.query(table, partition="p")
    assert {row.row: dict(row.cells) for row in rows} == {"a": {"n": 2}, "c": {}, "d": {"n": 4}}
    assert etags == (rows[0].etag, "", rows[1].etag, rows[2].etag)


async def test_a_transaction_of_a_hundred_rows_is_whole(tables: Tables, table: str) -> None:
    await tables.transact(table, "p", [Insert(f"{n:03}", {"n": n}) for n in range(100)])
    assert [row.cells["n"] for row in await tables.query(table)] == list(range(100))


async def test_a_transaction_of_more_than_a_hundred_rows_is_refused(
    tables: Tables, table: str
) -> None:
    with pytest.raises(RowRefused, match="100"):
        await tables.transact(table, "p", [Put(f"{n}", {}) for n in range(101)])
    assert await tables.query(table) == []


async def test_a_transaction_that_names_a_row_twice_is_refused(tables: Tables, table: str) -> None:
    with pytest.raises(RowRefused, match="twice"):
        await tables.transact(table, "p", [Put("r", {"n": 1}), Put("r", {"n": 2})])
    assert await tables.query(table) == []


@pytest.mark.parametrize("key", ["a/b", "a\\b", "a#b", "a?b", "a\tb", "a\x00b", "a\x85b"])
async def test_a_key_of_refused_characters_is_refused(tables: Tables, table: str, key: str) -> None:
    with pytest.raises(RowRefused, match="key"):
        await tables.transact(table, key, [Put("r", {})])
    with pytest.raises(RowRefused, match="key"):
        await tables.transact(table, "p", [Put(key, {})])
    with pytest.raises(RowRefused, match="key"):
        await tables.get(table, "p", key)


@pytest.mark.parametrize("key", ["it's", "a b", "100%", "ä~ö", "a:b", "{x}", "k&v=1+2", "a,b"])
async def test_awkward_keys_are_kept(tables: Tables, table: str, key: str) -> None:
    await put(tables, table, (key, key), (key, key + "z"))
    row = await tables.get(table, key, key)
    assert row is not None
    assert (row.partition, row.row) == (key, key)
    assert keys_of(await tables.query(table, partition=key, prefix=key)) == [
        (key, key),
        (key, key + "z"),
    ]
    await tables.transact(table, key, [Delete(key)])
    assert await tables.get(table, key, key) is None


async def test_rows_come_in_the_order_of_their_keys(tables: Tables, table: str) -> None:
    await put(tables, table, ("b", "1"), ("a", "2"), ("B", "1"), ("a", "10"), ("a", "1"))
    assert keys_of(await tables.query(table)) == [
        ("B", "1"),
        ("a", "1"),
        ("a", "10"),
        ("a", "2"),
        ("b", "1"),
    ]


async def test_a_prefix_selects_rows_of_one_partition(tables: Tables, table: str) -> None:
    await put(
        tables, table, ("p", "claim"), ("p", "link~a"), ("p", "link~b"), ("p", "m"), ("q", "link~a")
    )
    found = await tables.query(table, partition="p", prefix="link~")
    assert keys_of(found) == [("p", "link~a"), ("p", "link~b")]
    assert await tables.query(table, partition="p", prefix="nothing") == []


async def test_pages_are_complete_and_without_repeats(tables: Tables, table: str) -> None:
    wanted = [(f"p{p}", f"r{r:02}") for p in range(3) for r in range(7)]
    await put(tables, table, *reversed(wanted))
    seen: list[tuple[str, str]] = []
    after: tuple[str, str] | None = None
    while page := await tables.query(table, after=after, limit=5):
        assert len(page) <= 5
        seen += keys_of(page)
        after = seen[-1]
    assert seen == wanted


async def test_a_page_continues_after_a_row_that_is_gone(tables: Tables, table: str) -> None:
    await put(tables, table, ("p", "a"), ("p", "b"), ("p", "c"))
    await tables.transact(table, "p", [Delete("b")])
    assert keys_of(await tables.query(table, partition="p", after=("p", "b"))) == [("p", "c")]
    assert keys_of(await tables.query(table, after=("p", "b"))) == [("p", "c")]


async def test_a_page_of_a_prefix_continues_within_it(tables: Tables, table: str) -> None:
    await put(tables, table, ("p", "l1"), ("p", "l2"), ("p", "l3"), ("p", "m"))
    found = await tables.query(table, partition="p", prefix="l", after=("p", "l1"), limit=10)
    assert keys_of(found) == [("p", "l2"), ("p", "l3")]


async def test_tables_are_apart(tables: Tables, table: str) -> None:
    await put(tables, table, ("p", "r"))
    assert await tables.get(table + "x", "p", "r") is None


async def test_one_of_many_contenders_wins_a_claim(tables: Tables, table: str) -> None:
    async def claim(n: int) -> bool:
        try:
            await tables.transact(table, "p", [Insert("claim", {"owner": n})])
        except TableConflict:
            return False
        return True

    won = await asyncio.gather(*(claim(n) for n in range(8)))
    row = await tables.get(table, "p", "claim")
    assert row is not None
    assert [n for n, winner in enumerate(won) if winner] == [row.cells["owner"]]


async def test_no_increment_is_lost_under_contention(tables: Tables, table: str) -> None:
    await tables.transact(table, "p", [Insert("counter", {"n": 0})])

    async def add_one() -> None:
        while True:
            row = await tables.get(table, "p", "counter")
            assert row is not None
            count = row.cells["n"]
            assert isinstance(count, int)
            try:
                await tables.transact(table, "p", [Replace("counter", {"n": count + 1}, row.etag)])
            except TableConflict:
                continue
            return

    await asyncio.gather(*(add_one() for _ in range(6)))
    row = await tables.get(table, "p", "counter")
    assert row is not None
    assert row.cells["n"] == 6

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.clock import LoopClock
from local.loop import run_virtual
from local.tables import MemoryTables
from shared.errors import Refused, TableConflict
from shared.outcomes import RESOLVED_CAUSE, Kind, Outcome
from shared.ports import CELL_CHARS_MAX, QUERY_ROWS_MAX, Operation, Row
from shared.stores.item import UNREADABLE, Item, ItemKind
from shared.stores.item_outcomes import FOLDED, events_of
from shared.stores.item_rows import COUNTED, EVENTS_KEPT, LISTED, OPERATIONS_MAX
from shared.stores.items import (
    CONFLICTS_MAX,
    LEFT_PER_TRANSACTION,
    TABLE,
    ItemOutcome,
    Items,
    home,
    item_of,
    place,
    places,
)
from tests.unit.services.fakes import START, ManualClock

WHERE = place("charge", 0)


def item_outcome(number: int, kind: Kind, generation: int = 0) -> ItemOutcome:
    item = Item(f"evt_{number}", "charge.succeeded", "charge", f"ch_{number}", generation)
    return ItemOutcome(item, Outcome(kind, cause="cause", text="text", remedy="remedy"))


async def rows(tables: MemoryTables, prefix: str) -> list[Row]:
    return await tables.query(TABLE, partition=WHERE, prefix=prefix)


async def check(tables: MemoryTables, items: Items) -> dict[str, int]:
    """Counters and lists equal the rows of the objects."""
    found = await rows(tables, "object~")
    tally = Counter(str(row.cells["status"]) for row in found)
    counts = await items.counts([WHERE])
    assert counts == {kind.value: tally[kind.value] for kind in COUNTED}
    for kind in LISTED:
        listed = {row.row.partition("~")[2]: row async for row in items.listed(WHERE, kind)}
        wanted = {
            row.row.partition("~")[2]: row for row in found if row.cells["status"] == kind.value
        }
        assert {key: row.cells for key, row in listed.items()} == {
            key: row.cells for key, row in wanted.items()
        }
    return counts


OUTCOMES = st.tuples(st.integers(0, 5), st.sampled_from(list(Kind)), st.integers(0, 2))


@given(st.lists(st.lists(OUTCOMES, max_size=8), max_size=6))
def test_counters_and_lists_equal_the_rows_after_any_outcomes(
    batches: list[list[tuple[int, Kind, int]]],
) -> None:
    async def main(clock: LoopClock) -> None:
        tables = MemoryTables()
        items = Items(tables, clock)
        last: dict[int, Kind] = {}
        newest: dict[int, int] = {}
        resolved: dict[int, None] = {}
        for batch in batches:
            await items.record(WHERE, [item_outcome(*each) for each in batch])
            told = {number: (kind, generation) for number, kind, generation in batch}
            for number, (kind, generation) in told.items():
                if kind is not Kind.RETRY or generation >= newest.get(number, 0):
                    last[number] = kind
                    if kind is Kind.RESOLVED:
                        resolved[number] = None
                newest[number] = max(newest.get(number, 0), generation)
            counts = await check(tables, items)
            assert sum(counts.values()) == sum(
                kind is not Kind.RETRY and number not in resolved for number, kind in last.items()
            )
        for number, kind in last.items():
            row = await items.get(WHERE, f"evt_{number}")
            assert row is not None
            assert row.cells["status"] == kind.value
            assert item_of(row).generation == newest[number]

    run_virtual(main, start=START)


REASONS = (("charge.succeeded", ItemKind.CONVERGE), *(("", kind) for kind in ItemKind))
MIXED = st.tuples(
    st.integers(0, 2),  # object
    st.integers(0, 3),  # item
    st.sampled_from(REASONS),
    st.sampled_from(list(Kind)),
    st.sampled_from(["one", "other", RESOLVED_CAUSE]),
)


@given(st.lists(st.lists(MIXED, max_size=8), max_size=6))
def test_any_events_and_commands_of_an_object_leave_one_row_of_each_kind(
    batches: list[list[tuple[int, int, tuple[str, ItemKind], Kind, str]]],
) -> None:
    async def main(clock: LoopClock) -> None:
        tables = MemoryTables()
        items = Items(tables, clock)
        for batch in batches:
            item_outcomes = [
                ItemOutcome(
                    Item(
                        f"{type or command}-{number}-{object}",
                        type,
                        "charge",
                        f"ch_{object}",
                        kind=command,
                    ),
                    Outcome(kind, cause=cause, text="text", remedy="remedy"),
                )
                for object, number, (type, command), kind, cause in batch
            ]
            await items.record(WHERE, item_outcomes)
            await items.record(WHERE, item_outcomes)  # a batch that comes again changes no counter
            await check(tables, items)
        told = {f"ch_{object}" for batch in batches for object, *_ in batch}
        kinds = [f"{kind}-" for kind in ItemKind]
        possible = {f"{kind}{object}" for object in told for kind in ("", *kinds)}
        assert {row.row.partition("~")[2] for row in await rows(tables, "object~")} <= possible

    run_virtual(main, start=START)


def copied(copy: int, kind: Kind, generation: int = 0) -> ItemOutcome:
    item = Item("evt_1", "charge.succeeded", "charge", "ch_1", generation, copy)
    return ItemOutcome(item, Outcome(kind, cause="cause", text="text", remedy="remedy"))


async def test_a_retry_told_late_does_not_hide_what_its_copy_came_to() -> None:
    tables = MemoryTables()
    items = Items(tables, ManualClock())
    await items.record(WHERE, [copied(13, Kind.DONE)])
    await items.record(WHERE, [copied(12, Kind.RETRY)])
    row = await items.get(WHERE, "evt_1")
    assert row is not None
    assert row.cells["status"] == Kind.DONE.value
    assert sum((await check(tables, items)).values()) == 1


async def test_a_retry_of_the_next_generation_counts() -> None:
    items = Items(MemoryTables(), ManualClock())
    await items.record(WHERE, [copied(13, Kind.PARK)])
    await items.record(WHERE, [copied(0, Kind.RETRY, generation=1)])
    row = await items.get(WHERE, "evt_1")
    assert row is not None
    assert row.cells["status"] == Kind.RETRY.value


async def test_an_old_outcome_does_not_turn_the_generation_back() -> None:
    items = Items(MemoryTables(), ManualClock())
    await items.record(WHERE, [copied(0, Kind.DONE, generation=2)])
    await items.record(WHERE, [copied(5, Kind.PARK, generation=0)])
    row = await items.get(WHERE, "evt_1")
    assert row is not None
    assert row.cells["status"] == Kind.PARK.value
    assert item_of(row).generation == 2


async def test_recording_twice_changes_no_counter() -> None:
    tables, clock = MemoryTables(), ManualClock()
    items = Items(tables, clock)
    for _ in range(2):
        await items.record(WHERE, [item_outcome(1, Kind.DONE), item_outcome(2, Kind.PARK)])
    assert await check(tables, items) == {"done": 1, "skipped": 0, "parked": 1, "waiting": 0}


async def test_a_row_says_what_happened_and_since_when() -> None:
    tables, clock = MemoryTables(), ManualClock()
    items = Items(tables, clock)
    await items.record(WHERE, [item_outcome(1, Kind.WAITING)])
    clock.advance(60)
    outcome = Outcome(
        Kind.PARK, cause="refused", text="t" * 5_000, remedy="r", amount_minor=-5, currency="usd"
    )
    item = item_outcome(1, Kind.PARK).item.again(counts=True)
    await items.record(WHERE, [ItemOutcome(item, outcome)])
    row = await items.get(WHERE, "evt_1")
    assert row is not None
    first, updated = row.cells["first_seen_at"], row.cells["updated_at"]
    assert isinstance(first, datetime)
    assert isinstance(updated, datetime)
    assert (updated - first).total_seconds() == 60
    assert row.cells["amount_minor"] == -5
    assert row.cells["attempt"] == 1
    assert row.cells["text"] == "t" * 1_000
    (listed,) = await rows(tables, "parked~")
    assert {name: listed.cells[name] for name in row.cells} == row.cells


async def test_more_outcomes_than_a_transaction_holds_are_all_stored() -> None:
    tables = MemoryTables()
    items = Items(tables, ManualClock())
    count = 3 * LEFT_PER_TRANSACTION // OPERATIONS_MAX + 1
    await items.record(WHERE, [item_outcome(number, Kind.PARK) for number in range(count)])
    await items.record(WHERE, [item_outcome(number, Kind.WAITING) for number in range(count)])
    assert (await check(tables, items))["waiting"] == count


async def test_of_two_outcomes_of_an_item_the_last_counts() -> None:
    tables = MemoryTables()
    items = Items(tables, ManualClock())
    await items.record(WHERE, [item_outcome(1, Kind.PARK), item_outcome(1, Kind.DONE)])
    assert await check(tables, items) == {"done": 1, "skipped": 0, "parked": 0, "waiting": 0}


def test_concurrent_recorders_lose_nothing() -> None:
    async def main(clock: LoopClock) -> dict[str, int]:
        tables = MemoryTables()
        items = [Items(tables, clock) for _ in range(8)]
        kinds = (Kind.DONE, Kind.PARK, Kind.WAITING, Kind.SKIP)
        await asyncio.gather(
            *(
                each.record(WHERE, [item_outcome(10 * index + n, kinds[n]) for n in range(4)])
                for index, each in enumerate(items)
            )
        )
        return await check(tables, items[0])

    assert run_virtual(main, start=START) == {"done": 8, "skipped": 8, "parked": 8, "waiting": 8}


def test_concurrent_recorders_of_one_item_count_it_once() -> None:
    async def main(clock: LoopClock) -> dict[str, int]:
        tables = MemoryTables()
        items = Items(tables, clock)
        kinds = (Kind.DONE, Kind.PARK, Kind.RETRY, Kind.WAITING)
        await asyncio.gather(*(items.record(WHERE, [item_outcome(1, kind)]) for kind in kinds))
        await asyncio.gather(*(items.skip(WHERE) for _ in range(5)))
        found = await items.counts([WHERE])
        (row,) = await rows(tables, "object~")
        found["skipped"] -= 5
        assert {kind for kind, count in found.items() if count} <= {row.cells["status"]}
        return found

    assert sum(run_virtual(main, start=START).values()) <= 1


class RestlessTables(MemoryTables):
    """Somebody else is always faster."""

    tries = 0

    async def transact(
        self, table: str, partition: str, operations: Sequence[Operation]
    ) -> tuple[str, ...]:
        self.tries += 1
        raise TableConflict("changed")


async def test_counters_that_keep_changing_end_in_a_conflict() -> None:
    tables = RestlessTables()
    items = Items(tables, ManualClock())
    with pytest.raises(TableConflict, match="keep changing"):
        await items.record(WHERE, [item_outcome(1, Kind.DONE)])
    assert tables.tries == CONFLICTS_MAX
    with pytest.raises(TableConflict, match="keep changing"):
        await items.skip(WHERE)


async def test_a_list_longer_than_a_page_is_read_whole() -> None:
    items = Items(MemoryTables(), ManualClock())
    count = QUERY_ROWS_MAX + 5
    await items.record(WHERE, [item_outcome(number, Kind.WAITING) for number in range(count)])
    assert len([row async for row in items.listed(WHERE, Kind.WAITING)]) == count


async def test_counters_add_up_over_places() -> None:
    items = Items(MemoryTables(), ManualClock())
    await items.record(place("charge", 0), [item_outcome(1, Kind.DONE)])
    await items.record(place("charge", 1), [item_outcome(2, Kind.DONE)])
    await items.skip(place("webhook", 1))
    places = [place("charge", 0), place("charge", 1), place("webhook", 1), place("refund", 3)]
    assert await items.counts(places) == {"done": 2, "skipped": 1, "parked": 0, "waiting": 0}


async def test_an_item_is_read_back_from_its_row() -> None:
    items = Items(MemoryTables(), ManualClock())
    item = Item("evt~odd".replace("~", "_"), "", "refund", "re_1", 3, 0, 2)
    await items.record(WHERE, [ItemOutcome(item, Outcome(Kind.WAITING))])
    row = await items.get(WHERE, item.id)
    assert row is not None
    assert item_of(row) == item


def told(number: int, text: str = "text", evidence: str = "") -> ItemOutcome:
    outcome = Outcome(Kind.PARK, cause="refused", text=text, remedy="remedy", evidence=evidence)
    return ItemOutcome(item_outcome(number, Kind.PARK).item, outcome)


@pytest.mark.parametrize(
    "odd",
    [
        told(2, text="account Bro\ud83dken"),
        told(2, evidence='{"name": "\udfff"}'),
        told(2, evidence="x" * (CELL_CHARS_MAX + 1)),
    ],
)
async def test_a_row_that_storage_refuses_holds_up_no_other(odd: ItemOutcome) -> None:
    tables = MemoryTables()
    items = Items(tables, ManualClock())
    await items.record(WHERE, [item_outcome(1, Kind.DONE), odd, item_outcome(3, Kind.PARK)])
    assert await check(tables, items) == {"done": 1, "skipped": 0, "parked": 2, "waiting": 0}
    row = await items.get(WHERE, "evt_2")
    assert row is not None
    assert (row.cells["cause"], row.cells["remedy"]) == ("refused", "remedy")
    assert row.cells["text"] in ("text", "account Bro?ken")


async def test_an_outcome_that_no_row_can_hold_is_told_after_the_others_are_stored() -> None:
    tables = MemoryTables()
    items = Items(tables, ManualClock())
    odd = ItemOutcome(Item("evt/2", "", "charge", "ch_2"), Outcome(Kind.DONE))
    for _ in range(2):
        with pytest.raises(Refused):
            await items.record(WHERE, [item_outcome(1, Kind.DONE), odd, item_outcome(3, Kind.PARK)])
        assert (await check(tables, items))["done"] == 1
    assert await items.get(WHERE, "evt_3") is not None


def about(
    id: str, kind: Kind, cause: str = "refused", command: ItemKind = ItemKind.CONVERGE
) -> ItemOutcome:
    """What became of an item of charge ch_1."""
    type = "charge.updated" if command is ItemKind.CONVERGE else ""
    item = Item(id, type, "charge", "ch_1", kind=command)
    return ItemOutcome(item, Outcome(kind, cause=cause, text=f"text of {id}", remedy="remedy"))


async def keys(items: Items, kind: Kind) -> list[str]:
    return [row.row.partition("~")[2] async for row in items.listed(WHERE, kind)]


async def test_three_events_of_a_parked_object_are_one_item_with_its_events() -> None:
    tables = MemoryTables()
    items = Items(tables, ManualClock())
    for id in ("evt_1", "evt_2", "ch_1"):
        await items.record(WHERE, [about(id, Kind.PARK)])
    assert await keys(items, Kind.PARK) == ["ch_1"]
    assert (await check(tables, items))["parked"] == 1
    row = await items.object(WHERE, "ch_1")
    assert row is not None
    assert [id for id, _ in events_of(row.cells)] == ["evt_1", "evt_2", "ch_1"]
    assert row.cells["event_count"] == 3
    assert item_of(row).id == "ch_1"


async def test_of_many_events_the_newest_are_kept_and_all_are_counted() -> None:
    items = Items(MemoryTables(), ManualClock())
    for number in range(EVENTS_KEPT + 5):
        for _ in range(2):
            await items.record(WHERE, [about(f"evt_{number}", Kind.PARK)])
    row = await items.object(WHERE, "ch_1")
    assert row is not None
    assert [id for id, _ in events_of(row.cells)] == [
        f"evt_{number}" for number in range(5, EVENTS_KEPT + 5)
    ]
    assert row.cells["event_count"] == EVENTS_KEPT + 5


@pytest.mark.parametrize("kind", [Kind.DONE, Kind.SKIP])
async def test_a_later_event_that_comes_through_takes_the_object_out_of_the_list(
    kind: Kind,
) -> None:
    tables = MemoryTables()
    items = Items(tables, ManualClock())
    await items.record(WHERE, [about("evt_1", Kind.PARK)])
    await items.record(WHERE, [about("evt_2", kind)])
    assert await keys(items, Kind.PARK) == []
    assert (await check(tables, items))[kind.value] == 1
    await items.record(WHERE, [about("evt_3", Kind.PARK)])
    row = await items.object(WHERE, "ch_1")
    assert row is not None
    assert [id for id, _ in events_of(row.cells)] == ["evt_3"]  # what led to it this time


async def test_another_cause_replaces_the_first_one() -> None:
    clock = ManualClock()
    items = Items(MemoryTables(), clock)
    await items.record(WHERE, [about("evt_1", Kind.PARK)])
    first = clock.now()
    clock.advance(60)
    await items.record(WHERE, [about("evt_2", Kind.PARK, "vanished")])
    row = await items.object(WHERE, "ch_1")
    assert row is not None
    assert (row.cells["cause"], row.cells["text"]) == ("vanished", "text of evt_2")
    assert row.cells["first_seen_at"] == first


@pytest.mark.parametrize("command", FOLDED)
async def test_a_command_that_parks_for_another_cause_is_an_item_of_its_own(
    command: ItemKind,
) -> None:
    tables = MemoryTables()
    items = Items(tables, ManualClock())
    await items.record(WHERE, [about("evt_1", Kind.PARK)])
    await items.record(WHERE, [about("c-ch_1", Kind.PARK, "vanished", command)])
    assert await keys(items, Kind.PARK) == ["ch_1", f"{command}-ch_1"]
    await items.record(WHERE, [about("evt_1", Kind.DONE)])
    assert await keys(items, Kind.PARK) == [f"{command}-ch_1"]  # a plain run says nothing of it
    await items.record(WHERE, [about("c-ch_1", Kind.DONE, "", command)])
    assert await check(tables, items) == {"done": 2, "skipped": 0, "parked": 0, "waiting": 0}


@pytest.mark.parametrize("command", FOLDED)
@pytest.mark.parametrize("is_first", [False, True])
async def test_a_command_that_parks_as_its_object_does_is_no_item_of_its_own(
    command: ItemKind, is_first: bool
) -> None:
    tables = MemoryTables()
    items = Items(tables, ManualClock())
    told = [about("evt_1", Kind.PARK), about("c-ch_1", Kind.PARK, "refused", command)]
    for each in reversed(told) if is_first else told:
        await items.record(WHERE, [each])
    assert await keys(items, Kind.PARK) == ["ch_1"]
    assert (await check(tables, items))["parked"] == 1
    row = await items.object(WHERE, "ch_1")
    assert row is not None
    assert row.cells["event_count"] == 2
    assert {id for id, _ in events_of(row.cells)} == {"evt_1", "c-ch_1"}
    assert item_of(row).id == "evt_1"  # what a retry sends
    await items.record(WHERE, [about("c-ch_1", Kind.DONE, "", command)])
    assert await keys(items, Kind.PARK) == []  # the same run converged the object


@pytest.mark.parametrize("command", FOLDED)
async def test_a_command_that_parks_after_its_retries_leaves_no_retry_behind(
    command: ItemKind,
) -> None:
    tables = MemoryTables()
    items = Items(tables, ManualClock())
    await items.record(WHERE, [about("evt_1", Kind.PARK)])
    await items.record(WHERE, [about("c-ch_1", Kind.RETRY, "unavailable", command)])
    assert await keys(items, Kind.RETRY) == [f"{command}-ch_1"]
    await items.record(WHERE, [about("c-ch_1", Kind.PARK, "refused", command)])
    assert await keys(items, Kind.RETRY) == []
    assert await keys(items, Kind.PARK) == ["ch_1"]
    row = await items.object(WHERE, "ch_1")
    assert row is not None
    assert {id for id, _ in events_of(row.cells)} == {"evt_1", "c-ch_1"}


async def test_a_reapply_stays_an_item_of_its_own() -> None:
    items = Items(MemoryTables(), ManualClock())
    await items.record(WHERE, [about("evt_1", Kind.PARK)])
    await items.record(WHERE, [about("reapply-3-ch_1", Kind.PARK, "refused", ItemKind.REAPPLY)])
    await items.record(WHERE, [about("reapply-4-ch_1", Kind.PARK, "refused", ItemKind.REAPPLY)])
    assert await keys(items, Kind.PARK) == ["ch_1", "reapply-ch_1"]


async def test_a_message_that_names_no_object_is_not_taken_for_one() -> None:
    items = Items(MemoryTables(), ManualClock())
    await items.record(WHERE, [about("evt_1", Kind.DONE)])
    await items.record(WHERE, [about("ch_1", Kind.PARK, UNREADABLE)])
    assert await keys(items, Kind.PARK) == ["message-ch_1"]
    row = await items.object(WHERE, "ch_1")
    assert row is not None
    assert row.cells["status"] == "done"


@pytest.mark.parametrize("later", list(Kind))
async def test_what_a_person_resolved_stays_resolved_until_it_is_reopened(later: Kind) -> None:
    tables = MemoryTables()
    items = Items(tables, ManualClock())
    await items.record(WHERE, [about("evt_1", Kind.PARK)])
    await items.record(WHERE, [about("evt_1", Kind.RESOLVED)])
    await items.record(WHERE, [about("evt_2", later, "other")])
    row = await items.object(WHERE, "ch_1")
    assert row is not None
    assert (row.cells["status"], row.cells["text"]) == ("resolved", "text of evt_1")
    assert (await keys(items, Kind.PARK), await keys(items, Kind.RESOLVED)) == ([], ["ch_1"])
    await items.reopen(WHERE, "ch_1", Outcome(Kind.PARK, cause="refused", text="reopened"))
    assert (await keys(items, Kind.PARK), await keys(items, Kind.RESOLVED)) == (["ch_1"], [])
    assert (await check(tables, items))["parked"] == 1


async def test_an_object_skipped_because_it_is_resolved_is_listed_so_with_its_old_cause() -> None:
    items = Items(MemoryTables(), ManualClock())
    await items.record(WHERE, [about("evt_1", Kind.PARK)])
    await items.record(WHERE, [about("v-ch_1", Kind.PARK, "vanished", ItemKind.VERIFY)])
    await items.record(WHERE, [about("evt_2", Kind.SKIP, RESOLVED_CAUSE)])
    assert (await keys(items, Kind.PARK), await keys(items, Kind.RESOLVED)) == ([], ["ch_1"])
    row = await items.object(WHERE, "ch_1")
    assert row is not None
    assert row.cells["cause"] == "refused"


async def test_an_object_is_at_one_place_whatever_the_number_of_partitions() -> None:
    items = Items(MemoryTables(), ManualClock())
    item_outcomes = [item_outcome(number, Kind.PARK) for number in range(40)]
    await items.store("charge", item_outcomes)
    found = {}
    for where in places(["charge"]):
        async for row in items.listed(where, Kind.PARK):
            found[row.row.partition("~")[2]] = where
    assert found == {each.item.object: home("charge", each.item.object) for each in item_outcomes}
    assert len(set(found.values())) == len(places(["charge"]))

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import pytest

from local.clock import LoopClock
from local.loop import run_virtual
from local.tables import MemoryTables
from shared.converge.plan import intent_of, link_of
from shared.domain.money import Money
from shared.domain.records import Record
from shared.errors import ClaimHeld, Parked, StorageUnavailable, TableConflict
from shared.ports import QUERY_ROWS_MAX, Operation, Put, Row
from shared.registry import REGISTRY
from shared.stores.link_cells import documents_in
from shared.stores.links import (
    CHOSEN_PREFIX,
    CLAIM,
    DOCUMENT,
    LINK_PREFIX,
    ROWS_MAX,
    TABLE,
    Claim,
    LinkStore,
)
from tests.unit.entities.objects import general_line
from tests.unit.services.fakes import START, ManualClock

LEASE_SECONDS = 600


def line(role: str = "gross") -> Record:
    document = general_line(role, amount=Money(5, "usd"))
    return Record(document, "LedgerJournalLines", "PaymentId", {"PaymentId": document.key})


GROSS = line().document
LINK = link_of(line(), {"JournalBatchNumber": "B1", "LineNumber": 7})
INTENT = intent_of(line(), "B1", START)


class Shelf:
    """A link store on a clock that the test moves."""

    def __init__(self) -> None:
        self.tables, self.clock = MemoryTables(), ManualClock()
        self.store = LinkStore(self.tables, self.clock, LEASE_SECONDS)


async def test_a_claim_holds_for_its_lease() -> None:
    shelf = Shelf()
    claim = await shelf.store.claim("txn_1", "one")
    assert (claim.until - START).total_seconds() == LEASE_SECONDS
    with pytest.raises(ClaimHeld) as caught:
        await shelf.store.claim("txn_1", "other")
    assert (caught.value.what, caught.value.until) == ("txn_1", claim.until)
    with pytest.raises(ClaimHeld):
        await shelf.store.claim("txn_1", "one")


async def test_a_claim_that_is_over_passes_to_the_next() -> None:
    shelf = Shelf()
    await shelf.store.claim("txn_1", "one")
    shelf.clock.advance(LEASE_SECONDS - 1)
    with pytest.raises(ClaimHeld):
        await shelf.store.claim("txn_1", "other")
    shelf.clock.advance(1)
    assert (await shelf.store.claim("txn_1", "other")).owner == "other"


async def test_a_released_claim_can_be_taken_at_once() -> None:
    shelf = Shelf()
    await shelf.store.release(await shelf.store.claim("txn_1", "one"))
    assert (await shelf.store.claim("txn_1", "other")).owner == "other"


@pytest.mark.parametrize("claimers", [2, 10])
def test_of_several_claimers_one_wins(claimers: int) -> None:
    async def main(clock: LoopClock) -> list[object]:
        store = LinkStore(MemoryTables(), clock, LEASE_SECONDS)
        return await asyncio.gather(
            *(store.claim("txn_1", f"worker{number}") for number in range(claimers)),
            return_exceptions=True,
        )

    results = run_virtual(main, start=START)
    assert sum(isinstance(result, Claim) for result in results) == 1
    losers = [result for result in results if not isinstance(result, Claim)]
    assert all(isinstance(result, TableConflict | ClaimHeld) for result in losers)


@pytest.mark.parametrize("claimers", [2, 10])
def test_of_several_claimers_of_a_lapsed_claim_one_wins(claimers: int) -> None:
    async def main(clock: LoopClock) -> list[object]:
        store = LinkStore(MemoryTables(), clock, LEASE_SECONDS)
        await store.claim("txn_1", "crashed")
        await clock.sleep(LEASE_SECONDS)
        return await asyncio.gather(
            *(store.claim("txn_1", f"worker{number}") for number in range(claimers)),
            return_exceptions=True,
        )

    results = run_virtual(main, start=START)
    assert sum(isinstance(result, Claim) for result in results) == 1


async def test_a_lost_claim_can_neither_announce_nor_settle() -> None:
    shelf = Shelf()
    lost = await shelf.store.claim("txn_1", "slow")
    shelf.clock.advance(LEASE_SECONDS)
    claim = await shelf.store.claim("txn_1", "fast")
    with pytest.raises(TableConflict):
        await shelf.store.intend(lost, [INTENT], [GROSS])
    with pytest.raises(TableConflict):
        await shelf.store.settle(lost, [LINK], ["gross"], [], [GROSS])
    assert await shelf.store.links("txn_1") == {}
    assert not await shelf.store.is_settled("txn_1")
    await shelf.store.settle(claim, [LINK], [], [], [GROSS])
    assert await shelf.store.is_settled("txn_1")


async def test_releasing_a_lost_claim_leaves_the_new_holder_alone() -> None:
    shelf = Shelf()
    lost = await shelf.store.claim("txn_1", "slow")
    shelf.clock.advance(LEASE_SECONDS)
    await shelf.store.claim("txn_1", "fast")
    await shelf.store.release(lost)
    with pytest.raises(ClaimHeld):
        await shelf.store.claim("txn_1", "third")


async def test_an_intent_outlives_its_worker() -> None:
    shelf = Shelf()
    claim = await shelf.store.claim("txn_1", "one")
    await shelf.store.intend(claim, [INTENT], [GROSS])
    shelf.clock.advance(LEASE_SECONDS)
    again = await shelf.store.claim("txn_1", "other")
    assert again.intents == {"gross": INTENT}
    assert (again.links, again.settled) == ({}, False)


async def test_what_landed_is_kept_before_another_announcement_takes_its_place() -> None:
    """Else a record that changed back is taken for one that somebody else changed: the link and the
    new announcement say the same, and Dynamics what nobody remembers."""
    shelf = Shelf()
    landed = link_of(line(), {"JournalBatchNumber": "B2", "LineNumber": 9})
    claim = await shelf.store.claim("txn_1", "one")
    await shelf.store.settle(claim, [LINK], [], [], None)
    claim = await shelf.store.claim("txn_1", "one")
    await shelf.store.intend(claim, [INTENT], [GROSS])
    fee = link_of(line("fee"), {"JournalBatchNumber": "B2", "LineNumber": 10})
    await shelf.store.intend(claim, [INTENT], [GROSS], [landed, fee])
    shelf.clock.advance(LEASE_SECONDS)  # the worker is gone before it sends
    again = await shelf.store.claim("txn_1", "other")
    assert (again.links, again.intents) == ({"gross": landed}, {"gross": INTENT})


async def test_settling_turns_intents_into_links_and_releases() -> None:
    shelf = Shelf()
    claim = await shelf.store.claim("txn_1", "one")
    await shelf.store.intend(claim, [INTENT], [GROSS])
    await shelf.store.settle(claim, [LINK], ["gross"], [], [GROSS])
    again = await shelf.store.claim("txn_1", "other")
    assert (again.links, again.intents, again.settled) == ({"gross": LINK}, {}, True)
    assert await shelf.store.links("txn_1") == {"gross": LINK}


async def test_an_uncertain_write_stays_announced_with_its_new_time() -> None:
    shelf = Shelf()
    fee = intent_of(line("fee"), "B1", START)
    claim = await shelf.store.claim("txn_1", "one")
    await shelf.store.intend(claim, [INTENT, fee], [GROSS, line("fee").document])
    later = replace(fee, at="2026-11-01T13:00:00+00:00")
    await shelf.store.settle(claim, [LINK], ["gross"], [later], None)
    again = await shelf.store.claim("txn_1", "other")
    assert (again.links, again.intents) == ({"gross": LINK}, {"fee": later})
    assert not again.settled


async def test_announcing_again_makes_a_settled_object_unsettled() -> None:
    shelf = Shelf()
    claim = await shelf.store.claim("txn_1", "one")
    await shelf.store.settle(claim, [LINK], [], [], [GROSS])
    claim = await shelf.store.claim("txn_1", "one")
    fee = line("fee")
    await shelf.store.intend(claim, [intent_of(fee, "B2", START)], [GROSS, fee.document])
    assert not await shelf.store.is_settled("txn_1")


async def test_the_last_documents_are_kept() -> None:
    shelf = Shelf()
    claim = await shelf.store.claim("txn_1", "one")
    await shelf.store.settle(claim, [LINK], [], [], [GROSS])
    row = await shelf.tables.get(TABLE, "txn_1", DOCUMENT)
    assert row is not None
    assert documents_in(row, REGISTRY.codec) == (GROSS,)


async def test_more_roles_than_a_transaction_holds_are_stored_under_the_claim() -> None:
    shelf = Shelf()
    claim = await shelf.store.claim("ch_1", "one")
    records = [line(f"line_{number}") for number in range(150)]
    intents = [intent_of(record, "", START) for record in records]
    await shelf.store.intend(claim, intents, [record.document for record in records])
    keys = {"JournalBatchNumber": "B1", "LineNumber": 7}
    links = [link_of(record, keys) for record in records]
    roles = [record.document.role for record in records]
    await shelf.store.settle(claim, links, roles, [], [record.document for record in records])
    again = await shelf.store.claim("ch_1", "other")
    assert list(again.intents) == []
    assert sorted(again.links) == sorted(roles)
    assert again.settled


async def test_an_object_that_was_never_seen_has_nothing() -> None:
    shelf = Shelf()
    assert await shelf.store.links("txn_0") == {}
    assert not await shelf.store.is_settled("txn_0")


class FlakyTables(MemoryTables):
    """Storage that is down."""

    async def transact(
        self, table: str, partition: str, operations: Sequence[Operation]
    ) -> tuple[str, ...]:
        raise StorageUnavailable("timeout")


async def test_storage_that_is_down_is_no_silent_release() -> None:
    shelf = Shelf()
    claim = await shelf.store.claim("txn_1", "one")
    store = LinkStore(FlakyTables(), shelf.clock, LEASE_SECONDS)
    with pytest.raises(StorageUnavailable):
        await store.release(claim)


async def written(shelf: Shelf, id: str, count: int) -> None:
    """An object with `count` links."""
    claim = await shelf.store.claim(id, "one")
    keys = {"JournalBatchNumber": "B1", "LineNumber": 7}
    links = [link_of(line(f"line_{number:04}"), keys) for number in range(count)]
    await shelf.store.settle(claim, links, [], [], [])


async def test_links_beyond_the_first_page_of_rows_are_read() -> None:
    shelf = Shelf()
    count = QUERY_ROWS_MAX + 80  # an order of 90 lines with 11 refunds of all of them
    await written(shelf, "ch_1", count)
    assert len(await shelf.store.links("ch_1")) == count
    claim = await shelf.store.claim("ch_1", "other")
    assert len(claim.links) == count
    assert claim.settled


async def test_choices_on_the_first_page_do_not_hide_the_claim() -> None:
    shelf = Shelf()
    for number in range(0, QUERY_ROWS_MAX, 50):
        puts = [Put(f"{CHOSEN_PREFIX}{number + n:05}", {"id": "x"}) for n in range(50)]
        await shelf.tables.transact(TABLE, "cus_1", puts)
    claim = await shelf.store.claim("cus_1", "one")
    with pytest.raises(ClaimHeld):
        await shelf.store.claim("cus_1", "other")
    await shelf.store.settle(claim, [LINK], [], [], [GROSS])
    assert (await shelf.store.claim("cus_1", "other")).links == {"gross": LINK}


class PausingTables(MemoryTables):
    """Storage in which something happens right before the second page of a query."""

    def __init__(self) -> None:
        super().__init__()
        self.before_second_page: Callable[[], Awaitable[None]] | None = None

    async def query(
        self,
        table: str,
        *,
        partition: str | None = None,
        prefix: str = "",
        after: tuple[str, str] | None = None,
        limit: int = QUERY_ROWS_MAX,
    ) -> list[Row]:
        act = self.before_second_page
        if after is not None and act is not None:
            self.before_second_page = None
            await act()
        return await super().query(
            table, partition=partition, prefix=prefix, after=after, limit=limit
        )


async def test_a_claim_is_refused_when_another_worker_writes_between_two_pages() -> None:
    tables, clock = PausingTables(), ManualClock()
    shelf = Shelf()
    shelf.tables, shelf.store = tables, LinkStore(tables, clock, LEASE_SECONDS)
    await written(shelf, "ch_1", QUERY_ROWS_MAX)

    async def other() -> None:
        claim = await shelf.store.claim("ch_1", "fast")
        await shelf.store.settle(claim, [LINK], [], [], None)

    tables.before_second_page = other
    with pytest.raises(TableConflict):
        await shelf.store.claim("ch_1", "slow")
    assert "gross" in (await shelf.store.claim("ch_1", "slow")).links


async def test_an_object_of_more_rows_than_the_limit_parks_and_is_not_claimed() -> None:
    shelf = Shelf()
    for start in range(0, ROWS_MAX + 1, 100):
        puts = [Put(f"{LINK_PREFIX}{start + n:06}", {"a": 1}) for n in range(100)]
        await shelf.tables.transact(TABLE, "ch_1", puts)
    with pytest.raises(Parked) as caught:
        await shelf.store.claim("ch_1", "one")
    assert caught.value.cause == "limit_reached"
    assert caught.value.remedy
    assert await shelf.tables.get(TABLE, "ch_1", CLAIM) is None


async def test_large_records_are_announced_and_settled_in_requests_that_storage_takes() -> None:
    shelf = Shelf()
    claim = await shelf.store.claim("ch_1", "one")
    words = [random.Random(number).randbytes(300_000).hex() for number in range(12)]
    records = [
        replace(line(f"line_{number:02}"), fields={"Text": text})
        for number, text in enumerate(words)
    ]
    intents = [intent_of(record, "", START) for record in records]
    await shelf.store.intend(claim, intents, [GROSS])
    links = [link_of(record, {"JournalBatchNumber": "B1", "LineNumber": 7}) for record in records]
    await shelf.store.settle(claim, links, [link.role for link in links], [], [GROSS])
    again = await shelf.store.claim("ch_1", "other")
    assert [link.record.fields["Text"] for link in again.links.values()] == words
    assert (again.intents, again.settled) == ({}, True)

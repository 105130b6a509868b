"""One object's failure touches no other: each step fails the objects that it concerns."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from local.tables import MemoryTables
from shared.converge.active_rules import target_of
from shared.converge.phases import PHASES_MAX
from shared.converge.plan import link_of
from shared.converge.stages import DecidedObject, Failed, WrittenObject
from shared.domain.documents import Document
from shared.entities.common.objects import Desired, Listed, Snapshot
from shared.errors import JournalPosted, Refused, StorageUnavailable, Unavailable, UncertainWrite
from shared.outcomes import Kind, Outcome
from shared.packaged import packaged_mapping
from shared.ports import Json, Lookup, Message, Operation, Write
from shared.stores import receipts
from shared.stores.item import ItemKind
from shared.stores.journals import TABLE as JOURNALS
from shared.stores.journals import Writer
from shared.stores.links import INTENT_PREFIX, LinkStore
from shared.stores.links import TABLE as LINKS
from tests.unit.converge.test_phases import person
from tests.unit.converge.test_writing import payment
from tests.unit.entities.objects import CONTEXT, charge, customer, txn
from tests.unit.services.fakes import PickyDynamics, RecordingQueue, Rig, rig

WRITER = Writer("ledger", "0", "one")
TWO = {"txn_1": (), "txn_2": ()}
LINE = "CustomerPaymentJournalLines"


class PickyTables(MemoryTables):
    """Refuses some transactions."""

    def __init__(self) -> None:
        super().__init__()
        self.refuse: Callable[[str, str, Operation], Exception | None] = lambda *_: None

    async def transact(
        self, table: str, partition: str, operations: Sequence[Operation]
    ) -> tuple[str, ...]:
        for operation in operations:
            error = self.refuse(table, partition, operation)
            if error is not None:
                raise error
        return await super().transact(table, partition, operations)


class Bench:
    """Converge over two transactions of one charge, with fakes that can be picky."""

    def __init__(self) -> None:
        self.tables, self.dynamics = PickyTables(), PickyDynamics()
        self.rig: Rig = rig(txn(), txn(id="txn_2"), charge(), customer(), tables=self.tables)
        self.app = replace(self.rig.app, dynamics=self.dynamics)
        self.converge = self.app.converge(self.rig.flows)

    async def run(self, *, verify: bool = False) -> dict[str, Outcome]:
        kind = ItemKind.VERIFY if verify else ItemKind.CONVERGE
        return await self.converge.run("balance_transaction", TWO, WRITER, kind)

    async def kinds(self, *, verify: bool = False) -> list[Kind]:
        outcomes = await self.run(verify=verify)
        return [outcomes[id].kind for id in TWO]

    def lines(self) -> list[str]:
        return sorted(
            str(row["PaymentId"])
            for name in (LINE, "LedgerJournalLines")
            for row in self.dynamics.rows.get(name, [])
        )


ALL_LINES = ["txn_1:fee", "txn_1:gross", "txn_2:fee", "txn_2:gross"]


def names(lookup: Lookup, id: str) -> bool:
    """Whether a lookup asks for something of an object."""
    values = lookup.any_of[1] if lookup.any_of else ()
    return any(str(value).startswith(id) for value in values)


def refuses_first(lookup: Lookup) -> Exception | None:
    return Refused("dynamics", "no such name") if names(lookup, "txn_1") else None


async def test_a_look_that_is_refused_for_one_object_finds_the_others() -> None:
    bench = Bench()
    lost = ("lost", UncertainWrite("time-out"))
    bench.dynamics.script = [None, None, None, *(lost for _ in range(4))]
    assert await bench.kinds() == [Kind.RETRY, Kind.RETRY]
    bench.rig.clock.advance(3_600)
    bench.dynamics.refuse = refuses_first
    assert await bench.kinds() == [Kind.PARK, Kind.DONE]
    bench.dynamics.refuse = lambda _lookup: None
    assert await bench.kinds() == [Kind.DONE, Kind.DONE]
    assert bench.lines() == ALL_LINES


async def test_a_check_that_is_refused_for_one_object_compares_the_others() -> None:
    bench = Bench()
    assert await bench.kinds() == [Kind.DONE, Kind.DONE]
    bench.dynamics.refuse = refuses_first
    assert await bench.kinds(verify=True) == [Kind.PARK, Kind.DONE]


async def test_an_answer_without_its_keys_is_looked_for_and_fails_nobody_else() -> None:
    bench = Bench()

    def without_number(write: Write, row: Json) -> Json:
        is_it = write.fields.get("PaymentId") == "txn_1:gross"
        return {name: row[name] for name in row if not is_it or name != "LineNumber"}

    bench.dynamics.answer = without_number
    assert await bench.kinds() == [Kind.PARK, Kind.DONE]
    bench.rig.clock.advance(3_600)
    assert await bench.kinds() == [Kind.DONE, Kind.DONE]
    assert bench.lines() == ALL_LINES


@pytest.mark.parametrize("error", [RuntimeError("odd"), StorageUnavailable("away")])
async def test_an_object_that_cannot_be_announced_is_not_sent_and_the_others_are(
    error: Exception,
) -> None:
    bench = Bench()

    def refuse(table: str, partition: str, operation: Operation) -> Exception | None:
        is_it = (table, partition) == (LINKS, "txn_1") and operation.row.startswith(INTENT_PREFIX)
        return error if is_it else None

    bench.tables.refuse = refuse
    first, second = await bench.kinds()
    assert first in (Kind.PARK, Kind.RETRY)
    assert second is Kind.DONE
    assert bench.lines() == ["txn_2:fee", "txn_2:gross"]


async def test_a_journal_that_cannot_be_left_costs_nobody_what_was_written() -> None:
    bench = Bench()
    posted = JournalPosted("posted")
    bench.dynamics.script = [None, None, None, posted]  # customer, two headers, the first line

    def refuse(table: str, _partition: str, operation: Operation) -> Exception | None:
        cells = getattr(operation, "cells", {})
        is_it = table == JOURNALS and cells.get("state") == "closed"
        return StorageUnavailable("away") if is_it else None

    bench.tables.refuse = refuse
    assert await bench.kinds() == [Kind.RETRY, Kind.DONE]
    assert "gross" in await LinkStore(bench.tables, bench.rig.clock, 600).links("txn_2")


async def test_asking_why_a_write_was_refused_changes_nothing_for_what_was_written() -> None:
    bench = Bench()
    bench.dynamics.script = [None, None, None, Refused("dynamics", "on hold")]

    def refuse(lookup: Lookup) -> Exception | None:
        return RuntimeError("odd") if "OnHoldStatus" in lookup.select else None

    bench.dynamics.refuse = refuse
    outcomes = await bench.run()
    assert (outcomes["txn_1"].cause, outcomes["txn_2"].kind) == ("refused", Kind.DONE)


async def test_a_follow_up_that_cannot_be_sent_fails_its_own_object() -> None:
    class PickyQueue(RecordingQueue):
        async def send(self, queue: str, messages: Sequence[Message]) -> None:
            if any(message.id == "txn_1" for message in messages):
                raise ValueError("this message cannot be sent")
            await super().send(queue, messages)

    queue = PickyQueue()
    found = rig(charge(), charge(id="ch_2", balance_transaction="txn_2"), customer())
    converge = replace(found.app, queue=queue).converge(found.flows)
    outcomes = await converge.run("charge", {"ch_1": (), "ch_2": ()}, WRITER)
    assert [outcomes[id].kind for id in ("ch_1", "ch_2")] == [Kind.PARK, Kind.DONE]
    assert [message.id for _, message in queue.sent] == ["txn_2"]


async def test_a_list_that_cannot_be_stored_keeps_the_links_and_the_object_unsettled() -> None:
    bench = Bench()

    def refuse(table: str, _partition: str, _operation: Operation) -> Exception | None:
        return StorageUnavailable("away") if table == receipts.TABLE else None

    bench.tables.refuse = refuse
    store = LinkStore(bench.tables, bench.rig.clock, 600)
    (result,) = await _written(bench, person("a"))
    assert isinstance(result, WrittenObject)
    listed = Listed("over_payment", "usmf", "", 1, "usd")
    value = replace(result, desired=replace(result.desired, listed=listed))
    (recorded,) = await bench.converge.recorder.record([value], CONTEXT)
    assert recorded.outcome.cause == "unavailable"
    assert list(await store.links("cus_1")) == ["a"]
    assert not await store.is_settled("cus_1")


async def _written(bench: Bench, *documents: Document) -> list[WrittenObject | Failed]:
    """An object that wants the documents, which are written and not settled."""
    store = LinkStore(bench.tables, bench.rig.clock, 600)
    claim = await store.claim("cus_1", "one")
    snapshot = Snapshot("customer", "cus_1", customer())
    value = DecidedObject(claim, snapshot, Desired(documents))
    target = target_of(bench.app.settings, packaged_mapping(), {})
    return await bench.converge.commands.run(ItemKind.CONVERGE, target, WRITER, [value])


def chain(length: int) -> tuple[Document, ...]:
    """Documents of which each needs the one before."""
    return tuple(person(f"d{n}", after=[f"d{n - 1}"] if n else []) for n in range(length))


@pytest.mark.parametrize("length", [PHASES_MAX - 1, PHASES_MAX, PHASES_MAX + 1, PHASES_MAX + 3])
async def test_an_object_that_needs_more_phases_than_there_are_parks_unsettled(length: int) -> None:
    bench = Bench()
    results = await _written(bench, *chain(length))
    (recorded,) = await bench.converge.recorder.record(results, CONTEXT)
    store = LinkStore(bench.tables, bench.rig.clock, 600)
    assert len(await store.links("cus_1")) == min(length, PHASES_MAX)
    fits = length <= PHASES_MAX
    assert await store.is_settled("cus_1") is fits
    outcome = recorded.outcome
    assert (outcome.kind, outcome.cause) == (
        (Kind.DONE, "") if fits else (Kind.PARK, "limit_reached")
    )
    assert fits or outcome.remedy


async def test_a_system_that_does_not_answer_is_not_asked_for_each_object_again() -> None:
    bench = Bench()
    assert await bench.kinds() == [Kind.DONE, Kind.DONE]
    bench.dynamics.asked.clear()
    bench.dynamics.refuse = lambda _lookup: Unavailable("dynamics", "503")
    assert await bench.kinds(verify=True) == [Kind.RETRY, Kind.RETRY]
    assert len(bench.dynamics.asked) == 1


async def test_a_draft_that_was_deleted_is_written_again_in_one_phase_only() -> None:
    bench = Bench()
    store = LinkStore(bench.tables, bench.rig.clock, 600)
    record = payment()
    held = await store.claim("txn_1", "one")
    link = link_of(record, {"JournalBatchNumber": "B1", "LineNumber": 1})
    await store.settle(held, [link], [], [], None)
    documents = (record.document, *chain(2))
    snapshot = Snapshot("balance_transaction", "txn_1", txn())
    value = DecidedObject(await store.claim("txn_1", "one"), snapshot, Desired(documents))
    target = target_of(bench.app.settings, packaged_mapping(), {})
    (result,) = await bench.converge.commands.run(ItemKind.VERIFY, target, WRITER, [value])
    assert isinstance(result, WrittenObject)
    assert list(result.links) == ["gross", "d0", "d1"]
    assert bench.lines() == ["txn_1:gross"]

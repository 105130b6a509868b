import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from local.tables import MemoryTables
from local.telemetry import MemoryTelemetry
from shared import telemetry
from shared.errors import (
    CredentialsRefused,
    FlowsUnavailable,
    QueueUnavailable,
    Refused,
    StorageUnavailable,
    Throttled,
    Unavailable,
    UncertainWrite,
)
from shared.outcomes import Kind
from shared.ports import Message, Operation, Put, Row
from shared.services.work.work import (
    OBJECTS_PER_RUN,
    SUSPECT_DELIVERIES,
    UNCOUNTED_DELAY_SECONDS,
    UNCOUNTED_MAX,
    Received,
)
from shared.stores.item import Item, ItemKind, read_item
from shared.stores.items import Items, home, places
from shared.stores.links import LinkStore
from shared.stores.reception import Reception
from tests.unit.entities.objects import Json, charge, customer, payout, txn
from tests.unit.services.fakes import Rig, rig

PARTITION = 2


def item(object: str = "txn_1", number: int = 1, entity: str = "balance_transaction") -> Item:
    return Item(f"evt_{number}", "", entity, object)


def received(*items: Item, deliveries: int = 1) -> list[Received]:
    bodies = [json.dumps(each.message(PARTITION).body).encode() for each in items]
    return [
        Received(each.message_id, body, deliveries)
        for each, body in zip(items, bodies, strict=True)
    ]


class TablesWithoutEvents(MemoryTables):
    """Storage that takes everything but outcomes."""

    async def transact(
        self, table: str, partition: str, operations: Sequence[Operation]
    ) -> tuple[str, ...]:
        if table == "events":
            raise StorageUnavailable("timeout")
        return await super().transact(table, partition, operations)


class Bench:
    """Work over fakes, for the queue of balance transactions."""

    def __init__(self, *objects: Json, queue: str = "ledger", **changes: Any) -> None:
        shop = objects or (txn(), charge(), customer())
        self.rig: Rig = rig(*shop, **changes)
        self.queue = queue
        self.work = self.rig.app.work(self.rig.flows)
        self.items = Items(self.rig.tables, self.rig.clock)

    async def handle(self, messages: Sequence[Received]) -> None:
        await self.work.handle(self.queue, PARTITION, messages)

    async def row(self, id: str) -> Row:
        found = await self.find(id)
        assert found is not None
        return found

    async def find(self, id: str) -> Row | None:
        for where in places([self.queue]):
            found = await self.items.get(where, id)
            if found is not None:
                return found
        return None

    async def status(self, id: str) -> tuple[object, object]:
        cells = (await self.row(id)).cells
        return cells["status"], cells["cause"]

    @property
    def copies(self) -> list[Message]:
        return [message for _, message in self.rig.queue.sent]


async def test_a_transaction_is_written_and_its_item_is_done() -> None:
    bench = Bench()
    await bench.handle(received(item()))
    assert await bench.status("evt_1") == ("done", "")
    assert bench.copies == []
    rows = bench.rig.dynamics.rows
    assert [row["PaymentId"] for row in rows["CustomerPaymentJournalLines"]] == ["txn_1:gross"]
    assert [row["PaymentId"] for row in rows["LedgerJournalLines"]] == ["txn_1:fee"]
    assert [row["StripeCustomerId"] for row in rows["CustomersV3"]] == ["cus_1"]


async def test_the_same_work_twice_writes_once() -> None:
    bench = Bench()
    await bench.handle(received(item()))
    written = len(bench.rig.dynamics.batches)
    await bench.handle(received(item(number=2)))
    assert len(bench.rig.dynamics.batches) == written
    assert await bench.status("evt_2") == ("done", "")


async def test_duplicates_in_a_batch_are_folded() -> None:
    bench = Bench()
    await bench.handle(received(item(), item(), item(number=2)))
    assert len(bench.rig.dynamics.rows["LedgerJournalLines"]) == 1
    assert await bench.status("evt_1") == await bench.status("evt_2") == ("done", "")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"id": "evt_1"}', b"\xff\xfe\x00", b"[" * 10_000]
)
async def test_an_unreadable_message_is_parked_and_the_rest_is_done(body: bytes) -> None:
    bench = Bench()
    await bench.handle([Received("odd/id?", body, 1), *received(item())])
    assert await bench.status("odd_id_") == ("parked", "unreadable_message")
    assert (await bench.row("odd_id_")).cells["remedy"]
    assert await bench.status("evt_1") == ("done", "")


@pytest.mark.parametrize("id", ["", "/", "x" * 1_000, "ü\x00"])
async def test_any_message_id_of_an_unreadable_message_is_stored(id: str) -> None:
    bench = Bench()
    await bench.handle([Received(id, b"junk", 1)])
    counts = await bench.items.counts(places([bench.queue]))
    assert counts["parked"] == 1


async def test_a_retry_is_scheduled_as_a_new_message_with_a_later_time() -> None:
    bench = Bench()
    bench.rig.stripe.errors["txn_1"] = Unavailable("Stripe", "503")
    await bench.handle(received(item()))
    (copy,) = bench.copies
    assert (copy.id, copy.session) == ("evt_1:0.1", str(PARTITION))
    assert copy.scheduled_at is not None
    assert copy.scheduled_at > bench.rig.clock.now()
    assert read_item(json.dumps(copy.body).encode()) == item().again(counts=True)
    assert await bench.status("evt_1") == ("retry", "unavailable")
    (listed,) = [row async for row in bench.items.listed(home(bench.queue, "txn_1"), Kind.RETRY)]
    assert listed.cells["due_at"] == copy.scheduled_at


async def test_retries_have_unique_ids_growing_waits_and_end_parked() -> None:
    bench = Bench(attempts_max=6, retry_base_seconds=10, retry_cap_seconds=60)
    bench.rig.stripe.errors["txn_1"] = Unavailable("Stripe", "503")
    waits, ids, current = [], ["evt_1"], item()
    for _ in range(5):
        await bench.handle(received(current))
        copy = bench.copies[-1]
        assert copy.scheduled_at is not None
        waits.append((copy.scheduled_at - bench.rig.clock.now()).total_seconds())
        ids.append(copy.id)
        current = read_item(json.dumps(copy.body).encode())
        bench.rig.clock.moment = copy.scheduled_at
    await bench.handle(received(current))
    assert len(bench.copies) == 5
    assert ids == ["evt_1", *(f"evt_1:0.{number}" for number in range(1, 6))]
    for wait, base in zip(waits, (10, 20, 40, 60, 60), strict=True):
        assert base / 2 <= wait <= base
    row = await bench.row("evt_1")
    assert (row.cells["status"], row.cells["cause"]) == ("parked", "unavailable")
    assert str(row.cells["text"]).startswith("gave up after 6 attempts")
    assert row.cells["remedy"]


async def test_the_same_seed_gives_the_same_waits() -> None:
    found = []
    for _ in range(2):
        bench = Bench()
        bench.rig.stripe.errors["txn_1"] = Unavailable("Stripe", "503")
        await bench.handle(received(item()))
        found.append(bench.copies[0].scheduled_at)
    assert found[0] == found[1]


async def test_a_wait_that_the_vendor_demands_is_respected() -> None:
    bench = Bench()
    bench.rig.stripe.errors["txn_1"] = Throttled("Stripe", 500)
    await bench.handle(received(item()))
    (copy,) = bench.copies
    assert copy.scheduled_at is not None
    assert (copy.scheduled_at - bench.rig.clock.now()).total_seconds() >= 500


async def test_a_claim_that_is_held_elsewhere_uses_no_attempt() -> None:
    bench = Bench(attempts_max=1)
    await LinkStore(bench.rig.tables, bench.rig.clock, 600).claim("txn_1", "other")
    current = item()
    for number in range(1, 4):
        await bench.handle(received(current))
        current = read_item(json.dumps(bench.copies[-1].body).encode())
        assert (current.copy, current.attempt) == (number, 0)
    assert await bench.status("evt_1") == ("retry", "claim_held")


async def test_copies_are_scheduled_before_rows_are_written() -> None:
    bench = Bench()
    bench.rig.stripe.errors["txn_1"] = Unavailable("Stripe", "503")
    bench.rig.queue.error = QueueUnavailable("down")
    with pytest.raises(QueueUnavailable):
        await bench.handle(received(item()))
    assert await bench.find("evt_1") is None
    bench.rig.queue.error = None
    await bench.handle(received(item()))
    assert [copy.id for copy in bench.copies] == ["evt_1:0.1"]


async def test_rows_that_cannot_be_written_bring_the_messages_again() -> None:
    bench = Bench(tables=TablesWithoutEvents())
    bench.rig.stripe.errors["txn_1"] = Unavailable("Stripe", "503")
    for _ in range(2):
        with pytest.raises(StorageUnavailable):
            await bench.handle(received(item()))
    assert [copy.id for copy in bench.copies] == ["evt_1:0.1", "evt_1:0.1"]


async def test_a_message_that_came_too_often_is_handled_alone() -> None:
    objects = (txn(), txn(id="txn_2"), txn(id="txn_3"), charge(), customer())
    for deliveries, requests in ((1, 1), (SUSPECT_DELIVERIES, 3)):
        bench = Bench(*objects)
        messages = received(item("txn_1", 1), item("txn_2", 2))
        messages += received(item("txn_3", 3), deliveries=deliveries)
        await bench.handle(messages)
        lines = [
            batch
            for batch in bench.rig.dynamics.batches
            if batch[0].entity_set == "CustomerPaymentJournalLines"
        ]
        assert len(lines) == requests


async def test_what_the_time_does_not_allow_is_sent_again_uncounted() -> None:
    count = 60
    objects = [txn(id=f"txn_{number}") for number in range(count)]
    bench = Bench(*objects, charge(), customer(), batch_seconds_max=60)
    asked: list[str] = []

    def slow(id: str) -> None:
        asked.append(id)
        bench.rig.clock.advance(2)

    bench.rig.stripe.on_retrieve = slow
    await bench.handle(received(*(item(f"txn_{number}", number) for number in range(count))))
    begun = [id for id in asked if id.startswith("txn_")]
    assert len(begun) == 50
    again = [read_item(json.dumps(copy.body).encode()) for copy in bench.copies]
    assert [each.object for each in again] == [f"txn_{number}" for number in range(50, 60)]
    assert {(each.copy, each.attempt) for each in again} == {(1, 0)}
    assert await bench.status("evt_59") == ("retry", "not_begun")


async def test_one_broken_object_does_not_hold_up_the_others() -> None:
    bench = Bench(txn(net=1), txn(id="txn_2"), charge(), customer())
    bench.rig.stripe.errors["txn_3"] = CredentialsRefused("Stripe", "401")
    await bench.handle(
        received(item("txn_1", 1), item("txn_2", 2), item("txn_3", 3), item("txn_4", 4))
    )
    assert await bench.status("evt_1") == ("parked", "inconsistent_transaction")
    assert await bench.status("evt_2") == ("done", "")
    assert await bench.status("evt_3") == ("retry", "credentials")
    assert await bench.status("evt_4") == ("parked", "object_missing")


async def test_a_parked_item_knows_the_money_at_stake() -> None:
    bench = Bench(txn(net=1), charge(), customer())
    await bench.handle(received(item()))
    cells = (await bench.row("evt_1")).cells
    assert (cells["amount_minor"], cells["currency"]) == (5000, "usd")


async def test_a_charge_without_transaction_waits_and_is_no_error() -> None:
    bench = Bench(charge(balance_transaction=None), queue="charge")
    await bench.handle(received(item("ch_1", entity="charge")))
    assert await bench.status("evt_1") == ("waiting", "transaction_not_made")
    assert bench.copies == []


async def test_a_charge_leads_to_a_message_for_its_transaction() -> None:
    bench = Bench(queue="charge")
    await bench.handle(received(item("ch_1", entity="charge")))
    assert await bench.status("evt_1") == ("done", "")
    ((queue, message),) = bench.rig.queue.sent
    assert (queue, message.id) == ("ledger", "txn_1")
    assert bench.rig.dynamics.batches == []


async def test_a_lost_answer_is_looked_for_and_not_written_twice() -> None:
    bench = Bench()
    lost = ("lost", UncertainWrite("time-out"))
    # customer, two headers, then the two lines
    bench.rig.dynamics.script = [None, None, None, lost, lost]
    await bench.handle(received(item()))
    assert await bench.status("evt_1") == ("retry", "uncertain_write")
    (copy,) = bench.copies
    assert copy.scheduled_at is not None
    bench.rig.clock.moment = copy.scheduled_at
    again = read_item(json.dumps(copy.body).encode())
    await bench.handle(received(again))
    if (await bench.status("evt_1"))[0] == Kind.RETRY.value:
        bench.rig.clock.advance(3_600)
        await bench.handle(received(again.again(counts=True)))
    assert await bench.status("evt_1") == ("done", "")
    rows = bench.rig.dynamics.rows
    assert len(rows["CustomerPaymentJournalLines"]) == len(rows["LedgerJournalLines"]) == 1


async def test_a_message_of_another_entity_in_the_queue_is_handled_by_its_entity() -> None:
    bench = Bench(customer())
    await bench.handle(received(item("cus_1", entity="customer")))
    assert await bench.status("evt_1") == ("done", "")
    assert len(bench.rig.dynamics.rows["CustomersV3"]) == 1


async def test_an_envelope_of_an_entity_that_we_do_not_know_is_parked() -> None:
    bench = Bench()
    await bench.handle(received(item("in_1", entity="invoice"), item(number=2)))
    assert (await bench.status("evt_1"))[0] == "parked"
    assert await bench.status("evt_2") == ("done", "")


async def test_an_arrival_whose_answer_was_lost_is_taken_back_when_the_payout_fails() -> None:
    bench = Bench(payout(automatic=False, balance_transaction=None), queue="ledger")
    bench.rig.dynamics.script = [None, ("lost", UncertainWrite("time-out"))]
    await bench.handle(received(item("po_1", 1, "payout")))
    assert await bench.status("evt_1") == ("retry", "uncertain_write")
    failed = payout(automatic=False, status="failed", failure_balance_transaction="txn_back")
    bench.rig.stripe.objects["payout", "po_1"] = failed
    bench.rig.clock.advance(3_600)
    await bench.handle(received(item("po_1", 2, "payout")))
    assert [row["PaymentId"] for row in bench.rig.dynamics.rows["LedgerJournalLines"]] == [
        "po_1:arrival",
        "po_1:arrival_return",
    ]


async def test_an_object_on_two_errands_is_reapplied_after_the_other_one() -> None:
    bench = Bench()
    await bench.handle(received(item()))
    maintenance = [
        Item("isolate-txn_1", "", "balance_transaction", "txn_1", kind=ItemKind.ISOLATE),
        Item("reapply-2-txn_1", "", "balance_transaction", "txn_1", kind=ItemKind.REAPPLY),
    ]
    await bench.handle(received(*maintenance))
    assert [message.body["id"] for message in bench.copies if "reapply" in message.id] == [
        "reapply-2-txn_1"
    ]
    assert not [message for message in bench.copies if "isolate" in message.id]


async def test_a_vendors_half_character_holds_up_no_outcome_of_its_batch() -> None:
    bench = Bench(txn(), txn(id="txn_2"), charge(), customer())
    bench.rig.stripe.errors["txn_1"] = Refused("stripe", "no such thing: Bro\ud83dken\x00")
    await bench.handle(received(item("txn_1", 1), item("txn_2", 2)))
    assert await bench.status("evt_1") == ("parked", "refused")
    assert (await bench.row("evt_1")).cells["text"] == "stripe refuses: no such thing: Bro?ken "
    assert await bench.status("evt_2") == ("done", "")


@pytest.mark.parametrize("attempt", [0, 3])
async def test_a_retry_that_never_counts_and_never_ends_is_parked(attempt: int) -> None:
    bench = Bench()
    await LinkStore(bench.rig.tables, bench.rig.clock, 600).claim("txn_1", "other")
    last = replace(item(), copy=UNCOUNTED_MAX - 1 + attempt, attempt=attempt)
    await bench.handle(received(replace(last, copy=last.copy - 1)))
    assert await bench.status("evt_1") == ("retry", "claim_held")
    bench.rig.queue.sent.clear()
    await bench.handle(received(last))
    cells = (await bench.row("evt_1")).cells
    assert (cells["status"], cells["cause"]) == ("parked", "claim_held")
    tries = UNCOUNTED_MAX + attempt
    assert str(cells["text"]).startswith(
        f"gave up after {tries:,} tries, 1,000 of which do not count"
    )
    assert cells["remedy"]
    assert bench.copies == []


async def test_a_claim_of_the_longest_lease_ends_before_its_retries_do() -> None:
    lease_seconds_max = 7_200
    mean_seconds = UNCOUNTED_DELAY_SECONDS * 3 / 4  # half of the wait is drawn
    assert UNCOUNTED_MAX * mean_seconds > 1.3 * lease_seconds_max


async def test_what_is_never_begun_parks_with_words() -> None:
    bench = Bench(batch_seconds_max=60)
    count = OBJECTS_PER_RUN + 1
    items = [item(f"txn_{n}", n) for n in range(count)]
    items[-1] = replace(items[-1], copy=UNCOUNTED_MAX - 1)
    bench.rig.stripe.on_retrieve = lambda _id: bench.rig.clock.advance(2)
    await bench.handle(received(*items))
    cells = (await bench.row(f"evt_{count - 1}")).cells
    assert (cells["status"], cells["cause"]) == ("parked", "not_begun")
    assert cells["text"]
    assert cells["remedy"]


async def test_a_payout_whose_flow_cannot_start_has_an_open_tie_out() -> None:
    bench = Bench(payout(), queue="ledger")

    async def fail(name: str, instance: str, input: Json) -> None:
        raise FlowsUnavailable("down")

    bench.rig.flows.start = fail  # type: ignore[method-assign]
    await bench.handle(received(item("po_1", entity="payout")))
    (row,) = await bench.rig.tables.query("payouts", partition="tieouts")
    assert (row.row, row.cells["status"], row.cells["amount_minor"]) == ("po_1", "open", 12345)


async def test_a_tie_out_that_is_known_stays_as_it_is() -> None:
    bench = Bench(payout(), queue="ledger")
    tied = Put("po_1", {"status": "tied"})
    await bench.rig.tables.transact("payouts", "tieouts", [tied])
    await bench.handle(received(item("po_1", entity="payout")))
    (row,) = await bench.rig.tables.query("payouts", partition="tieouts")
    assert row.cells == tied.cells


def told(bench: Bench) -> MemoryTelemetry:
    memory = MemoryTelemetry(bench.rig.clock)
    telemetry.use(memory)
    return memory


def arrived(bench: Bench, seconds_ago: float, *items: Item) -> list[Received]:
    """Messages whose events the webhook received some time ago."""
    at = bench.rig.clock.now() - timedelta(seconds=seconds_ago)
    properties = Reception(at, f"00-{'1' * 32}-{'2' * 16}-01").properties()
    return [replace(each, properties=properties) for each in received(*items)]


@pytest.mark.parametrize(
    ("seconds", "bound"), [(0, 5), (5, 5), (5.1, 10), (86_400, 86_400), (9_000_000, 604_800)]
)
async def test_an_event_is_booked_within_a_bound_since_its_webhook(
    seconds: float, bound: int
) -> None:
    bench = Bench()
    memory = told(bench)
    await bench.handle(arrived(bench, seconds, item()))
    booked = {dimensions for (name, dimensions) in memory.totals if name == "tieout.event.booked"}
    assert booked == {(("entity", "balance_transaction"), ("seconds_max", bound))}
    (batch,) = [span for span in memory.spans if span.name == "batch"]
    assert batch.attributes["events"] == ("evt_1",)
    assert batch.links == (f"00-{'1' * 32}-{'2' * 16}-01",)
    assert memory.undeclared == {}


async def test_what_no_webhook_received_is_counted_and_has_no_time() -> None:
    bench = Bench()
    memory = told(bench)
    await bench.handle(received(item()))
    assert memory.total("tieout.item.outcomes", outcome="done") == 1
    assert memory.total("tieout.event.booked") == 0


async def test_a_retry_keeps_the_time_and_the_trace_of_its_event() -> None:
    bench = Bench()
    bench.rig.stripe.errors["txn_1"] = Throttled("stripe")
    (message,) = arrived(bench, 60, item())
    await bench.handle([message])
    (copy,) = [sent for _, sent in bench.rig.queue.sent if sent.scheduled_at is not None]
    assert copy.properties == message.properties


async def test_an_outcome_that_was_not_stored_is_not_counted() -> None:
    bench = Bench()
    bench.rig = rig(txn(), charge(), customer(), tables=TablesWithoutEvents())
    bench.work = bench.rig.app.work(bench.rig.flows)
    memory = told(bench)
    with pytest.raises(StorageUnavailable):
        await bench.handle(received(item()))
    assert memory.total("tieout.item.outcomes") == 0

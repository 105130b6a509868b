from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from local.tables import MemoryTables
from shared.domain.clearing import Resolution
from shared.errors import QueueUnavailable, StorageUnavailable, TableConflict
from shared.outcomes import Kind, Outcome
from shared.ports import DeadLetter, Message, Operation, Put
from shared.services.work.sweep import PAYOUT_DAYS, RESEND_AFTER_MAX, RESEND_AFTER_MIN
from shared.stores.item import Item
from shared.stores.items import ItemOutcome, Items, home, places
from shared.stores.links import LinkStore
from shared.stores.runs import FAILURES_MAX
from shared.stores.tie_outs import TABLE, TIEOUTS
from tests.unit.entities.objects import Json, payout, plain_txn
from tests.unit.services.fakes import START, RecordingQueue, Rig, rig
from tests.unit.services.test_reconcile import write

DAY = 86_400
NOW = int(START.timestamp())


def transaction(number: int, age_days: float = 1) -> Json:
    return plain_txn(
        100,
        "charge",
        "charge",
        f"ch_{number}",
        id=f"txn_{number:04}",
        created=int(NOW - age_days * DAY),
    )


def sent(found: Rig) -> list[str]:
    return [message.id for _, message in found.queue.sent]


async def note_tie_out(found: Rig, id: str, status: str) -> None:
    await found.tables.transact(TABLE, TIEOUTS, [Put(id, {"status": status, "account": "default"})])


async def store(found: Rig, queue: str, item: Item, kind: Kind) -> None:
    items = Items(found.tables, found.clock)
    await items.store(queue, [ItemOutcome(item, Outcome(kind))])


async def test_transactions_without_lines_are_enqueued() -> None:
    found = rig(*(transaction(number) for number in range(3)))
    await write(found, "txn_0001", 100)
    assert await found.app.sweep(found.flows).transactions() == 2
    assert sent(found) == ["txn_0000", "txn_0002"]


async def test_a_sweep_reads_every_page() -> None:
    found = rig(*(transaction(number) for number in range(250)))
    assert await found.app.sweep(found.flows).transactions() == 250
    assert len(found.stripe.pages_asked) == 3


async def test_the_first_sweep_looks_back_as_the_setting_says() -> None:
    found = rig(transaction(1, age_days=29), transaction(2, age_days=31), sweep_first_days=30)
    await found.app.sweep(found.flows).transactions()
    assert sent(found) == ["txn_0001"]


async def test_the_next_sweep_begins_at_the_cursor_with_overlap() -> None:
    found = rig(sweep_overlap_hours=24)
    await found.app.sweep(found.flows).transactions()
    found.clock.advance(3_600)
    await found.app.sweep(found.flows).transactions()
    asked = [params["created[gte]"] for _, params in found.stripe.pages_asked]
    assert asked == [NOW - 30 * DAY, NOW - DAY]


async def test_the_cursor_stays_when_the_queue_is_down() -> None:
    found = rig(transaction(1))
    found.queue.error = QueueUnavailable("down")
    with pytest.raises(ExceptionGroup, match="balance_transaction") as caught:
        await found.app.sweep(found.flows).transactions()
    assert isinstance(caught.value.exceptions[0], QueueUnavailable)
    row = await found.tables.get("cursors", "sweep", "balance_transaction")
    assert row is not None
    assert "through" not in row.cells
    found.queue.error = None
    assert await found.app.sweep(found.flows).transactions() == 1


@pytest.mark.parametrize("kind", [Kind.PARK, Kind.WAITING])
async def test_what_another_list_holds_is_left_to_it(kind: Kind) -> None:
    found = rig(transaction(1))
    item = Item("txn_0001", "", "balance_transaction", "txn_0001")
    await store(found, "ledger", item, kind)
    assert await found.app.sweep(found.flows).transactions() == 0


async def test_payouts_that_nobody_announced_are_enqueued() -> None:
    found = rig(
        payout(created=NOW - DAY),
        payout(id="po_2", created=NOW - DAY, automatic=False),
        payout(id="po_3", created=NOW - (PAYOUT_DAYS + 1) * DAY),
        payout(id="po_4", created=NOW - DAY, reconciliation_status="in_progress"),
    )
    assert await found.app.sweep(found.flows).payouts() == 3
    assert sent(found) == ["po_1", "po_2", "po_4"]


async def test_a_payout_that_is_complete_is_left_alone() -> None:
    found = rig(payout(created=NOW - DAY), payout(id="po_2", created=NOW - DAY, automatic=False))
    for id in ("po_1", "po_2"):
        await write(found, id, 0)
    await note_tie_out(found, "po_1", "tied")
    assert await found.app.sweep(found.flows).payouts() == 0


async def test_a_complete_payout_without_a_tie_out_gets_one() -> None:
    found = rig(payout(created=NOW - DAY))
    await write(found, "po_1", 0)
    assert await found.app.sweep(found.flows).payouts() == 1


async def test_open_tie_outs_of_any_age_are_taken_up_again() -> None:
    found = rig()
    for number in range(1_500):
        await note_tie_out(found, f"po_{number:04}", "open" if number % 700 == 0 else "tied")
    assert await found.app.sweep(found.flows).payouts() == 3
    assert sent(found) == ["po_0000", "po_0700", "po_1400"]
    item = Item("po_0700", "", "payout", "po_0700", generation=4)
    await store(found, "ledger", item, Kind.DONE)
    await found.app.sweep(found.flows).payouts()
    assert "po_0700:5.0" in sent(found)


@pytest.mark.parametrize("kind", [Kind.PARK, Kind.WAITING])
async def test_an_open_tie_out_whose_payout_another_list_holds_is_left_to_it(kind: Kind) -> None:
    found = rig()
    await note_tie_out(found, "po_1", "open")
    item = Item("po_1", "", "payout", "po_1")
    await store(found, "ledger", item, kind)
    assert await found.app.sweep(found.flows).payouts() == 0


async def resolve(found: Rig, id: str) -> None:
    """A person settles a payout by hand."""
    store = LinkStore(found.tables, found.clock, 600)
    claim = await store.claim(id, "test")
    await store.resolve(claim, Resolution("Kim", "by hand", found.clock.now(), not_to_book=True))


@pytest.mark.parametrize("has_tie_out", [True, False])
async def test_a_resolved_payout_gets_its_flow_and_is_not_sent(has_tie_out: bool) -> None:
    found = rig(payout(created=NOW - DAY), payout(id="po_2", created=NOW - DAY, automatic=False))
    for id in ("po_1", "po_2"):
        await resolve(found, id)
    if has_tie_out:
        await note_tie_out(found, "po_1", "open")
    for _ in range(2):
        assert await found.app.sweep(found.flows).payouts() == 0
    input = {"payout": "po_1", "account": "default"}
    assert found.flows.started == [("payout_flow", "payout-po_1", input)] * 2
    await note_tie_out(found, "po_1", "tied")
    found.flows.started.clear()
    assert await found.app.sweep(found.flows).payouts() == 0
    assert found.flows.started == []


async def test_a_transaction_of_a_payout_leads_the_sweep_to_it_though_it_is_written() -> None:
    paid_out = plain_txn(-5, "payout", "payout", "po_1", id="txn_po", created=NOW - DAY)
    found = rig(paid_out, transaction(1))
    for id in ("txn_po", "txn_0001"):
        await write(found, id, 0)
    assert await found.app.sweep(found.flows).transactions() == 1
    assert sent(found) == ["po_1"]
    await write(found, "po_1", 0)
    assert await found.app.sweep(found.flows).transactions() == 0


async def test_a_payout_that_was_sent_before_is_sent_under_a_new_generation() -> None:
    found = rig(payout(created=NOW - DAY))
    item = Item("po_1", "", "payout", "po_1", generation=1)
    await store(found, "ledger", item, Kind.DONE)
    await found.app.sweep(found.flows).payouts()
    assert sent(found) == ["po_1:2.0"]


async def test_waiting_items_are_sent_again_after_a_while() -> None:
    found = rig()
    item = Item("evt_1", "charge.succeeded", "charge", "ch_1")
    await store(found, "charge", item, Kind.WAITING)
    assert await found.app.sweep(found.flows).waiting() == 0
    found.clock.advance(RESEND_AFTER_MIN.total_seconds())
    assert await found.app.sweep(found.flows).waiting() == 1
    ((queue, message),) = found.queue.sent
    assert (queue, message.id, message.session) == ("charge", "evt_1:1.0", "3")


async def test_what_has_waited_for_long_is_looked_at_less_often() -> None:
    found = rig()
    item = Item("evt_1", "charge.succeeded", "charge", "ch_1")
    await store(found, "charge", item, Kind.WAITING)
    found.clock.advance(timedelta(hours=4).total_seconds())
    await store(found, "charge", item, Kind.WAITING)  # looked at, still waiting
    found.clock.advance(timedelta(minutes=59).total_seconds())
    assert await found.app.sweep(found.flows).waiting() == 0
    found.clock.advance(timedelta(minutes=1).total_seconds())
    assert await found.app.sweep(found.flows).waiting() == 1
    found.clock.advance(timedelta(days=9).total_seconds())
    await store(found, "charge", item, Kind.WAITING)
    found.clock.advance(RESEND_AFTER_MAX.total_seconds())
    assert await found.app.sweep(found.flows).waiting() == 1


async def test_items_that_do_not_wait_are_left_alone() -> None:
    found = rig()
    for number, kind in enumerate((Kind.DONE, Kind.PARK, Kind.SKIP, Kind.RETRY)):
        await store(found, "charge", Item(f"evt_{number}", "", "charge", "ch_1"), kind)
    found.clock.advance(timedelta(days=1).total_seconds())
    assert await found.app.sweep(found.flows).waiting() == 0


async def test_dead_letters_are_parked_with_their_reason() -> None:
    found = rig()
    body = b'{"id":"evt_1","type":"","entity":"charge","object":"ch_1","generation":0,"copy":0,'
    body += b'"attempt":0,"kind":"converge","account":"default"}'
    found.queue.dead["charge"] = [
        DeadLetter("evt_1", "2", body, "MaxDeliveryCountExceeded"),
        DeadLetter("odd/id", "", b"junk", "TTLExpiredException"),
    ]
    assert await found.app.sweep(found.flows).dead_letters() == 2
    items = Items(found.tables, found.clock)
    row = await items.get(home("charge", "ch_1"), "evt_1")
    assert row is not None
    assert (row.cells["status"], row.cells["cause"]) == ("parked", "dead_letter")
    assert "MaxDeliveryCountExceeded" in str(row.cells["text"])
    odd = await items.get(home("charge", "odd_id"), "odd_id")
    assert odd is not None
    assert (odd.cells["status"], odd.cells["cause"]) == ("parked", "unreadable_message")


@pytest.mark.parametrize("session", ["", "x", "-1", "\u00b2", "9" * 30])
async def test_a_dead_letter_of_an_odd_session_is_parked(session: str) -> None:
    found = rig()
    found.queue.dead["charge"] = [DeadLetter("evt_1", session, b"junk", "r")]
    assert await found.app.sweep(found.flows).dead_letters() == 1
    counts = await Items(found.tables, found.clock).counts(places(["charge"]))
    assert counts["parked"] == 1


class OneQueueDown(RecordingQueue):
    """Refuses one queue and takes the others."""

    down = "charge"
    asked = 0

    async def send(self, queue: str, messages: Sequence[Message]) -> None:
        if queue == self.down:
            self.asked += 1
            raise QueueUnavailable("down")
        await super().send(queue, messages)

    async def drain_dead_letters(
        self, queue: str, keep: Callable[[DeadLetter], Awaitable[None]], limit: int
    ) -> int:
        if queue == self.down:
            raise QueueUnavailable("down")
        return await super().drain_dead_letters(queue, keep, limit)


def with_one_queue_down(found: Rig) -> OneQueueDown:
    queue = found.queue = OneQueueDown(dead=found.queue.dead)
    found.app = replace(found.app, queue=queue)
    return queue


def letter(id: str, session: str = "0") -> DeadLetter:
    return DeadLetter(id, session, b"junk", "MaxDeliveryCountExceeded")


async def in_inbox(found: Rig) -> int:
    items = Items(found.tables, found.clock)
    queues = ("customer", "charge", "refund", "ledger")
    return (await items.counts(places(queues)))["parked"]


async def test_the_dead_letters_of_other_queues_are_parked_when_one_queue_fails() -> None:
    found = rig()
    found.queue.dead = {"customer": [letter("a")], "charge": [letter("b")], "ledger": [letter("c")]}
    with_one_queue_down(found)
    with pytest.raises(ExceptionGroup, match="drain_dead_letters failed for queue charge"):
        await found.app.sweep(found.flows).dead_letters()
    assert await in_inbox(found) == 2


class UnreadablePlace(MemoryTables):
    """Some rows of one partition cannot be stored, for whatever reason."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def transact(
        self, table: str, partition: str, operations: Sequence[Operation]
    ) -> tuple[str, ...]:
        if partition == "charge~1":
            raise self.error
        return await super().transact(table, partition, operations)


@pytest.mark.parametrize("error", [RecursionError("deep"), TableConflict("busy"), ValueError("x")])
async def test_a_letter_that_cannot_be_parked_stays_and_blocks_no_other(error: Exception) -> None:
    found = rig(tables=UnreadablePlace(error))
    letters = [letter(f"m{number}") for number in range(40)]
    stuck = [each.id for each in letters if home("charge", each.id) == "charge~1"]
    assert stuck
    found.queue.dead = {"charge": letters, "ledger": [letter("c")]}
    with pytest.raises(ExceptionGroup, match=f"letter {stuck[0]} of queue charge"):
        await found.app.sweep(found.flows).dead_letters()
    assert [each.id for each in found.queue.dead["charge"]] == stuck
    assert await in_inbox(found) == 41 - len(stuck)


async def test_storage_that_is_away_ends_the_drain_of_a_queue() -> None:
    found = rig(tables=UnreadablePlace(StorageUnavailable("away")))
    first = in_each_place("charge")[1]
    found.queue.dead = {"charge": [letter(first), letter("b")], "ledger": [letter("c")]}
    with pytest.raises(ExceptionGroup, match="queue charge"):
        await found.app.sweep(found.flows).dead_letters()
    assert [each.id for each in found.queue.dead["charge"]] == [first, "b"]
    assert await in_inbox(found) == 1


async def test_waiting_items_of_other_queues_are_sent_when_one_queue_fails() -> None:
    found = rig()
    for queue in ("customer", "charge", "ledger"):
        for number, object in enumerate(in_each_place(queue)):
            item = Item(f"evt_{queue}_{number}", "", queue, object)
            await store(found, queue, item, Kind.WAITING)
    found.clock.advance(3_600)
    with_one_queue_down(found)
    with pytest.raises(ExceptionGroup, match="charge~0, charge~1, charge~2, charge~3"):
        await found.app.sweep(found.flows).waiting()
    assert [queue for queue, _ in found.queue.sent] == ["customer"] * 4 + ["ledger"] * 4


def in_each_place(queue: str) -> list[str]:
    """An object id for each place of a queue."""
    found: dict[str, str] = {}
    for number in range(100):
        found.setdefault(home(queue, f"x_{number}"), f"x_{number}")
    return [found[where] for where in places([queue])]


def event(number: int, entity: str) -> Json:
    found = {"customer": "cus_1", "charge": "ch_1", "payout": "po_1"}[entity]
    types = {"customer": "created", "charge": "succeeded", "payout": "created"}
    return {
        "id": f"evt_{number:04}",
        "object": "event",
        "type": f"{entity}.{types[entity]}",
        "created": NOW - 60,
        "livemode": False,
        "data": {"object": {"id": found, "object": entity}},
    }


async def test_events_of_other_queues_are_sent_when_one_queue_fails() -> None:
    names = ("customer", "charge", "payout")
    found = rig(*(event(number, names[number % 3]) for number in range(900)))
    queue = with_one_queue_down(found)
    with pytest.raises(ExceptionGroup, match="sweep_events failed for queue charge"):
        await found.app.sweep(found.flows).events()
    # The fake tells no delivered event from another: both lists hold all.
    assert {queue for queue, _ in found.queue.sent} == {"customer", "ledger"}
    assert len({message.id for _, message in found.queue.sent}) == 600
    assert queue.asked == FAILURES_MAX
    queue.down = ""
    assert await found.app.sweep(found.flows).events() > 0
    assert len({message.id for _, message in found.queue.sent}) == 900


async def test_what_a_sweep_sends_is_gathered_to_become_visible_together() -> None:
    found = rig(transaction(1), transaction(2), gather_seconds=60)
    found.clock.advance(7)
    await found.app.sweep(found.flows).transactions()
    times = [message.scheduled_at for _, message in found.queue.sent]
    assert times == [START + timedelta(seconds=60)] * 2
    at_once = rig(transaction(1), gather_seconds=0)
    await at_once.app.sweep(at_once.flows).transactions()
    assert at_once.queue.sent[0][1].scheduled_at is None

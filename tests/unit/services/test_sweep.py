from datetime import timedelta

import pytest

from shared.domain.partition import partition_of
from shared.errors import QueueUnavailable
from shared.ports import DeadLetter
from shared.services.item import Item
from shared.services.items import Items, Outcome, home, places
from shared.services.sweep import PAYOUT_DAYS, RESEND_AFTER_MAX, RESEND_AFTER_MIN, Sweep
from shared.verdicts import Kind, Verdict
from tests.unit.documents.objects import Json, payout, plain_txn
from tests.unit.services.fakes import START, Rig, rig
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


async def store(found: Rig, queue: str, item: Item, kind: Kind) -> None:
    items = Items(found.tables, found.clock)
    await items.store(queue, [Outcome(item, Verdict(kind))])


async def test_transactions_without_lines_are_enqueued() -> None:
    found = rig(*(transaction(number) for number in range(3)))
    await write(found, "txn_0001", 100)
    assert await Sweep(found.ports).transactions() == 2
    assert sent(found) == ["txn_0000", "txn_0002"]


async def test_a_sweep_reads_every_page() -> None:
    found = rig(*(transaction(number) for number in range(250)))
    assert await Sweep(found.ports).transactions() == 250
    assert len(found.stripe.pages_asked) == 3


async def test_the_first_sweep_looks_back_as_the_setting_says() -> None:
    found = rig(transaction(1, age_days=29), transaction(2, age_days=31), sweep_first_days=30)
    await Sweep(found.ports).transactions()
    assert sent(found) == ["txn_0001"]


async def test_the_next_sweep_begins_at_the_cursor_with_overlap() -> None:
    found = rig(sweep_overlap_hours=24)
    await Sweep(found.ports).transactions()
    found.clock.advance(3_600)
    await Sweep(found.ports).transactions()
    asked = [params["created[gte]"] for _, params in found.stripe.pages_asked]
    assert asked == [NOW - 30 * DAY, NOW - DAY]


async def test_the_cursor_stays_when_the_queue_is_down() -> None:
    found = rig(transaction(1))
    found.queue.error = QueueUnavailable("down")
    with pytest.raises(QueueUnavailable):
        await Sweep(found.ports).transactions()
    assert await found.tables.query("cursors") == []
    found.queue.error = None
    assert await Sweep(found.ports).transactions() == 1


@pytest.mark.parametrize("kind", [Kind.PARK, Kind.WAITING])
async def test_what_another_list_holds_is_left_to_it(kind: Kind) -> None:
    found = rig(transaction(1))
    item = Item("txn_0001", "", "balance_transaction", "txn_0001")
    await store(found, "balance_transaction", item, kind)
    assert await Sweep(found.ports).transactions() == 0


async def test_payouts_that_nobody_announced_are_enqueued() -> None:
    found = rig(
        payout(created=NOW - DAY),
        payout(id="po_2", created=NOW - DAY, automatic=False),
        payout(id="po_3", created=NOW - (PAYOUT_DAYS + 1) * DAY),
        payout(id="po_4", created=NOW - DAY, reconciliation_status="in_progress"),
    )
    assert await Sweep(found.ports).payouts() == 1
    assert sent(found) == ["po_1"]


async def test_a_payout_that_was_sent_before_is_sent_under_a_new_generation() -> None:
    found = rig(payout(created=NOW - DAY))
    item = Item("po_1", "", "payout", "po_1", generation=1)
    await store(found, "payout", item, Kind.DONE)
    await Sweep(found.ports).payouts()
    assert sent(found) == ["po_1:2.0"]


async def test_waiting_items_are_sent_again_after_a_while() -> None:
    found = rig()
    item = Item("evt_1", "charge.succeeded", "charge", "ch_1")
    await store(found, "charge", item, Kind.WAITING)
    assert await Sweep(found.ports).waiting() == 0
    found.clock.advance(RESEND_AFTER_MIN.total_seconds())
    assert await Sweep(found.ports).waiting() == 1
    ((queue, message),) = found.queue.sent
    assert (queue, message.id, message.session) == (
        "charge",
        "evt_1:1.0",
        str(partition_of("ch_1")),
    )


async def test_what_has_waited_for_long_is_looked_at_less_often() -> None:
    found = rig()
    item = Item("evt_1", "charge.succeeded", "charge", "ch_1")
    await store(found, "charge", item, Kind.WAITING)
    found.clock.advance(timedelta(hours=4).total_seconds())
    await store(found, "charge", item, Kind.WAITING)  # looked at, still waiting
    found.clock.advance(timedelta(minutes=59).total_seconds())
    assert await Sweep(found.ports).waiting() == 0
    found.clock.advance(timedelta(minutes=1).total_seconds())
    assert await Sweep(found.ports).waiting() == 1
    found.clock.advance(timedelta(days=9).total_seconds())
    await store(found, "charge", item, Kind.WAITING)
    found.clock.advance(RESEND_AFTER_MAX.total_seconds())
    assert await Sweep(found.ports).waiting() == 1


async def test_items_that_do_not_wait_are_left_alone() -> None:
    found = rig()
    for number, kind in enumerate((Kind.DONE, Kind.PARK, Kind.SKIP, Kind.RETRY)):
        await store(found, "charge", Item(f"evt_{number}", "", "charge", "ch_1"), kind)
    found.clock.advance(timedelta(days=1).total_seconds())
    assert await Sweep(found.ports).waiting() == 0


async def test_dead_letters_are_parked_with_their_reason() -> None:
    found = rig()
    body = b'{"id":"evt_1","type":"","entity":"charge","object":"ch_1","generation":0,"copy":0,'
    body += b'"attempt":0}'
    found.queue.dead["charge"] = [
        DeadLetter("evt_1", "2", body, "MaxDeliveryCountExceeded"),
        DeadLetter("odd/id", "", b"junk", "TTLExpiredException"),
    ]
    assert await Sweep(found.ports).dead_letters() == 2
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
    assert await Sweep(found.ports).dead_letters() == 1
    counts = await Items(found.tables, found.clock).counts(places(["charge"]))
    assert counts["parked"] == 1


async def test_what_a_sweep_sends_is_gathered_to_become_visible_together() -> None:
    found = rig(transaction(1), transaction(2), gather_seconds=60)
    found.clock.advance(7)
    await Sweep(found.ports).transactions()
    times = [message.scheduled_at for _, message in found.queue.sent]
    assert times == [START + timedelta(seconds=60)] * 2
    at_once = rig(transaction(1), gather_seconds=0)
    await Sweep(at_once.ports).transactions()
    assert at_once.queue.sent[0][1].scheduled_at is None


@pytest.mark.parametrize("partitions", [1, 3, 64])
async def test_what_waits_is_sent_again_after_the_number_of_partitions_changed(
    partitions: int,
) -> None:
    before = rig(partitions=8)
    names = [f"ch_{number}" for number in range(20)]
    for name in names:
        await store(before, "charge", Item(name, "", "charge", name), Kind.WAITING)
    found = rig(tables=before.tables, partitions=partitions)
    found.clock.advance(RESEND_AFTER_MIN.total_seconds())
    assert await Sweep(found.ports).waiting() == len(names)
    sessions = {message.id: message.session for _, message in found.queue.sent}
    assert sessions == {f"{name}:1.0": str(partition_of(name, partitions)) for name in names}


@pytest.mark.parametrize("kind", [Kind.PARK, Kind.WAITING])
async def test_a_transaction_in_a_list_is_left_to_it_after_partitions_changed(kind: Kind) -> None:
    before = rig(transaction(1), partitions=8)
    item = Item("txn_0001", "", "balance_transaction", "txn_0001")
    await store(before, "balance_transaction", item, kind)
    found = rig(transaction(1), tables=before.tables, partitions=1)
    assert await Sweep(found.ports).transactions() == 0

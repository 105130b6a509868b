"""What people ordered is carried out though the process that stored it ended there."""

from datetime import timedelta

import pytest

from shared.errors import Unavailable
from shared.stores import fees, orders
from shared.stores.links import LinkStore
from tests.unit.services.fakes import START, Rig, rig
from tests.unit.services.test_correct import REQUEST, keys, suspended, work

HOURS = 3_600
ID = "feedoc_2026-09_usmf_usd_A-1"
DOCUMENT = fees.FeeDocument(
    id=ID,
    month="2026-09",
    company="usmf",
    currency="usd",
    number="A-1",
    date="2026-09-30",
    post_on="2026-09-30",
    total_minor=100,
    tax_minor=0,
    kinds={"fee": 100},
    who="Ada",
    why="the document of September",
    at=START,
)


async def _healed(found: Rig) -> list[object]:
    """The objects that an hour's healing sends."""
    found.clock.advance(HOURS + 1)
    found.queue.sent.clear()
    await found.app.healing().run()
    return [message.body["object"] for _, message in found.queue.sent]


async def _open(found: Rig) -> list[str]:
    later = found.clock.now() + timedelta(days=1)
    names = ("balance_transaction", "fee_invoice")
    return [id for name in names async for id in orders.overdue(found.tables, name, later)]


async def test_a_correction_whose_message_was_lost_is_sent_until_it_is_written() -> None:
    found = await suspended()
    await found.app.inbox().retry([item async for item in found.app.inbox().each()])
    found.queue.error = Unavailable("Service Bus", "no answer")
    with pytest.raises(Unavailable):
        await found.app.correct().reclass(REQUEST, "fees")
    found.queue.error = None
    assert "txn_1" in await _healed(found)
    await work(found, found.queue.sent[-1][1].body)
    assert keys(found) == ["txn_1:gross", "txn_1:reclass"]
    assert await _healed(found) == []
    assert await _open(found) == []


async def test_an_order_that_may_be_under_way_is_left_alone() -> None:
    found = await suspended()
    await found.app.correct().reclass(REQUEST, "fees")
    found.queue.sent.clear()
    found.clock.advance(HOURS / 2)
    assert await found.app.correct().go_on() == 0
    assert await _open(found) == ["txn_1"]


async def test_a_tax_document_whose_message_was_lost_is_sent_until_it_is_booked() -> None:
    found = rig()
    await orders.announce(found.tables, "fee_invoice", ID, START)
    await fees.confirm(found.tables, DOCUMENT)
    assert await _healed(found) == [ID]
    store = LinkStore(found.tables, found.clock, 600)
    await store.settle(await store.claim(ID, "worker"), [], [], [], [])
    assert await _healed(found) == []
    assert await _open(found) == []


async def test_what_was_announced_and_never_stored_is_forgotten() -> None:
    found = rig()
    await orders.announce(found.tables, "fee_invoice", ID, START)
    await orders.announce(found.tables, "balance_transaction", "txn_9", START)
    assert await _healed(found) == []
    assert await _open(found) == []

"""Corrections over fakes: what may still land, who holds the claim, a message that was lost."""

import json

import pytest

from shared.converge.plan import intent_of
from shared.domain.partition import partition_of
from shared.errors import ClaimHeld, Unavailable
from shared.services.inbox import Corrected, CorrectionRefused, CorrectionRequest, Ordered
from shared.services.work.work import Received
from shared.stores.corrections import PREFIX
from shared.stores.item import Item
from shared.stores.links import TABLE, LinkStore
from tests.unit.entities.objects import Json, plain_txn
from tests.unit.services.fakes import START, Rig, rig
from tests.unit.stores.test_links import line

REQUEST = CorrectionRequest("txn_1", "Grace", "carbon removal")


async def suspended() -> Rig:
    """A transaction of USD 12.34 that no rule knows, written and parked."""
    found = rig(plain_txn(-1_234, "ocean_order_purchase", "ocean_order_purchase", None))
    item = Item("evt_1", "", "balance_transaction", "txn_1")
    await work(found, item.message(partition_of("txn_1")).body)
    return found


async def work(found: Rig, body: object) -> None:
    received = [Received("message", json.dumps(body).encode(), 1)]
    handler = found.app.work(found.flows)
    await handler.handle("ledger", partition_of("txn_1"), received)


def keys(found: Rig) -> list[object]:
    rows: list[Json] = found.dynamics.rows.get("LedgerJournalLines", [])
    return [row["PaymentId"] for row in rows]


def links(found: Rig) -> LinkStore:
    return LinkStore(found.tables, found.clock, 600)


async def stored(found: Rig) -> int:
    return len(await found.tables.query(TABLE, partition="txn_1", prefix=PREFIX))


async def test_an_order_whose_message_was_lost_is_sent_when_it_is_given_again() -> None:
    found = await suspended()
    found.queue.error = Unavailable("Service Bus", "no answer")
    with pytest.raises(Unavailable):
        await found.app.correct().reclass(REQUEST, "fees")
    [named] = await Corrected(found.tables, links(found)).all()
    assert (named.transaction, named.written, await stored(found)) == ("txn_1", False, 1)
    found.queue.error = None
    answer = await found.app.correct().reclass(REQUEST, "fees")
    assert answer == Ordered("txn_1:reclass", written=False, sent=1)
    await work(found, found.queue.sent[-1][1].body)
    assert keys(found) == ["txn_1:gross", "txn_1:reclass"]
    answer = await found.app.correct().reclass(REQUEST, "fees")
    assert (answer, await stored(found)) == (Ordered("txn_1:reclass", True, 0), 1)
    assert [item async for item in found.app.inbox().each()] == []


async def test_an_order_during_a_retry_is_sent_under_an_id_of_its_own() -> None:
    found = await suspended()
    assert await found.app.inbox().retry([item async for item in found.app.inbox().each()]) == 1
    retried = found.queue.sent[-1][1].id
    answer = await found.app.correct().reclass(REQUEST, "fees")
    assert (answer.sent, found.queue.sent[-1][1].id != retried) == (1, True)
    await work(found, found.queue.sent[-1][1].body)
    assert keys(found) == ["txn_1:gross", "txn_1:reclass"]
    assert [item async for item in found.app.inbox().each()] == []


async def test_a_write_that_may_have_landed_is_looked_for_before_a_correction() -> None:
    found = await suspended()
    claim = await links(found).claim("txn_1", "worker")
    await links(found).intend(claim, [intent_of(line(), "B1", START)], [line().document])
    await links(found).release(claim)
    with pytest.raises(CorrectionRefused, match="may have reached Dynamics"):
        await found.app.correct().reclass(REQUEST, "fees")
    assert await stored(found) == 0
    assert (await links(found).claim("txn_1", "next")).owner == "next"  # nobody holds it


async def test_nobody_corrects_what_a_worker_holds() -> None:
    found = await suspended()
    await links(found).claim("txn_1", "worker")
    with pytest.raises(ClaimHeld):
        await found.app.correct().reclass(REQUEST, "fees")
    assert await stored(found) == 0


async def test_asking_about_what_was_never_written_leaves_no_row() -> None:
    found = rig()
    with pytest.raises(CorrectionRefused, match="wrote nothing for txn_1"):
        await found.app.correct().reverse(REQUEST, "gross", replaces=False)
    assert await found.tables.query(TABLE, partition="txn_1") == []

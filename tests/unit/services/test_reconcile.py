from dataclasses import replace
from typing import Any

from shared.domain.clearing import Resolution
from shared.domain.money import Money
from shared.stores.links import LinkStore
from shared.stores.tie_outs import TABLE, is_noted
from tests.unit.entities.objects import Json, general_line, payout, plain_txn
from tests.unit.services.fakes import Rig, rig
from tests.unit.stores.test_links import LINK, line


def member(number: int, net: int = 100) -> Json:
    return plain_txn(net, "charge", "charge", f"ch_{number}", id=f"txn_{number:04}")


OWN = plain_txn(-300, "payout", "payout", "po_1", id="txn_own")


def rig_of(*members: Json, amount: int = 300) -> Rig:
    found = rig(payout(amount=amount))
    found.stripe.members["po_1"] = [OWN, *members]
    return found


async def listed(found: Rig) -> Json:
    """All pages of the membership, as the flow reads them."""
    reconcile = found.app.reconcile()
    total: dict[str, Any] = {"count": 0, "net_minor": 0, "pages": 0}
    cursor = ""
    while True:
        page = await reconcile.membership_page("po_1", cursor)
        total["count"] += page["count"]
        total["net_minor"] += page["net_minor"]
        total["pages"] += 1
        cursor = page["cursor"]
        if not cursor:
            return total


async def write(found: Rig, id: str, clearing_minor: int) -> None:
    store = LinkStore(found.tables, found.clock, 600)
    claim = await store.claim(id, "test")
    document = general_line(amount=Money(-clearing_minor, "usd"))
    record = replace(line(), document=document)
    await store.settle(claim, [replace(LINK, record=record)], [], [], [record.document])


async def tie_out(found: Rig, total: Json) -> Json:
    return await found.app.reconcile().tie_out("po_1", total["count"], total["net_minor"])


async def test_the_payouts_own_row_is_no_member() -> None:
    found = rig_of(member(1), member(2), member(3))
    assert await listed(found) == {"count": 3, "net_minor": 300, "pages": 1}


async def test_members_are_listed_page_by_page() -> None:
    found = rig_of(*(member(number, 1) for number in range(250)), amount=250)
    assert await listed(found) == {"count": 250, "net_minor": 250, "pages": 3}
    asked = [params for _, params in found.stripe.pages_asked]
    assert [params.get("starting_after", "") for params in asked] == ["", "txn_0098", "txn_0198"]


async def test_members_without_lines_are_enqueued_and_not_written_here() -> None:
    found = rig_of(member(1), member(2))
    await write(found, "txn_0001", 100)
    await listed(found)
    assert [(queue, message.id) for queue, message in found.queue.sent] == [("ledger", "txn_0002")]
    assert found.dynamics.batches == []


async def test_a_payout_is_open_until_every_member_is_written() -> None:
    found = rig_of(member(1), member(2), member(3))
    total = await listed(found)
    await write(found, "txn_0001", 100)
    assert await tie_out(found, total) == {"status": "open", "difference_minor": 0, "unwritten": 2}
    await write(found, "txn_0002", 100)
    await write(found, "txn_0003", 100)
    assert await tie_out(found, total) == {"status": "tied", "difference_minor": 0, "unwritten": 0}
    (row,) = await found.app.reconcile().tie_outs()
    assert (row["payout"], row["members"], row["amount_minor"]) == ("po_1", 3, 300)
    assert row["status"] == "tied"


async def test_sums_that_differ_are_not_tied() -> None:
    found = rig_of(member(1), member(2), amount=300)
    total = await listed(found)
    for id in ("txn_0001", "txn_0002"):
        await write(found, id, 100)
    assert await tie_out(found, total) == {
        "status": "open",
        "difference_minor": 100,
        "unwritten": 0,
    }
    (row,) = await found.app.reconcile().tie_outs()
    assert row["status"] == "open"


async def test_a_member_with_other_amounts_is_listed_as_a_difference() -> None:
    found = rig_of(member(1), member(2), member(3))
    total = await listed(found)
    for id, effect in (("txn_0001", 100), ("txn_0002", 99), ("txn_0003", 101)):
        await write(found, id, effect)
    assert (await tie_out(found, total))["status"] == "open"
    rows = await found.tables.query(TABLE, partition="po_1", prefix="difference~")
    assert [(row.row, row.cells["net_minor"], row.cells["written_minor"]) for row in rows] == [
        ("difference~txn_0002", 100, 99),
        ("difference~txn_0003", 100, 101),
    ]


async def test_listing_again_keeps_what_was_confirmed() -> None:
    found = rig_of(member(1), member(2), member(3))
    total = await listed(found)
    for id in ("txn_0001", "txn_0002", "txn_0003"):
        await write(found, id, 100)
    await tie_out(found, total)
    assert await listed(found) == total
    assert await found.tables.query(TABLE, partition="po_1", prefix="open~") == []
    assert (await tie_out(found, total))["status"] == "tied"


async def test_a_payout_without_members_ties_when_it_is_of_nothing() -> None:
    found = rig_of(amount=0)
    total = await listed(found)
    assert total["count"] == 0
    assert (await tie_out(found, total))["status"] == "tied"
    found = rig_of(amount=300)
    assert (await tie_out(found, await listed(found)))["difference_minor"] == 300


async def test_a_payout_that_was_never_seen_has_no_tie_out() -> None:
    assert not await is_noted(rig_of().tables, "po_9")
    assert await rig_of().app.reconcile().tie_outs() == []


async def test_more_members_than_a_transaction_holds_are_confirmed() -> None:
    count = 130
    found = rig_of(*(member(number, 1) for number in range(count)), amount=count)
    total = await listed(found)
    for number in range(count):
        await write(found, f"txn_{number:04}", 1)
    assert (await tie_out(found, total))["status"] == "tied"
    rows = await found.tables.query(TABLE, partition="po_1", prefix="member~")
    assert len(rows) == count


async def test_a_member_that_a_person_settled_by_hand_does_not_keep_a_payout_open() -> None:
    found = rig_of(member(1), member(2), member(3))
    total = await listed(found)
    await write(found, "txn_0001", 100)
    await write(found, "txn_0002", 100)
    assert (await tie_out(found, total))["status"] == "open"
    store = LinkStore(found.tables, found.clock, 600)
    claim = await store.claim("txn_0003", "test")
    await store.resolve(claim, Resolution("Kim", "by hand", found.clock.now(), not_to_book=True))
    found.queue.sent.clear()
    assert (await tie_out(found, await listed(found)))["status"] == "tied"
    assert found.queue.sent == []

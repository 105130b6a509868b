"""Resolving by hand over fakes: what must be said, what it stops, and what takes it back."""

import json
from dataclasses import replace
from typing import Any

import pytest

from shared.converge.dispatch import Dispatch
from shared.converge.plan import intent_of
from shared.domain.partition import partition_of
from shared.domain.records import Ref
from shared.errors import ClaimHeld, Refused
from shared.outcomes import Kind, Outcome
from shared.services.inbox.inbox import ParkedItem
from shared.services.inbox.resolve import Decision, ResolutionRefused, Resolved
from shared.services.operations.customers import AccountDecision as Choice
from shared.services.work.work import Received
from shared.stores.item import Item, ItemKind
from shared.stores.items import ItemOutcome, Items
from shared.stores.links import TABLE, LinkStore
from shared.stores.tie_outs import TABLE as PAYOUTS
from shared.stores.tie_outs import TIEOUTS
from tests.unit.entities.objects import Json, charge, customer, payout, txn
from tests.unit.services.fakes import START, Rig, rig
from tests.unit.stores.test_links import line

QUEUE, ENTITY = "ledger", "balance_transaction"
VOUCHER = Decision("Kim", "posted by the bank desk", "usmf", "GJ-1", 5_000, "usd")
NOWHERE = Decision("Kim", "a test of ours", not_to_book=True)


class Desk:
    """A transaction of USD 50.00 that parks while Dynamics refuses every write."""

    def __init__(self, *objects: Json, **changes: Any) -> None:
        self.rig: Rig = rig(*(objects or (txn(), charge(), customer())), **changes)
        self.inbox, self.resolve = self.rig.app.inbox(), self.rig.app.resolve()
        self.items = Items(self.rig.tables, self.rig.clock)
        self.links = LinkStore(self.rig.tables, self.rig.clock, 600)
        self.refusing = True

    async def work(self, id: str = "evt_1", object: str = "txn_1", entity: str = ENTITY) -> None:
        await self.take(Item(id, "", entity, object))

    async def take(self, item: Item) -> None:
        self.rig.dynamics.script = [Refused("Dynamics", "no")] * 20 if self.refusing else []
        partition = partition_of(item.object)
        body = json.dumps(item.message(partition).body).encode()
        received = [Received(item.message_id, body, 1)]
        await self.rig.app.work(self.rig.flows).handle(
            self.rig.app.registry.named(item.entity).queue, partition, received
        )

    async def listed(self, kind: Kind = Kind.PARK) -> list[ParkedItem]:
        return [item async for item in self.inbox.each(kind=kind)]

    async def run(self, decision: Decision) -> Resolved:
        return await self.resolve.run(await self.listed(), decision)

    @property
    def lines(self) -> list[Json]:
        rows = self.rig.dynamics.rows
        sets = ("CustomerPaymentJournalLines", "LedgerJournalLines")
        return [row for name in sets for row in rows.get(name, ())]

    async def told(self) -> list[tuple[object, object]]:
        rows = await self.rig.tables.query(TABLE, partition="txn_1", prefix="resolution~")
        return [(row.cells["action"], row.cells["who"]) for row in rows]


async def test_nothing_of_a_resolved_object_is_fetched_or_written() -> None:
    desk = Desk()
    await desk.work()
    assert await desk.run(VOUCHER) == Resolved(1, ())
    desk.refusing = False
    fetched: list[str] = []
    desk.rig.stripe.on_retrieve = fetched.append
    batches = len(desk.rig.dynamics.batches)
    for id in ("evt_2", "txn_1"):
        await desk.work(id)
    assert (fetched, len(desk.rig.dynamics.batches), desk.lines) == ([], batches, [])
    [kept] = await desk.listed(Kind.RESOLVED)
    assert (kept.id, kept.cause, kept.at_stake_minor) == ("txn_1", "refused", 5_000)
    assert kept.text == (
        "resolved by Kim on 2026-11-01: posted by the bank desk (voucher GJ-1 in usmf, USD 50.00)"
    )
    assert kept.evidence is not None
    assert kept.evidence["voucher"] == "GJ-1"
    told = await desk.items.get(kept.where, "evt_2")
    assert told is not None
    assert (told.cells["status"], told.cells["cause"]) == ("skipped", "resolved")


@pytest.mark.parametrize(("automatic", "noted"), [(True, ["po_1"]), (False, [])])
async def test_a_resolved_payout_that_stripe_itemises_has_still_to_tie_out(
    automatic: bool, noted: list[str]
) -> None:
    desk = Desk(payout(amount=5_000, automatic=automatic))
    await desk.work(object="po_1", entity="payout")
    assert await desk.run(VOUCHER) == Resolved(1, ())
    rows = await desk.rig.tables.query(PAYOUTS, partition=TIEOUTS)
    assert [row.row for row in rows] == noted
    assert all(row.cells["status"] == "open" for row in rows)


async def test_a_payout_that_stripe_does_not_have_is_resolved_without_a_tie_out() -> None:
    desk = Desk(payout(amount=5_000))
    await desk.work(object="po_1", entity="payout")
    del desk.rig.stripe.objects["payout", "po_1"]
    assert await desk.run(NOWHERE) == Resolved(1, ())
    assert await desk.rig.tables.query(PAYOUTS, partition=TIEOUTS) == []


async def test_a_resolved_object_is_not_dispatched() -> None:
    desk = Desk()
    await desk.work()
    await desk.run(VOUCHER)
    ports = desk.rig.app
    dispatch = Dispatch(desk.links, ports.queue, ports.clock, ports.settings, ports.registry)
    refs = [Ref(ENTITY, "txn_1"), Ref(ENTITY, "txn_2")]
    assert await dispatch.unsettled(refs) == refs[1:]


async def test_a_retry_by_hand_writes_it_and_the_history_stays() -> None:
    desk = Desk()
    await desk.work()
    await desk.run(VOUCHER)
    desk.refusing = False
    [kept] = await desk.listed(Kind.RESOLVED)
    with pytest.raises(ValueError, match="name the person"):
        await desk.inbox.retry([kept])
    assert desk.rig.queue.sent == []
    assert await desk.inbox.retry([kept], "Lee") == 1
    [(_, message)] = desk.rig.queue.sent
    assert message.id == "evt_1:1.0"
    [parked] = await desk.listed()
    assert "retried by Lee" in parked.text
    assert "Kim" in parked.text
    assert parked.remedy
    await desk.take(Item("evt_1", "", ENTITY, "txn_1", 1))
    assert len(desk.lines) == 2
    assert await desk.listed() == await desk.listed(Kind.RESOLVED) == []
    assert await desk.told() == [("resolved", "Kim"), ("retried", "Lee")]
    assert await desk.links.resolution("txn_1") is None


async def test_every_decision_stays_on_record_even_within_one_moment() -> None:
    desk = Desk()
    await desk.work()
    for number in range(3):
        await desk.run(replace(VOUCHER, who=f"Kim {number}"))
        await desk.inbox.retry(await desk.listed(Kind.RESOLVED), f"Lee {number}")
    assert await desk.told() == [
        (action, f"{who} {number}")
        for number in range(3)
        for action, who in (("resolved", "Kim"), ("retried", "Lee"))
    ]


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"who": " "}, "who decided"),
        ({"why": ""}, "a reason"),
        ({"company": ""}, "company missing"),
        ({"voucher": ""}, "voucher missing"),
        ({"amount_minor": None}, "amount missing"),
        ({"currency": ""}, "currency missing"),
        ({"company": "", "voucher": "", "amount_minor": None, "currency": ""}, "not to be booked"),
        ({"company": "none"}, "have no company 'none'"),
        ({"currency": "gold"}, "is not a currency"),
        ({"not_to_book": True}, "not both"),
        ({"why": "x" * 501}, "more than 500 characters"),
        ({"why": "half a pair: \ud83d"}, "cannot be displayed"),
        ({"voucher": "GJ\x00"}, "cannot be displayed"),
    ],
)
async def test_a_decision_about_money_that_says_too_little_is_refused(
    changes: dict[str, Any], part: str
) -> None:
    desk = Desk()
    await desk.work()
    with pytest.raises(ResolutionRefused, match=part):
        await desk.run(replace(VOUCHER, **changes))
    assert len(await desk.listed()) == 1
    assert await desk.links.resolution("txn_1") is None


@pytest.mark.parametrize("amount_minor", [4_999, -5_000, 0])
async def test_an_amount_that_differs_is_refused_with_both(amount_minor: int) -> None:
    desk = Desk()
    await desk.work()
    found = await desk.run(replace(VOUCHER, amount_minor=amount_minor))
    assert found.resolved == 0
    [refused] = found.refused
    assert refused.id == "txn_1"
    assert "USD 50.00 in Stripe" in refused.reason
    assert f"USD {amount_minor / 100:.2f} was said" in refused.reason
    assert len(await desk.listed()) == 1


async def test_company_and_currency_are_read_as_people_write_them() -> None:
    desk = Desk()
    await desk.work()
    assert await desk.run(replace(VOUCHER, company="USMF", currency="USD")) == Resolved(1, ())
    resolution = await desk.links.resolution("txn_1")
    assert resolution is not None
    assert (resolution.company, resolution.currency) == ("usmf", "usd")


async def test_an_amount_that_the_inbox_does_not_know_is_read_from_stripe() -> None:
    desk = Desk()
    outcome = Outcome(Kind.PARK, cause="dead_letter", text="text", remedy="remedy")
    await desk.items.store(QUEUE, [ItemOutcome(Item("evt_1", "", ENTITY, "txn_1"), outcome)])
    found = await desk.run(replace(VOUCHER, amount_minor=1))
    assert [each.id for each in found.refused] == ["txn_1"]
    assert await desk.run(VOUCHER) == Resolved(1, ())


async def test_what_stripe_does_not_have_can_only_be_not_booked() -> None:
    desk = Desk(charge())
    await desk.work()
    [refused] = (await desk.run(VOUCHER)).refused
    assert "Stripe has no txn_1" in refused.reason
    assert await desk.run(NOWHERE) == Resolved(1, ())


async def test_several_items_of_money_need_a_voucher_each_or_none() -> None:
    desk = Desk(txn(), txn(id="txn_2"), charge(), customer())
    await desk.work("evt_1", "txn_1")
    await desk.work("evt_2", "txn_2")
    with pytest.raises(ResolutionRefused, match="one by one"):
        await desk.run(VOUCHER)
    assert await desk.run(NOWHERE) == Resolved(2, ())


async def test_what_writes_no_lines_needs_reason_and_name_only() -> None:
    desk = Desk()
    await desk.work("evt_1", "cus_1", "customer")
    with pytest.raises(ResolutionRefused, match="cus_1 writes no journal lines"):
        await desk.run(VOUCHER)
    assert await desk.run(Decision("Kim", "made by hand")) == Resolved(1, ())
    assert await desk.listed() == []


async def test_an_object_that_is_being_worked_on_is_not_resolved() -> None:
    desk = Desk()
    await desk.work()
    claim = await desk.links.claim("txn_1", "worker")
    [refused] = (await desk.run(VOUCHER)).refused
    assert "a worker holds it" in refused.reason
    assert len(await desk.listed()) == 1
    await desk.links.release(claim)
    assert await desk.run(VOUCHER) == Resolved(1, ())
    await desk.links.claim("txn_1", "worker")
    with pytest.raises(ClaimHeld):
        await desk.inbox.retry(await desk.listed(Kind.RESOLVED), "Lee")
    assert desk.rig.queue.sent == []


async def test_a_write_that_may_have_landed_is_looked_for_before_somebody_resolves() -> None:
    desk = Desk()
    await desk.work()
    claim = await desk.links.claim("txn_1", "worker")
    await desk.links.intend(claim, [intent_of(line(), "B1", START)], [line().document])
    await desk.links.release(claim)
    [refused] = (await desk.run(NOWHERE)).refused
    assert "gross" in refused.reason
    assert "retry the object first" in refused.reason


async def test_a_verification_is_resolved_with_its_object() -> None:
    desk = Desk()
    outcome = Outcome(
        Kind.PARK, cause="vanished", text="text", remedy="r", amount_minor=5_000, currency="usd"
    )
    await desk.items.store(
        QUEUE,
        [ItemOutcome(Item("verify-txn_1", "", ENTITY, "txn_1", kind=ItemKind.VERIFY), outcome)],
    )
    assert await desk.run(VOUCHER) == Resolved(1, ())
    [kept] = await desk.listed(Kind.RESOLVED)
    assert (kept.id, kept.cause) == ("txn_1", "vanished")
    await desk.take(
        Item("verify-txn_1", "", ENTITY, "txn_1", 1, kind=ItemKind.VERIFY)
    )  # the audit finds it again
    assert await desk.listed() == []
    assert [each.id for each in await desk.listed(Kind.RESOLVED)] == ["txn_1"]
    assert await desk.inbox.retry([kept], "Lee") == 1
    [(_, message)] = desk.rig.queue.sent
    assert (message.id, message.body["kind"]) == ("txn_1:1.0", "converge")


async def test_a_reapply_is_resolved_alone() -> None:
    desk = Desk()
    outcome = Outcome(Kind.PARK, cause="field_left_out", text="text", remedy="r")
    item = Item("reapply-1-txn_1", "", ENTITY, "txn_1", kind=ItemKind.REAPPLY)
    await desk.items.store(QUEUE, [ItemOutcome(item, outcome)])
    assert await desk.run(Decision("Kim", "set by hand")) == Resolved(1, ())
    assert await desk.links.resolution("txn_1") is None
    desk.refusing = False
    await desk.work()
    assert len(desk.lines) == 2


async def test_lines_of_a_resolved_customer_without_an_account_park_and_name_it() -> None:
    desk = Desk()
    await desk.work("evt_1", "cus_1", "customer")
    await desk.run(Decision("Kim", "a test customer"))
    desk.refusing = False
    await desk.work("evt_2")
    [item] = await desk.listed()
    assert (item.object, item.cause) == ("txn_1", "customer_resolved")
    assert "cus_1 has no account in usmf" in item.text
    assert "resolved by Kim" in item.text
    assert "tieout customers accept cus_1" in item.remedy
    assert desk.lines == []


async def test_lines_of_a_resolved_customer_with_an_account_are_booked_on_it() -> None:
    desk = Desk()
    desk.refusing = False
    await desk.work("evt_1", "cus_1", "customer")
    outcome = Outcome(Kind.PARK, cause="refused", text="text", remedy="remedy")
    await desk.items.store(
        "customer", [ItemOutcome(Item("evt_2", "", "customer", "cus_1"), outcome)]
    )
    await desk.run(Decision("Kim", "kept by hand from now on"))
    await desk.work("evt_3")
    assert len(desk.lines) == 2


async def test_who_links_an_account_takes_the_resolution_of_the_customer_back() -> None:
    desk = Desk()
    await desk.work("evt_1", "cus_1", "customer")
    await desk.run(Decision("Kim", "a test customer"))
    await desk.rig.app.customers().accept(Choice("cus_1", "usmf", "", "Lee", "it is real"))
    assert await desk.links.resolution("cus_1") is None
    assert await desk.listed(Kind.RESOLVED) == []
    assert desk.rig.queue.sent


async def test_a_resolution_whose_item_was_not_told_is_told_by_the_next_event() -> None:
    """The process ended between the two tables."""
    desk = Desk()
    await desk.work()
    [parked] = await desk.listed()
    await desk.run(VOUCHER)
    again = Outcome(Kind.PARK, cause="refused", text="text", remedy="remedy")
    await desk.items.reopen(parked.where, "txn_1", again)
    assert len(await desk.listed()) == 1
    await desk.work("evt_2")
    assert await desk.listed() == []
    [kept] = await desk.listed(Kind.RESOLVED)
    assert "Kim" in kept.text

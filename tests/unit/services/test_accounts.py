"""Services over two Stripe accounts: what is one account's stays with it."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from shared.app import App
from shared.errors import CredentialsRefused, Unavailable
from shared.ports import Json
from shared.services.inbox import Decision, ParkedItem
from shared.stores.item import Item, ItemKind
from shared.stores.items import Items, home
from shared.stores.tie_outs import TABLE as PAYOUTS
from shared.stores.tie_outs import TIEOUTS
from tests.unit.entities.objects import payout, plain_txn
from tests.unit.services.fakes import START, FakeStripe, Rig, rig
from tests.unit.services.test_audit import book, remove
from tests.unit.services.test_work import received

EU = "shop-eu"
ACCOUNT: Json = {
    "alias": EU,
    "api_key": SecretStr("sk_test_eu"),
    "webhook_secrets": (SecretStr("whsec_eu"),),
    "livemode": False,
    "currencies": ("eur",),
    "account_id": "acct_1EU",
}
CREATED = int(START.timestamp()) - 3_600
QUEUE, ENTITY = "ledger", "balance_transaction"


class Two:
    """A rig with a further account: `eu` is its Stripe."""

    def __init__(self, *eu: Json, us: tuple[Json, ...] = (), **changes: Any) -> None:
        self.rig: Rig = rig(*us, stripe_accounts=(ACCOUNT,), **changes)
        self.eu = FakeStripe(*eu)
        self.app: App = replace(self.rig.app, further_accounts={EU: self.eu})
        self.items = Items(self.rig.tables, self.rig.clock)

    @property
    def sent(self) -> list[tuple[str, str, str]]:
        """Object, account and session of what was sent."""
        return [
            (message.body["object"], message.body["account"], message.session.rpartition("~")[0])
            for _, message in self.rig.queue.sent
        ]

    async def handle(self, item: Item) -> None:
        work = self.app.work(self.rig.flows)
        await work.handle(self.app.registry.named(item.entity).queue, 0, received(item))

    async def status(self, queue: str, id: str) -> str:
        row = await self.items.object(home(queue, id), id)
        assert row is not None
        return str(row.cells["status"])


def txn(id: str, currency: str = "eur") -> Json:
    return plain_txn(1, "fee", "stripe_fee", None, id=id, created=CREATED, currency=currency)


async def test_an_object_is_read_from_the_account_that_its_item_names() -> None:
    two = Two(txn("txn_eu"), us=(txn("txn_us", "usd"),))
    await two.handle(Item("txn_eu", "", ENTITY, "txn_eu", account=EU))
    await two.handle(Item("txn_us", "", ENTITY, "txn_us"))
    assert await two.status(QUEUE, "txn_eu") == "done"
    assert await two.status(QUEUE, "txn_us") == "done"
    headers = two.rig.dynamics.rows["LedgerJournalHeaders"]
    assert [row["dataAreaId"] for row in headers] == ["demf", "usmf"]
    assert f" {EU} " in str(headers[0]["Description"])
    assert "general shop" not in str(headers[1]["Description"])


async def test_one_batch_may_hold_items_of_two_accounts() -> None:
    two = Two(txn("txn_eu"), us=(txn("txn_us", "usd"),))
    items = Item("txn_eu", "", ENTITY, "txn_eu", account=EU), Item("txn_us", "", ENTITY, "txn_us")
    await two.app.work(two.rig.flows).handle(QUEUE, 0, received(*items))
    assert await two.status(QUEUE, "txn_eu") == await two.status(QUEUE, "txn_us") == "done"


async def test_an_item_of_an_account_that_is_gone_from_the_settings_parks() -> None:
    two = Two()
    await two.handle(Item("txn_1", "", ENTITY, "txn_1", account="former"))
    row = await two.items.object(home(QUEUE, "txn_1"), "txn_1")
    assert row is not None
    assert (row.cells["status"], row.cells["cause"]) == ("parked", "unknown_account")
    assert row.cells["account"] == "former"
    assert "former" in str(row.cells["text"])
    assert two.rig.stripe.pages_asked == two.eu.pages_asked == []


async def test_a_retry_from_the_inbox_goes_to_the_account_and_its_session() -> None:
    two = Two(txn("txn_eu", "usd"))  # usd is the default account's
    await two.handle(Item("txn_eu", "", ENTITY, "txn_eu", account=EU))
    inbox = two.app.inbox()
    (parked,) = [item async for item in inbox.each()]
    assert (parked.cause, parked.account) == ("currency_not_configured", EU)
    await inbox.retry([parked])
    assert two.sent == [("txn_eu", EU, EU)]


async def test_a_copy_that_is_tried_again_stays_in_the_accounts_session() -> None:
    two = Two(txn("txn_eu"))
    two.eu.errors["txn_eu"] = Unavailable("stripe", "down")
    await two.handle(Item("txn_eu", "", ENTITY, "txn_eu", account=EU))
    assert two.sent == [("txn_eu", EU, EU)]


async def test_each_accounts_sweep_sends_its_own_and_keeps_its_own_cursor() -> None:
    two = Two(txn("txn_eu"), us=(txn("txn_us", "usd"),))
    assert await two.app.sweep(two.rig.flows).transactions() == 2
    assert sorted(two.sent) == [("txn_eu", EU, EU), ("txn_us", "default", "")]
    rows = await two.rig.tables.query("cursors", partition="sweep")
    assert [row.row for row in rows] == ["balance_transaction", f"{EU}~balance_transaction"]


@pytest.mark.parametrize("broken", ["default", EU])
async def test_one_accounts_sweep_that_fails_holds_up_no_other(broken: str) -> None:
    two = Two(txn("txn_eu"), us=(txn("txn_us", "usd"),))
    away = two.rig.stripe if broken == "default" else two.eu
    away.page_errors = [CredentialsRefused("stripe", "no")] * 100
    with pytest.raises(ExceptionGroup, match=f"failed for {broken}$"):
        await two.app.sweep(two.rig.flows).transactions()
    whole = {"default": ("txn_us", "default", ""), EU: ("txn_eu", EU, EU)}
    assert two.sent == [found for alias, found in whole.items() if alias != broken]


async def test_open_tie_outs_are_taken_up_by_their_own_account() -> None:
    two = Two(payout(id="po_eu", created=CREATED), us=(payout(id="po_us", created=CREATED),))
    await two.app.sweep(two.rig.flows).payouts()
    assert sorted(two.sent) == [("po_eu", EU, EU), ("po_us", "default", "")]


async def test_a_payouts_flow_and_tie_out_name_the_account() -> None:
    whole = payout(id="po_eu", created=CREATED, currency="eur")
    two = Two(whole)
    await two.handle(Item("po_eu", "", "payout", "po_eu", account=EU))
    assert two.rig.flows.started == [
        ("payout_flow", "payout-po_eu", {"payout": "po_eu", "account": EU})
    ]
    row = await two.rig.tables.get(PAYOUTS, TIEOUTS, "po_eu")
    assert row is not None
    assert row.cells["account"] == EU


async def test_the_audit_sends_what_differs_to_the_account_that_lists_it() -> None:
    two = Two(txn("txn_1"), us=(txn("txn_2", "usd"),))
    for line, id in enumerate(("txn_1", "txn_2"), 1):
        await book(two.rig, id, line=line)
    assert await two.app.audit().lines() == 0, "no line is somebody else's"
    for id in ("txn_1", "txn_2"):
        remove(two.rig, f"{id}:gross")
    assert await two.app.audit().lines() == 2
    assert sorted(two.sent) == [("txn_1", EU, EU), ("txn_2", "default", "")]


async def test_an_audit_under_way_begins_its_span_again_when_the_accounts_change() -> None:
    two = Two(txn("txn_1"))
    await book(two.rig, "txn_1")
    remove(two.rig, "txn_1:gross")
    alone = rig(tables=two.rig.tables)
    alone.stripe.page_errors = [CredentialsRefused("stripe", "no")]
    with pytest.raises(CredentialsRefused):
        await alone.app.audit().lines()
    assert await two.app.audit().go_on() == 1
    assert two.sent == [("txn_1", EU, EU)]


async def test_a_command_on_an_object_finds_the_account_in_the_objects_row() -> None:
    two = Two(txn("txn_eu"))
    await two.handle(Item("txn_eu", "", ENTITY, "txn_eu", account=EU))
    maintenance = two.app._maintenance()
    await maintenance.send(["txn_eu", "txn_never"], ItemKind.VERIFY, "verify")
    assert two.sent == [("txn_eu", EU, EU), ("txn_never", "default", "")]


async def test_backfills_of_two_accounts_run_beside_each_other() -> None:
    two = Two(txn("txn_eu"))
    flows = two.rig.flows
    for alias in ("default", EU):
        await two.app.of(alias).backfill(flows).start(30)
    assert [(instance, input["account"]) for _, instance, input in flows.started] == [
        ("backfill", "default"),
        (f"backfill-{EU}", EU),
    ]
    backfill = two.app.of(EU).backfill(flows)
    state = await backfill.page(flows.started[1][2])
    assert (state["account"], state["seen"], state["sent"]) == (EU, 1, 1)
    assert (await backfill.progress())["status"] == "done"
    assert (await two.app.of("default").backfill(flows).progress())["status"] == "running"


async def test_a_payout_resolved_by_hand_expects_its_tie_out_at_its_account() -> None:
    whole = payout(id="po_eu", created=CREATED, currency="usd")  # the default account's currency
    two = Two(whole)
    await two.handle(Item("po_eu", "", "payout", "po_eu", account=EU))
    (parked,) = [item async for item in two.app.inbox().each()]
    assert (await _resolved(two, parked)) == 1
    row = await two.rig.tables.get(PAYOUTS, TIEOUTS, "po_eu")
    assert row is not None
    assert row.cells["account"] == EU


async def test_money_of_an_account_that_is_gone_is_resolved_as_not_to_be_booked() -> None:
    two = Two()
    await two.handle(Item("txn_1", "", ENTITY, "txn_1", account="former"))
    (parked,) = [item async for item in two.app.inbox().each()]
    booked = Decision("Kim", "by hand", "usmf", "V1", 100, "usd")
    (refused,) = (await two.app.resolve().run([parked], booked)).refused
    assert "the Stripe account former, which the settings do not have" in refused.reason
    assert await _resolved(two, parked) == 1


async def _resolved(two: Two, parked: ParkedItem) -> int:
    decision = Decision("Kim", "by hand", not_to_book=True)
    return (await two.app.resolve().run([parked], decision)).resolved


async def test_readiness_checks_each_accounts_key_mode_and_id() -> None:
    two = Two()
    two.rig.stripe.balances = [{"livemode": False}]
    two.eu.balances = [{"livemode": True}]
    checks = {each.name: each for each in await two.app.health(two.rig.flows).ready()}
    assert checks["stripe"].problem == ""
    assert "other mode" in checks[f"stripe {EU}"].problem
    assert f"stripe permissions {EU}" in checks
    assert checks[f"stripe account {EU}"].problem.startswith("the key does not show acct_1EU")
    assert "leave the account id out" in checks[f"stripe account {EU}"].remedy
    assert "stripe account" not in checks, "nobody told the default account's id"
    two.eu.objects["account", "acct_1EU"] = {"object": "account", "id": "acct_1EU"}
    checks = {each.name: each for each in await two.app.health(two.rig.flows).ready()}
    assert checks[f"stripe account {EU}"].problem == ""


async def test_proofs_are_of_each_account_and_its_currencies() -> None:
    two = Two(txn("txn_eu"), us=(txn("txn_us", "usd"),))
    provers = two.app.provers()
    assert list(provers) == ["default", EU]
    found = {alias: await prover.prove() for alias, prover in provers.items()}
    assert list(found[EU].by_currency) == ["eur"]
    assert "eur" not in found["default"].by_currency
    assert found[EU].by_currency["eur"].transactions == 1

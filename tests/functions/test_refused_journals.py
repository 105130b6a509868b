"""Journals that the posting job refuses, in a whole world: what is good is posted soon, what is bad
parks and says why."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from local.dynamics import DynamicsSettings
from local.stripe import PeerSettings
from local.summary import ListedItem
from local.world import Options, World
from tests.world import (
    DAY,
    HOUR,
    LINE_SETS,
    account_of,
    live,
    new_customer,
    parked,
    rest,
    sell,
    transactions_of,
)

OPTIONS = Options(
    stripe=PeerSettings(payouts=None),
    dynamics=DynamicsSettings(post_interval_seconds=1e9),
    settings={"partitions": 1},
)


@dataclass
class Shop:
    """A shop of one customer a charge, whose journals are posted at two in the morning."""

    world: World
    customers: list[str] = field(default_factory=list)
    charges: list[str] = field(default_factory=list)

    async def sell(self, count: int, currency: str = "usd", **more: Any) -> None:
        """A charge of a new customer each."""
        for _ in range(count):
            self.customers.append(new_customer(self.world, name=f"Buyer {len(self.customers)}"))
            self.charges.append(sell(self.world, 1_000, currency, self.customers[-1], **more))
        await rest(self.world)

    async def days(self, count: int, currency: str = "usd", **more: Any) -> None:
        """Posting runs at two in the morning, and a sale of somebody else every day."""
        for _ in range(count):
            await rest(self.world, 18 * HOUR)
            self.world.dynamics.post_journals()
            await rest(self.world, 6 * HOUR)
            sell(self.world, 500, currency, new_customer(self.world), **more)
            await rest(self.world)

    def keys(self, *numbers: int) -> set[str]:
        """The receipts of charges."""
        found = [transactions_of(self.world, self.charges[number]) for number in numbers]
        return {f"{txn['id']}:gross" for txns in found for txn in txns}

    def fees(self, *numbers: int) -> set[str]:
        """The fees of charges."""
        return {key.replace(":gross", ":fee") for key in self.keys(*numbers)}

    def unposted(self) -> set[str]:
        """What stands in journals that are not posted."""
        world = self.world
        headers = ("CustomerPaymentJournalHeaders", "LedgerJournalHeaders")
        is_open = {
            (row["dataAreaId"], row["JournalBatchNumber"])
            for name in headers
            for row in world.dynamics.records(name)
            if row["IsPosted"] == "No"
        }
        return {
            row["PaymentId"]
            for name in LINE_SETS
            for row in world.dynamics.records(name)
            if (row["dataAreaId"], row["JournalBatchNumber"]) in is_open
        }

    def account(self, number: int) -> str:
        """The number of a customer's account."""
        return account_of(self.world, self.customers[number]).removeprefix("Cust ")

    def journal_of(self, key: str) -> set[str]:
        """All keys in the journal of a line."""
        for name in LINE_SETS:
            rows = self.world.dynamics.records(name)
            for row in rows:
                if row["PaymentId"] == key:
                    batch = row["JournalBatchNumber"]
                    return {r["PaymentId"] for r in rows if r["JournalBatchNumber"] == batch}
        raise AssertionError(f"no line {key}")


async def _parked(world: World) -> dict[str, ListedItem]:
    return {item.object: item for item in await parked(world)}


def _objects(keys: set[str]) -> set[str]:
    return {key.partition(":")[0] for key in keys}


def test_one_blocked_customer_in_120_charges_holds_up_nobody_after_the_third_posting_run() -> None:
    async def story(world: World) -> None:
        shop = Shop(world)
        await shop.sell(120)
        world.dynamics.block_customer("usmf", shop.account(60), "All")
        await shop.days(3)
        receipts, bad = shop.keys(*range(120)), shop.keys(60)
        assert receipts & shop.unposted() == bad
        items = await _parked(world)
        assert set(items) == _objects(bad)
        [item] = items.values()
        assert item.cause == "customer_blocked"
        assert f"customer {shop.account(60)} is on hold (All)" in item.text
        world.dynamics.block_customer("usmf", shop.account(60), "No")
        await shop.days(1)
        assert not receipts & shop.unposted()
        assert not await parked(world)

    live(story, OPTIONS)


def test_a_journal_that_is_not_posted_stays_whole_while_no_younger_one_is_posted() -> None:
    async def story(world: World) -> None:
        shop = Shop(world)
        await shop.sell(4)
        world.dynamics.block_customer("usmf", shop.account(1), "All")
        world.dynamics.post_journals()
        await rest(world, 8 * DAY)
        assert shop.journal_of(next(iter(shop.keys(1)))) >= shop.keys(0, 1, 2, 3)
        assert not await parked(world)

    live(story, OPTIONS)


def test_the_lines_of_a_journal_name_with_approval_stay_together() -> None:
    async def story(world: World) -> None:
        shop = Shop(world)
        await shop.sell(4)
        world.dynamics.block_customer("usmf", shop.account(1), "All")
        store = world.dynamics._store
        for row in store.table("JournalNames").values():
            if (row.fields["dataAreaId"], row.fields["Name"]) == ("usmf", "STRPAY"):
                approved = row
        world.dynamics.post_journals()
        await rest(world, DAY)
        await shop.sell(1)
        world.dynamics.post_journals()  # out of order, as an approver may
        store.update(approved, {"IsApprovalActive": "Yes"})
        await rest(world, 3 * DAY)
        assert shop.journal_of(next(iter(shop.keys(1)))) >= shop.keys(0, 1, 2, 3)
        assert not await parked(world)

    live(story, OPTIONS)


def test_a_suspended_account_leaves_lines_on_other_accounts_alone() -> None:
    async def story(world: World) -> None:
        shop = Shop(world)
        await shop.sell(3)
        dispute = world.stripe.dispute_charge(shop.charges[0])
        await rest(world)
        world.dynamics.suspend_account("132900")
        await shop.days(3)
        [txn] = transactions_of(world, dispute)
        assert shop.unposted() == {f"{txn['id']}:gross"} | _newest(world)
        [item] = await parked(world)
        assert (item.object, item.cause) == (txn["id"], "posting_refused")
        assert "account 132900 of usmf is suspended" in item.text
        world.dynamics.suspend_account("132900", resume=True)
        await shop.days(1)
        assert f"{txn['id']}:gross" not in shop.unposted()
        assert not await parked(world)

    live(story, OPTIONS)


def _newest(world: World) -> set[str]:
    """The keys of the transactions of the newest charge: its journal was not posted yet."""
    charge = world.stripe.objects("charge")[-1]["id"]
    ids = [txn["id"] for txn in transactions_of(world, charge)]
    return {f"{id}:{component}" for id in ids for component in ("gross", "fee")}


ROUTED = """
kind: policy
name: routed
routes: [{when: {metadata: {shop: [de]}}, company: demf}]
"""
ROUTED_OPTIONS = replace(OPTIONS, documents=(ROUTED,), currencies=("gbp",))
SHOP_DE = {"shop": "de"}


def test_a_period_that_is_closed_in_the_other_company_holds_its_lines_alone() -> None:
    async def story(world: World) -> None:
        shop = Shop(world)
        await shop.sell(3, "eur")
        await shop.sell(1, "usd", metadata=SHOP_DE)
        world.dynamics.close_period("usmf", 2026, 10)
        await shop.days(3, "eur")
        assert not shop.keys(0, 1, 2) & shop.unposted()
        [bad] = shop.keys(3)
        item = (await _parked(world))[bad.partition(":")[0]]
        assert item.cause == "posting_refused"
        assert "the period of 2026-10-01 is not open in usmf" in item.text
        world.dynamics.close_period("usmf", 2026, 10, reopen=True)
        await shop.days(1, "eur")
        assert bad not in shop.unposted()
        assert not await parked(world)

    live(story, ROUTED_OPTIONS)


def test_a_line_without_an_exchange_rate_holds_up_no_other() -> None:
    async def story(world: World) -> None:
        shop = Shop(world)
        await shop.sell(3, "eur")
        await shop.sell(1, "gbp", metadata=SHOP_DE)
        store = world.dynamics._store
        rates = [
            row
            for row in store.table("ExchangeRates").values()
            if (row.fields["FromCurrency"], row.fields["ToCurrency"]) == ("GBP", "USD")
        ]
        for row in rates:
            store.delete(store.schema.set_of("ExchangeRates"), row)
        await shop.days(3, "eur")
        assert not shop.keys(0, 1, 2) & shop.unposted()
        [bad] = shop.keys(3)
        item = (await _parked(world))[bad.partition(":")[0]]
        assert item.cause == "posting_refused"
        assert "usmf has no exchange rate from GBP to USD on 2026-10-01" in item.text

    live(story, ROUTED_OPTIONS)


FEES = """
kind: mapping
name: our_fees
extends: general_line
fields:
  AccountDisplayValue:
    dimensions:
      - BusinessUnit: {value: "001"}
      - Department: {value: ""}
      - CostCenter: {from: metadata.charge.cost_center}
"""


def test_a_mandatory_dimension_comes_from_metadata_and_a_sale_without_it_parks_alone() -> None:
    async def story(world: World) -> None:
        told = {"cost_center": "017"}
        world.dynamics.demand_dimension("618900", "CostCenter")  # of Stripe's fees
        shop = Shop(world)
        await shop.sell(2, metadata=told)
        await shop.sell(1)
        await shop.days(3, metadata=told)
        good, bad = shop.fees(0, 1), shop.fees(2)
        assert shop.unposted() & (good | bad) == bad
        rows = {row["PaymentId"]: row for row in world.dynamics.records("LedgerJournalLines")}
        assert {rows[key]["AccountDisplayValue"] for key in good} == {"618900-001--017"}
        assert {rows[key]["AccountDisplayValue"] for key in bad} == {"618900-001"}
        [item] = await parked(world)
        assert (item.object, item.cause) == (*_objects(bad), "posting_refused")
        assert "account 618900 of usmf needs the dimension CostCenter" in item.text
        world.dynamics.demand_dimension("618900", "CostCenter", allow_blank=True)
        await shop.days(1, metadata=told)
        assert not bad & shop.unposted()
        assert not await parked(world)

    live(story, replace(OPTIONS, documents=(FEES,)))


def test_a_journal_whose_lines_all_have_one_cause_stays_whole_and_parks() -> None:
    async def story(world: World) -> None:
        shop = Shop(world)
        await shop.sell(3)
        world.dynamics.close_period("usmf", 2026, 10)
        await shop.days(3)
        receipts = shop.keys(0, 1, 2)
        assert shop.journal_of(next(iter(receipts))) == receipts
        items = await _parked(world)
        assert set(items) == _objects(receipts)
        texts = [item.text for item in items.values()]
        assert all("the period of 2026-10-31 is not open in usmf" in text for text in texts)

    live(story, OPTIONS, start=datetime(2026, 10, 31, 8, tzinfo=UTC))


def test_a_line_of_a_cause_that_nobody_can_read_is_alone_after_one_step() -> None:
    async def story(world: World) -> None:
        shop = Shop(world)
        await shop.sell(30)
        account = shop.account(7)
        world.dynamics.refuse_account("usmf", account, "The posting profile has no account.")
        await shop.days(3)
        receipts, bad = shop.keys(*range(30)), shop.keys(7)
        assert receipts & shop.unposted() == bad
        assert shop.journal_of(next(iter(bad))) == bad
        await shop.days(2)
        [item] = await parked(world)
        assert (item.object, item.cause) == (*_objects(bad), "posting_refused")
        assert "is alone in journal" in item.text
        world.dynamics.refuse_account("usmf", account, "")
        await shop.days(1)
        assert not receipts & shop.unposted()
        assert not await parked(world)

    live(story, OPTIONS)


def test_of_several_lines_of_one_customer_the_good_ones_are_posted_in_the_end() -> None:
    async def story(world: World) -> None:
        shop = Shop(world)
        await shop.sell(2)
        shop.charges += [sell(world, 700 + n, "usd", shop.customers[0]) for n in range(2)]
        await rest(world)
        world.dynamics.refuse_account("usmf", shop.account(0), "The posting profile is missing.")
        await shop.days(6)
        bad = shop.keys(0, 2, 3)
        assert shop.keys(*range(4)) & shop.unposted() == bad
        assert all(shop.journal_of(key) == {key} for key in bad)
        assert set(await _parked(world)) == _objects(bad)

    live(story, OPTIONS)


def test_later_lines_of_a_customer_on_hold_go_to_a_journal_of_their_own() -> None:
    async def story(world: World) -> None:
        shop = Shop(world)
        await shop.sell(1, card="pm_usBankAccount_success")
        await rest(world, 6 * DAY)
        world.dynamics.post_journals()
        world.dynamics.block_customer("usmf", shop.account(0), "All")
        shop.charges.append(sell(world, 900, "usd", shop.customers[0]))  # Dynamics refuses it
        await rest(world)
        assert [item.cause for item in await parked(world)] == ["customer_blocked"]
        world.stripe.fail_payment(shop.charges[0])
        await shop.sell(1)
        returned = f"{transactions_of(world, shop.charges[0])[-1]['id']}:gross"
        assert shop.journal_of(returned) == {returned}
        world.dynamics.post_journals()
        assert not shop.keys(2) & shop.unposted()
        assert returned in shop.unposted()
        world.dynamics.block_customer("usmf", shop.account(0), "No")
        await rest(world, DAY)
        world.dynamics.post_journals()
        assert not shop.unposted()
        assert not await parked(world)

    live(story, OPTIONS)


def test_a_customer_that_was_deleted_holds_up_nobody() -> None:
    async def story(world: World) -> None:
        shop = Shop(world)
        await shop.sell(3)
        table = world.dynamics._store.table("CustomersV3")
        for key, row in list(table.items()):
            if (row.fields["dataAreaId"], row.fields["CustomerAccount"]) == (
                "usmf",
                shop.account(1),
            ):
                gone = key
        del table[gone]
        await shop.days(3)
        receipts, bad = shop.keys(0, 1, 2), shop.keys(1)
        assert receipts & shop.unposted() == bad
        [item] = await parked(world)
        assert (item.object, item.cause) == (*_objects(bad), "posting_refused")

    live(story, OPTIONS)

"""What follows a sale goes where the sale went, whatever policy, books and metadata say by now."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from local.books import settings as books_settings
from local.publishing import publish
from local.stripe import PeerSettings
from local.world import Options, World
from shared import bootstrap
from tests.world import (
    DAY,
    DISPUTE_FEES,
    DISPUTES,
    GENERAL,
    HOUR,
    MINUTE,
    ONE_TIME,
    Booked,
    Json,
    account_of,
    booked_and_proved,
    gaps,
    give_back,
    lines,
    live,
    new_customer,
    parked,
    rest,
    sell,
    transactions_of,
    waiting,
)

ORDERS = """
kind: policy
name: orders
sales: [{when: {metadata: {shop: [de]}}, book: order}]
"""
ROUTED_ORDERS = f"""{ORDERS}
routes: [{{when: {{metadata: {{shop: [de]}}}}, company: demf}}]
"""
ROUTED = """
kind: policy
name: routed
routes: [{when: {metadata: {shop: [de]}}, company: demf}]
"""
UNROUTED = """
kind: policy
name: unrouted
"""
NAMED = """
kind: policy
name: named
refunds: {of_receipts: free_text}
routes: [{when: {metadata: {shop: [de]}}, company: demf}]
"""
SHOP = {"shop": "de"}
NO_PAYOUTS = PeerSettings(payouts=None)


def options(document: str, **changes: Any) -> Options:
    return Options(documents=(document,), stripe=NO_PAYOUTS, **changes)


async def now_the_policy_is(world: World, document: str) -> None:
    await publish(world.app.publish(), (document,))
    await rest(world, 2 * MINUTE)  # until every instance knows it


def now_the_books_are(world: World, change: Callable[[Json], None]) -> None:
    """Deploy the app anew with changed books."""
    found = world.settings.books.model_dump(mode="json")
    change(found)
    addresses = world.options.addresses
    world.settings = books_settings(
        stripe_url=addresses.stripe, dynamics_url=addresses.dynamics, books=found
    )
    world.app = world._build()
    world.host.context.run(bootstrap.use, world.app)


def closed(books: Json) -> None:
    """The first day is in a closed period."""
    for company in books["companies"].values():
        company["closed_through"] = "2026-10-01"


def opened(books: Json) -> None:
    """Every period is open."""
    for company in books["companies"].values():
        company["closed_through"] = None


def gross_of(world: World, source: str, category: str = "") -> Booked:
    """The gross line of the transaction of a charge or refund."""
    [txn] = [
        txn
        for txn in transactions_of(world, source)
        if not category or txn["reporting_category"] == category
    ]
    return lines(world, txn["id"])[f"{txn['id']}:gross"]


def credit_memos(world: World) -> list[tuple[str, str]]:
    """Company and account of each credit memo."""
    rows = world.dynamics.records("CDSFreeTextInvoiceHeaders")
    return [(row["dataAreaId"], f"Cust {row['CustomerAccount']}") for row in rows]


async def policy_loses_the_route(world: World, charge: str) -> None:
    await now_the_policy_is(world, ORDERS)


async def policy_loses_everything(world: World, charge: str) -> None:
    await now_the_policy_is(world, UNROUTED)


async def metadata_changes(world: World, charge: str) -> None:
    world.stripe.request("POST", f"/v1/charges/{charge}", {"metadata": {"shop": "us"}})
    await rest(world)


async def the_customer_is_deleted(world: World, charge: str) -> None:
    [found] = [each for each in world.stripe.objects("charge") if each["id"] == charge]
    world.stripe.request("DELETE", f"/v1/customers/{found['customer']}")
    await now_the_policy_is(world, ORDERS)


@pytest.mark.parametrize(
    "change",
    [
        policy_loses_the_route,
        policy_loses_everything,
        metadata_changes,
        the_customer_is_deleted,
    ],
)
def test_refund_and_credit_memo_go_to_company_and_customer_of_the_sale(
    change: Callable[[World, str], Awaitable[None]],
) -> None:
    async def story(world: World) -> None:
        ada = new_customer(world)
        charge = sell(world, 10_000, "usd", ada, metadata=SHOP)
        await rest(world, 2 * DAY)
        sale = gross_of(world, charge)
        assert (sale.company, sale.offset) == ("demf", "Bank STRIPE-USD")
        await change(world, charge)
        refund = give_back(world, charge, 4_000)
        await rest(world, 2 * DAY)
        money = gross_of(world, refund)
        assert (money.company, money.account, money.offset) == (
            *("demf", sale.account),
            "Bank STRIPE-USD",
        )
        assert credit_memos(world) == [("demf", sale.account)]
        await booked_and_proved(world)

    live(story, options(ROUTED_ORDERS))


def test_when_the_owner_changes_a_refund_stays_with_the_sale_and_moves_todays_clearing() -> None:
    def usmf_owns_the_euros(books: Json) -> None:
        books["currencies"]["eur"]["company"] = "usmf"
        books["currencies"]["eur"]["clearing"] = {"type": "Ledger", "id": "110790EUR"}

    async def story(world: World) -> None:
        charge = sell(world, 10_000, "eur", new_customer(world), metadata=SHOP)
        await rest(world, 2 * DAY)
        sale = gross_of(world, charge)
        assert (sale.company, sale.offset) == ("demf", "Bank STRIPE-EUR")
        now_the_books_are(world, usmf_owns_the_euros)
        opening = (await gaps(world))["eur"]  # what a person has to transfer between the owners
        refund = give_back(world, charge, 4_000)
        await rest(world, 2 * DAY)
        money = gross_of(world, refund)
        assert (money.company, money.account) == ("demf", sale.account)
        assert money.offset == "Ledger 110790EUR"
        [row] = [
            row
            for row in world.dynamics.records("CustomerPaymentJournalLines", "demf")
            if Decimal(row["DebitAmount"])
        ]
        assert row["OffsetCompany"] == "usmf"
        assert credit_memos(world) == [("demf", sale.account)]
        assert await parked(world) == []
        assert (await gaps(world))["eur"] == opening

    live(story, options(ORDERS))


def test_the_account_of_a_guest_is_the_one_of_the_sale_though_the_books_name_another() -> None:
    async def story(world: World) -> None:
        charge = sell(world, 10_000, metadata=SHOP)
        await rest(world)
        other = new_customer(world)
        sell(world, 100, customer=other, metadata=SHOP)
        await rest(world)
        account = account_of(world, other, "demf").removeprefix("Cust ")

        def another_one_time_customer(books: Json) -> None:
            books["companies"]["demf"]["one_time_customer"] = account

        now_the_books_are(world, another_one_time_customer)
        refund = give_back(world, charge)
        await rest(world)
        assert gross_of(world, refund).account == ONE_TIME
        await booked_and_proved(world)

    live(story, options(ROUTED))


def test_the_first_refund_of_a_sale_that_is_not_booked_decides_for_all_that_follows() -> None:
    """The sale's own transaction parks, because its period is closed; the refunds are later."""

    async def story(world: World) -> None:
        now_the_books_are(world, closed)
        ada = new_customer(world)
        charge = sell(world, 10_000, customer=ada, metadata=SHOP)
        await rest(world, DAY)
        assert [item.cause for item in await parked(world)] == ["period_closed"]
        first = give_back(world, charge, 1_000)
        await rest(world)
        account = account_of(world, ada, "demf")
        await now_the_policy_is(world, UNROUTED)
        second = give_back(world, charge, 2_000)
        await rest(world)
        now_the_books_are(world, opened)
        await rest(world, 3 * HOUR)  # what is parked is tried again
        found = [gross_of(world, source) for source in (charge, first, second)]
        assert [(line.company, line.account) for line in found] == [("demf", account)] * 3
        await booked_and_proved(world)

    live(story, options(ROUTED))


def test_a_returned_debit_goes_to_the_company_of_its_receipt() -> None:
    async def story(world: World) -> None:
        ada, card = new_customer(world), "pm_usBankAccount_success"
        charge = sell(world, 10_000, customer=ada, card=card, metadata=SHOP)
        await rest(world, 6 * DAY)
        await now_the_policy_is(world, UNROUTED)
        world.stripe.fail_payment(charge)
        await rest(world)
        returned = gross_of(world, charge, "charge_failure")
        assert (returned.company, returned.account) == ("demf", account_of(world, ada, "demf"))
        assert (returned.entity_set, returned.amount) == (GENERAL, Decimal("100.00"))
        await booked_and_proved(world)

    live(story, options(ROUTED))


def test_a_refund_that_fails_comes_back_to_the_company_of_its_sale() -> None:
    async def story(world: World) -> None:
        ada = new_customer(world)
        charge = sell(world, 10_000, customer=ada, metadata=SHOP)
        await rest(world)
        refund = give_back(world, charge, 4_000)
        await rest(world)
        await now_the_policy_is(world, UNROUTED)
        world.stripe.fail_refund(refund)
        await rest(world)
        [failure] = [
            txn
            for txn in world.stripe.objects("balance_transaction")
            if txn["reporting_category"] == "refund_failure"
        ]
        back = lines(world, failure["id"])[f"{failure['id']}:gross"]
        assert (back.company, back.account) == ("demf", account_of(world, ada, "demf"))
        assert back.amount == Decimal("-40.00")
        await booked_and_proved(world)

    live(story, options(ROUTED))


@pytest.mark.parametrize("document", [ORDERS, UNROUTED], ids=["no_route", "no_orders"])
def test_a_receipt_that_waits_for_the_invoice_of_its_order_goes_where_the_order_is(
    document: str,
) -> None:
    """It waits, goes over unapplied receipts, and is applied: all in the order's company."""

    async def story(world: World) -> None:
        ada = new_customer(world)
        charge = sell(world, 10_000, customer=ada, metadata=SHOP)
        await world.clock.sleep(HOUR / 3)
        [order] = world.dynamics.records("SalesOrderHeadersV2", "demf")
        _hold(world, order, "Yes")
        await rest(world, HOUR)
        assert [item.cause for item in await waiting(world)] == ["invoice_not_posted"]
        await now_the_policy_is(world, document)
        await rest(world, 2 * DAY)
        receipt = gross_of(world, charge)
        assert (receipt.company, receipt.account) == ("demf", "Ledger 130200")
        _hold(world, order, "No")
        await rest(world, 3 * DAY)
        [txn] = transactions_of(world, charge)
        [applied] = [line for key, line in lines(world, txn["id"]).items() if ":apply:" in key]
        assert (applied.company, applied.account) == ("demf", account_of(world, ada, "demf"))
        assert await waiting(world) == []
        await booked_and_proved(world)

    live(story, options(ROUTED_ORDERS))


def test_a_credit_memo_of_a_sale_booked_elsewhere_goes_to_the_company_of_its_receipt() -> None:
    async def story(world: World) -> None:
        ada = new_customer(world)
        named = SHOP | {"dynamics_sales_order": "SO-OLD"}
        charge = sell(world, 10_000, customer=ada, metadata=named)
        await rest(world, 2 * DAY)  # no invoice comes: it goes over unapplied receipts
        receipt = gross_of(world, charge)
        assert (receipt.company, receipt.account) == ("demf", "Ledger 130200")
        await now_the_policy_is(world, NAMED.replace("company: demf", "company: usmf"))
        refund = give_back(world, charge, 4_000)
        await rest(world, 2 * DAY)
        account = account_of(world, ada, "demf")
        assert gross_of(world, refund).account == account
        assert credit_memos(world) == [("demf", account)]
        assert await parked(world) == []

    live(story, options(NAMED))


def test_a_sale_whose_company_left_the_books_parks_what_follows() -> None:
    async def story(world: World) -> None:
        charge = sell(world, 10_000, customer=new_customer(world), metadata=SHOP)
        await rest(world)
        await now_the_policy_is(world, UNROUTED)

        def without_demf(books: Json) -> None:
            del books["companies"]["demf"], books["currencies"]["eur"]

        now_the_books_are(world, without_demf)
        give_back(world, charge)
        await rest(world)
        [item] = await parked(world)
        assert item.cause == "company_not_configured"
        assert "demf" in item.text

    live(story, options(ROUTED))


@pytest.mark.parametrize(("won", "left"), [(True, "0.00"), (False, "100.00")])
def test_a_dispute_is_in_the_company_of_its_sale_and_its_fee_stays_with_the_owner(
    won: bool, left: str
) -> None:
    async def story(world: World) -> None:
        charge = sell(world, 10_000, "usd", new_customer(world), metadata=SHOP)
        await rest(world)
        assert gross_of(world, charge).company == "demf"
        await now_the_policy_is(world, UNROUTED)
        dispute = world.stripe.dispute_charge(charge)
        await rest(world)
        withdrawn = gross_of(world, dispute)
        assert (withdrawn.company, withdrawn.account) == ("demf", DISPUTES)
        assert (withdrawn.offset, withdrawn.amount) == ("Bank STRIPE-USD", Decimal("100.00"))
        [row] = world.dynamics.records("LedgerJournalLines", "demf")
        assert row["OffsetCompany"] == "usmf"
        [txn] = transactions_of(world, dispute)
        fee = lines(world, txn["id"])[f"{txn['id']}:fee"]
        assert (fee.company, fee.account, fee.amount) == ("usmf", DISPUTE_FEES, Decimal("15.00"))
        await booked_and_proved(world)
        (world.stripe.win_dispute if won else world.stripe.lose_dispute)(dispute)
        await rest(world, DAY)
        held = [line for line in lines(world).values() if line.account == DISPUTES]
        assert {line.company for line in held} == {"demf"}
        assert sum(line.amount for line in held) == Decimal(left)
        await booked_and_proved(world)

    live(story, options(ROUTED))


def test_a_dispute_of_a_sale_that_is_not_booked_decides_for_all_that_follows() -> None:
    """The sale's own transaction parks, because its period is closed; the dispute is later."""

    async def story(world: World) -> None:
        now_the_books_are(world, closed)
        ada = new_customer(world)
        charge = sell(world, 10_000, customer=ada, metadata=SHOP)
        await rest(world, DAY)
        dispute = world.stripe.dispute_charge(charge)
        await rest(world)
        await now_the_policy_is(world, UNROUTED)
        world.stripe.win_dispute(dispute)
        await rest(world)
        now_the_books_are(world, opened)
        await rest(world, 3 * HOUR)  # what is parked is tried again
        assert gross_of(world, charge).company == "demf"
        assert gross_of(world, charge).account == account_of(world, ada, "demf")
        found = [gross_of(world, dispute, f"dispute{kind}") for kind in ("", "_reversal")]
        assert [(line.company, line.account) for line in found] == [("demf", DISPUTES)] * 2
        await booked_and_proved(world)

    live(story, options(ROUTED))


def _hold(world: World, order: Json, value: str) -> None:
    """A person stops the processing of an order, or lets it go on."""
    store = world.dynamics._store
    [row] = [
        row
        for row in store.table("SalesOrderHeadersV2").values()
        if row.fields["SalesOrderNumber"] == order["SalesOrderNumber"]
    ]
    store.update(row, {"IsSalesProcessingStopped": value})

"""Customers: one record in each company that needs it."""

from local.stripe import PeerSettings
from local.world import Options, World
from tests.world import (
    HOUR,
    ONE_TIME,
    RECEIPTS,
    account_of,
    booked_and_proved,
    customers,
    give_back,
    lines,
    live,
    new_customer,
    rest,
    sell,
    transactions_of,
)


def test_a_customer_comes_into_each_company_that_needs_it() -> None:
    async def story(world: World) -> None:
        ada = new_customer(world)
        await rest(world)
        assert list(customers(world)) == [f"{ada} usmf"]
        sell(world, 5_000, "eur", customer=ada)
        await rest(world)
        assert sorted(customers(world)) == [f"{ada} demf", f"{ada} usmf"]
        receipts = [line for line in lines(world).values() if line.entity_set == RECEIPTS]
        assert [line.account for line in receipts] == [account_of(world, ada, "demf")]
        await booked_and_proved(world)

    live(story)


def test_a_changed_customer_changes_in_each_company_and_stays_one() -> None:
    async def story(world: World) -> None:
        ada = new_customer(world)
        sell(world, 5_000, "eur", customer=ada)
        await rest(world)
        accounts = {key: row["CustomerAccount"] for key, row in customers(world).items()}
        change = {"name": "Ada Byron", "email": "byron@example.com"}
        world.stripe.request("POST", f"/v1/customers/{ada}", change)
        await rest(world)
        found = customers(world)
        assert {key: row["CustomerAccount"] for key, row in found.items()} == accounts
        assert {row["OrganizationName"] for row in found.values()} == {"Ada Byron"}
        assert {row["PrimaryContactEmail"] for row in found.values()} == {"byron@example.com"}
        await booked_and_proved(world)

    live(story)


def test_a_change_that_dynamics_does_not_hold_writes_nothing() -> None:
    async def story(world: World) -> None:
        ada = new_customer(world)
        await rest(world)
        before = dict(world.dynamics.requests)
        world.stripe.request("POST", f"/v1/customers/{ada}", {"metadata": {"vip": "1"}})
        await rest(world)
        assert dict(world.dynamics.requests) == before

    live(story)


def test_a_deleted_customer_stays_in_dynamics_and_is_marked() -> None:
    async def story(world: World) -> None:
        ada = new_customer(world)
        charge = sell(world, customer=ada)
        await rest(world)
        before = customers(world)
        world.stripe.request("DELETE", f"/v1/customers/{ada}")
        await rest(world)
        note = {"SalesMemo": "Deleted in Stripe."}
        assert customers(world) == {key: row | note for key, row in before.items()}
        refund = give_back(world, charge)
        await rest(world)
        (txn,) = transactions_of(world, refund)
        assert lines(world)[f"{txn['id']}:gross"].account == account_of(world, ada)
        await booked_and_proved(world)

    live(story)


def test_a_customer_deleted_before_it_was_written_is_paid_for_by_the_one_time_customer() -> None:
    slow = PeerSettings(settle_delay_seconds=(2.0 * HOUR, 2.0 * HOUR))

    async def story(world: World) -> None:
        world.stripe.control.change_faults({"delivery": {"drop": 1}})
        ada = new_customer(world)
        charge = sell(world, customer=ada)
        world.stripe.request("DELETE", f"/v1/customers/{ada}")
        world.stripe.control.change_faults({"delivery": {"drop": 0}})
        await rest(world, 3 * HOUR)
        (txn,) = transactions_of(world, charge)
        assert lines(world)[f"{txn['id']}:gross"].account == ONE_TIME
        assert customers(world) == {}
        await booked_and_proved(world)

    live(story, Options(stripe=slow))

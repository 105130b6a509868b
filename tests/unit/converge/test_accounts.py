import json
from dataclasses import dataclass, replace

import pytest

from local.tables import MemoryTables
from shared.converge import accounts
from shared.converge.stages import DecidedObject, Failed, WrittenObject
from shared.domain.documents import Document, Patch
from shared.domain.records import Choice, Link, Record, Ref
from shared.entities.common.objects import Desired, Snapshot
from shared.entities.customer.records import CustomerLink
from shared.errors import (
    CredentialsRefused,
    Parked,
    Refused,
    Throttled,
    Unavailable,
    UncertainWrite,
)
from shared.policy import Customers, Policy
from shared.ports import Lookup
from shared.services.work.work import Received
from shared.stores.holds import Holds
from shared.stores.item import Item
from shared.stores.items import home
from shared.stores.links import LinkStore
from tests.unit.converge import values
from tests.unit.converge.values import claim, decided
from tests.unit.entities.objects import CONTEXT, Json, customer, customer_record
from tests.unit.services.fakes import FakeDynamics, FakeStripe, rig

WRITING = replace(CONTEXT, policy=Policy(customers=Customers(write_back=True)))
NOTE = {"dynamics_customer_account": "US-1"}


def record(account: str = "") -> Record:
    document: Document = customer_record()
    if account:
        document = CustomerLink(
            role="customer~usmf",
            company="usmf",
            key="cus_1",
            action=Patch({"CustomerAccount": account}),
            customer="cus_1",
            linked_account=account,
            matched_by="tax_id",
        )
    return Record(document, "CustomersV3", "StripeCustomerId", {"StripeCustomerId": "cus_1"})


def value(id: str = "cus_1", written: bool = True, **changes: object) -> WrittenObject:
    """A customer on its way, with an account where it is written."""
    links = [Link({"CustomerAccount": "US-1"}, record())] if written else []
    snapshot = Snapshot("customer", id, customer(id=id, **changes))
    return values.written(decided(claim(id, links), snapshot=snapshot))


# --- the account in stripe's metadata -------------------------------------------------------


async def test_the_account_is_noted_once() -> None:
    stripe = FakeStripe(customer())
    await accounts.note(stripe, WRITING, value())
    ((id, notes, key),) = stripe.notes
    assert (id, notes) == ("cus_1", NOTE)
    assert 0 < len(key) <= 255
    await accounts.note(stripe, WRITING, value(metadata=NOTE))
    assert len(stripe.notes) == 1


async def test_the_same_note_has_the_same_key_and_another_one_another() -> None:
    stripe = FakeStripe(customer())
    for metadata in ({}, {}, {"dynamics_customer_account": "US-2"}):
        await accounts.note(stripe, WRITING, value(metadata=metadata))
    one, same, other = (key for _, _, key in stripe.notes)
    assert one == same
    assert one != other


async def test_nothing_is_noted_without_the_policy_or_an_account_or_for_a_charge() -> None:
    stripe = FakeStripe(customer())
    await accounts.note(stripe, CONTEXT, value())
    await accounts.note(stripe, WRITING, value(written=False))
    charge = values.written(decided(claim("ch_1")))
    await accounts.note(stripe, WRITING, charge)
    assert stripe.notes == []


async def test_a_key_that_may_not_write_customers_is_flagged_with_a_remedy() -> None:
    stripe = FakeStripe(customer())
    stripe.note_error = CredentialsRefused("Stripe", "rak_customer_write is missing")
    with pytest.raises(Parked) as caught:
        await accounts.note(stripe, WRITING, value())
    assert caught.value.cause == "write_back_refused"
    assert "permission to write customers" in caught.value.remedy


@pytest.mark.parametrize("error", [Throttled("Stripe"), Unavailable("Stripe")])
async def test_an_outage_is_tried_again(error: Exception) -> None:
    stripe = FakeStripe(customer())
    stripe.note_error = error
    with pytest.raises(type(error)):
        await accounts.note(stripe, WRITING, value())


# --- one account, one stripe customer -------------------------------------------------------


def linking(id: str, account: str = "US-1") -> DecidedObject:
    document = replace(record(account).document, key=id)
    return decided(claim(id), [document])


async def test_an_account_goes_to_the_first_who_takes_it() -> None:
    tables = rig().tables
    await accounts.reserve(tables, linking("cus_1"))
    await accounts.reserve(tables, linking("cus_1"))
    with pytest.raises(Parked, match="belongs to cus_1") as caught:
        await accounts.reserve(tables, linking("cus_2", "us-1"))
    assert caught.value.cause == "customer_taken"
    await accounts.reserve(tables, linking("cus_2", "US/1#?"))


async def test_a_person_may_hand_an_account_over() -> None:
    tables = rig().tables
    await accounts.reserve(tables, linking("cus_1"))
    await accounts.hand_over(tables, "usmf", "US-1", "cus_2")
    await accounts.reserve(tables, linking("cus_2"))


# --- why a write is refused -----------------------------------------------------------------


def refused(id: str = "cus_1", error: Exception | None = None) -> Failed:
    """A transaction of a customer, whose line Dynamics refused."""
    desired = Desired(masters=(Ref("customer", id, "usmf"),))
    value = decided(claim(f"txn_{id}"), desired=desired)
    return Failed(value, error or Refused("Dynamics", "no"))


def row(hold: str) -> Json:
    return {"dataAreaId": "usmf", "CustomerAccount": "US-1", "OnHoldStatus": hold}


@pytest.mark.parametrize(
    ("rows", "cause"),
    [
        ([], "customer_merged"),
        ([row("All")], "customer_blocked"),
        ([row("Payment")], "customer_blocked"),
        ([row("No")], None),
        ([row("Never")], None),
    ],
)
async def test_a_refusal_is_explained_by_the_state_of_the_account(
    rows: list[Json], cause: str | None
) -> None:
    found = rig()
    found.dynamics.rows["CustomersV3"] = list(rows)
    known = {("cus_1", "usmf"): "US-1"}
    (made,) = await accounts.explain(found.dynamics, [refused()], known, Holds(found.tables))
    assert getattr(made.error, "cause", None) == cause


async def test_a_customer_on_hold_is_known_from_then_on() -> None:
    found, holds = rig(), Holds(rig().tables)
    found.dynamics.rows["CustomersV3"] = [row("All")]
    await accounts.explain(found.dynamics, [refused()], {("cus_1", "usmf"): "US-1"}, holds)
    assert list(await holds.known()) == [("usmf", "US-1")]
    await holds.forget([("usmf", "US-1")])
    assert list(await holds.known()) == []


async def test_nobody_is_asked_while_nothing_is_refused() -> None:
    found = rig()
    throttled = refused(error=Throttled("Dynamics"))
    known = {("cus_1", "usmf"): "US-1"}
    (made,) = await accounts.explain(found.dynamics, [throttled], known, Holds(found.tables))
    assert found.dynamics.lookups == []
    assert isinstance(made.error, Throttled)


async def test_an_account_that_cannot_be_asked_for_is_not_called_gone() -> None:
    @dataclass
    class PickyDynamics(FakeDynamics):
        async def find(self, lookup: Lookup) -> list[Json]:
            if lookup.any_of and "US-1" in lookup.any_of[1]:
                raise Refused("Dynamics", "odd name")
            return await super().find(lookup)

    known = {("cus_1", "usmf"): "US-1", ("cus_2", "usmf"): "US-2"}
    refusals = [refused("cus_1"), refused("cus_2")]
    first, second = await accounts.explain(PickyDynamics(), refusals, known, Holds(MemoryTables()))
    assert isinstance(first.error, Refused)
    assert isinstance(second.error, Parked)
    assert second.error.cause == "customer_merged"


async def test_a_customer_that_cannot_be_changed_is_explained_alike() -> None:
    found = rig()
    failure = Failed(value(), Refused("Dynamics", "HTTP 404"))
    (made,) = await accounts.explain(found.dynamics, [failure], {}, Holds(found.tables))
    assert isinstance(made.error, Parked)
    assert made.error.cause == "customer_merged"


# --- decisions and links --------------------------------------------------------------------


async def test_a_decision_supersedes_the_link_that_was_made_before_it() -> None:
    found = rig()
    links = LinkStore(found.tables, found.clock, 600)
    claim = await links.claim("cus_1", "me")
    await links.settle(claim, [Link({"CustomerAccount": "US-1"}, record())], [], [], None)
    assert list(await links.links("cus_1")) == ["customer~usmf"]
    await links.choose("cus_1", Choice("t1", "usmf", "US-2"), "Kim", "merged")
    assert await links.links("cus_1") == {}
    claim = await links.claim("cus_1", "me")
    assert (claim.links, claim.choices["usmf"].account) == ({}, "US-2")
    decided = replace(record().document, decision="t1")
    made = Link({"CustomerAccount": "US-2"}, replace(record(), document=decided))
    await links.settle(claim, [made], [], [], None)
    assert (await links.links("cus_1"))["customer~usmf"].keys == {"CustomerAccount": "US-2"}
    await links.choose("cus_1", Choice("t2", "demf"), "Kim", "elsewhere")
    assert list(await links.links("cus_1")) == ["customer~usmf"]
    rows = await found.tables.query("links", partition="cus_1", prefix="chosen~")
    assert [row.cells["why"] for row in rows] == ["merged", "elsewhere"]


# --- links whose answer is lost -------------------------------------------------------------


class Desk:
    """The queue of customers over fakes, with an account that Ada has in Dynamics already."""

    def __init__(self) -> None:
        self.rig = rig(customer())
        email = {"PrimaryContactEmail": "ada@example.com"}
        self.row = row("No") | email | {"StripeCustomerId": ""}
        self.rig.dynamics.rows["CustomersV3"] = [self.row]
        self.work = self.rig.app.work(self.rig.flows)

    async def handle(self) -> str:
        """Converge; returns what became of it."""
        item = Item("evt_1", "customer.created", "customer", "cus_1")
        body = json.dumps(item.message(0).body).encode()
        await self.work.handle("customer", 0, [Received("evt_1", body, 1)])
        found = await self.rig.tables.get("events", home("customer", "cus_1"), "event~evt_1")
        assert found is not None
        return str(found.cells["status"])

    @property
    def writes(self) -> list[str]:
        return [write.method for batch in self.rig.dynamics.batches for write in batch]


async def test_an_account_is_linked_by_a_change_of_its_stripe_id_alone() -> None:
    desk = Desk()
    assert await desk.handle() == "done"
    ((write,),) = desk.rig.dynamics.batches
    assert (write.method, dict(write.key)) == ("PATCH", {"CustomerAccount": "US-1"})
    assert dict(write.fields) == {"StripeCustomerId": "cus_1"}
    assert await desk.handle() == "done"
    assert desk.writes == ["PATCH"]


async def test_a_lost_answer_is_looked_for_before_the_account_is_changed_again() -> None:
    desk = Desk()
    desk.rig.dynamics.script = [("lost", UncertainWrite("time-out"))]
    assert await desk.handle() == "retry"
    assert await desk.handle() == "retry", "not before it is safe"
    desk.rig.clock.advance(1_000)
    assert await desk.handle() == "done"
    assert desk.writes == ["PATCH"]


async def test_a_change_that_never_arrived_is_made_once_it_is_certain() -> None:
    desk = Desk()
    desk.rig.dynamics.script = [UncertainWrite("time-out")]
    assert await desk.handle() == "retry"
    desk.rig.clock.advance(1_000)
    assert await desk.handle() == "done"
    assert desk.writes == ["PATCH", "PATCH"]
    assert desk.row["StripeCustomerId"] == "cus_1"
    assert len(desk.rig.dynamics.rows["CustomersV3"]) == 1

"""A customer is erased: no table names the person, and money goes on being booked."""

import json
from typing import Any

import pytest

from local.publishing import embedded
from local.world import Options, World
from shared.outcomes import Kind, Outcome
from shared.stores.item import Item
from shared.stores.items import ItemOutcome
from shared.stores.packing import unpack
from tests.functions.test_audit import edit
from tests.functions.test_mappings import publish
from tests.world import (
    DAY,
    HOUR,
    MINUTE,
    ask,
    booked_and_proved,
    customers,
    doubles,
    encoded,
    give_back,
    lines,
    live,
    new_customer,
    parked,
    rest,
    sell,
    transactions_of,
)

ADDRESS = {"line1": "Zöldfa utca 17", "line2": "Hátsó ház", "city": "Kecskeméthy", "country": "HU"}
PERSON: dict[str, Any] = {
    "name": "Ottilia Szalóky",
    "email": "ottilia.szaloky@example.com",
    "phone": "+3617771234",
    "address": ADDRESS | {"postal_code": "H-7766"},
    "shipping": {"name": "Ottilia Szalóky", "address": ADDRESS | {"line1": "Kőris köz 4"}},
}
TRACES = (
    *("ottilia", "szalóky", "szaloky", "17771234", "zöldfa", "hátsó", "kecskeméthy", "h-7766"),
    "kőris",
)
ORDERS = Options(documents=embedded())  # demf sells by orders


async def traces(world: World) -> list[str]:
    """Where our tables name the person, packed cells and all."""
    named = []
    for table in world.tables.names():
        for row in await world.tables.query(table):
            shown = repr(dict(row.cells))
            if "packed00" in row.cells:
                shown += json.dumps(unpack(row.cells), ensure_ascii=False)
            shown = shown.casefold() + row.row.casefold() + row.partition.casefold()
            named += [f"{table} {row.partition} {row.row}: {t}" for t in TRACES if t in shown]
    return named


async def erase(world: World, customer: str, **changes: object) -> tuple[int, dict[str, Any]]:
    body = {"who": "Kim", "why": "she asked us to", **changes}
    answer = await ask(world, "POST", f"customers/{customer}/erase", encoded(body))
    return answer.status_code, answer.json()


def test_after_an_erasure_refunds_and_disputes_are_booked_and_no_table_names_the_person() -> None:
    async def story(world: World) -> None:
        customer = new_customer(world, **PERSON)
        first = sell(world, 10_000, "usd", customer)
        second = sell(world, 7_500, "usd", customer)
        third = sell(world, 4_200, "eur", customer, description="Gift of Ottilia Szalóky, engraved")
        await rest(world, 3 * DAY)
        await booked_and_proved(world)
        assert await traces(world)
        booked, account = lines(world), customers(world)
        proof = await world.get("proof")

        status, erased = await erase(world, customer)
        assert (status, erased["is_complete"], erased["charges"]) == (200, True, 3)
        assert await traces(world) == []
        assert lines(world) == booked
        assert customers(world) == account
        assert await world.get("proof") == proof

        give_back(world, first)
        give_back(world, third)
        dispute = world.stripe.dispute_charge(second)
        changes = {"name": "Ottilia Szalóky-Nagy", "phone": "+36177712345"}
        world.stripe.request("POST", f"/v1/customers/{customer}", changes)
        await rest(world, 3 * DAY)
        world.stripe.lose_dispute(dispute)
        await rest(world, 4 * DAY)
        await booked_and_proved(world)
        assert doubles(world) == {}
        assert customers(world) == account
        for source in (first, second, third):
            assert lines(world, transactions_of(world, source)[0]["id"])
        assert await traces(world) == []

    live(story, ORDERS)


def test_erasing_twice_changes_nothing_more() -> None:
    async def story(world: World) -> None:
        customer = new_customer(world, **PERSON)
        sell(world, 10_000, "eur", customer, description="For Ottilia Szalóky")
        await rest(world, DAY)
        _, first = await erase(world, customer)
        assert first["rows"] > 0
        links = await world.tables.query("links")
        await rest(world, MINUTE)
        status, second = await erase(world, customer)
        assert (status, second["rows"], second["items"]) == (200, 0, 0)
        shown = [(row.row, dict(row.cells)) for row in links if row.row != "claim"]
        again = await world.tables.query("links")
        assert [(row.row, dict(row.cells)) for row in again if row.row != "claim"] == shown
        entries = (await ask(world, "GET", "audit?action=erase")).json()["entries"]
        told = [(entry["who"], entry["objects"], entry["why"]) for entry in entries]
        assert told == [("key (declared: Kim)", [customer], "she asked us to")] * 2

    live(story, ORDERS)


def test_an_erased_customer_that_buys_in_another_company_gets_an_account_without_a_name() -> None:
    async def story(world: World) -> None:
        customer = new_customer(world, **PERSON)
        sell(world, 10_000, "usd", customer)
        await rest(world, DAY)
        await erase(world, customer)
        sell(world, 5_000, "eur", customer, description="Another gift of Ottilia Szalóky")
        await rest(world, 3 * DAY)
        await booked_and_proved(world)
        made = customers(world)[f"{customer} demf"]
        assert made["OrganizationName"] == customer
        assert not made["PrimaryContactEmail"]
        assert not made["AddressStreet"]
        assert await traces(world) == []

    live(story, ORDERS)


def test_a_customer_that_was_erased_before_its_first_sale_is_booked_without_a_name() -> None:
    async def story(world: World) -> None:
        customer = str(world.stripe.request("POST", "/v1/customers", PERSON)["id"])
        assert (await erase(world, customer))[0] in (200, 202)
        await rest(world, HOUR)
        assert (await erase(world, customer))[0] == 200
        sell(world, 10_000, "usd", customer)
        await rest(world, DAY)
        await booked_and_proved(world)
        assert await traces(world) == []

    live(story)


def test_texts_of_parked_items_that_quote_the_person_are_taken_out_and_heal_all_the_same() -> None:
    async def story(world: World) -> None:
        customer = new_customer(world, **PERSON)
        charge = sell(world, 10_000, "usd", customer)
        await rest(world, 3 * DAY)
        (txn,) = transactions_of(world, charge)
        quoted = Outcome(
            Kind.PARK,
            cause="refused",
            text="Dynamics: Ottilia Szalóky, Zöldfa utca 17 is not valid",
            remedy="Mend what the message names, then retry.",
            amount_minor=10_000,
            currency="usd",
        )
        for entity, id in (("customer", customer), ("balance_transaction", txn["id"])):
            item = Item(f"evt_{id}", "", entity, id)
            queue = world.app.registry.named(entity).queue
            await world.app._items().store(queue, [ItemOutcome(item, quoted)])
        assert len([trace for trace in await traces(world) if trace.startswith("events")]) > 4
        status, erased = await erase(world, customer)
        assert status == 200
        assert erased["items"] >= 6  # of each its event, its object, its place in the list
        assert await traces(world) == []
        left = await parked(world)
        assert [(item.cause, item.remedy) for item in left] == [(quoted.cause, quoted.remedy)] * 2
        assert all(customer in item.text.split() for item in left)
        await rest(world, DAY)
        await booked_and_proved(world)

    live(story)


def test_what_people_wrote_about_the_customer_goes_and_what_they_decided_stays() -> None:
    async def story(world: World) -> None:
        customer = new_customer(world, **PERSON)
        await rest(world, HOUR)
        account = customers(world)[f"{customer} usmf"]["CustomerAccount"]
        body = {"company": "usmf", "account": account, "who": "Lee", "why": "Ottilia called us"}
        answer = await ask(world, "POST", f"customers/{customer}/accept", encoded(body))
        assert answer.status_code == 202
        await rest(world, HOUR)
        await erase(world, customer)
        rows = await world.tables.query("links", partition=customer, prefix="chosen~")
        assert [(row.cells["account"], row.cells["why"]) for row in rows] == [(account, "(erased)")]
        assert [row.cells["who"] for row in rows] == ["key (declared: Lee)"]
        accepted = (await ask(world, "GET", "audit?action=accept")).json()["entries"]
        told = [(entry["who"], entry["objects"], entry["why"]) for entry in accepted]
        assert told == [("key (declared: Lee)", [customer], "(erased)")]
        assert await traces(world) == []

    live(story)


def test_reasons_about_what_is_the_customers_go_and_those_of_others_and_of_vouchers_stay() -> None:
    async def story(world: World) -> None:
        customer, other = new_customer(world, **PERSON), new_customer(world)
        charge, others = sell(world, 10_000, "usd", customer), sell(world, 900, "usd", other)
        refund = give_back(world, charge, 1_000)
        await rest(world, DAY)
        (txn, _) = transactions_of(world, charge) + transactions_of(world, refund)
        parked_ids = {"charge": charge, "refund": refund, "balance_transaction": txn["id"]}
        outcome = Outcome(Kind.PARK, cause="refused", text="no", remedy="Look.")
        for entity, id in (*parked_ids.items(), ("charge", others)):
            item = Item(f"evt_{id}", "", entity, id)
            queue = world.app.registry.named(entity).queue
            await world.app._items().store(queue, [ItemOutcome(item, outcome)])
        for id in (*parked_ids.values(), others):
            body = {"ids": [id], "who": "Lee", "reason": f"about {id}", "not_to_book": True}
            answer = await ask(world, "POST", "inbox/resolve", encoded(body))
            assert answer.json()["resolved"] == 1
            await world.clock.sleep(1)
        assert (await erase(world, customer))[0] == 200

        entries = (await ask(world, "GET", "audit?action=resolve")).json()["entries"]
        assert {entry["objects"][0]: entry["why"] for entry in entries} == {
            charge: "(erased)",
            refund: "(erased)",
            txn["id"]: f"about {txn['id']}",
            others: f"about {others}",
        }
        rows = await world.tables.query("links")
        reasons = {
            (row.partition, row.row.partition("~")[0]): row.cells["why"]
            for row in rows
            if row.row.startswith("resol")
        }
        assert {id for (id, _), why in reasons.items() if why == "(erased)"} == {charge, refund}
        assert reasons[txn["id"], "resolved"] == f"about {txn['id']}"

    live(story)


@pytest.mark.parametrize(
    ("customer", "changes", "status", "code"),
    [
        ("cus_nobody", {}, 409, "erase_refused"),
        ("..%2F..", {}, 409, "erase_refused"),
        ("a%20b", {}, 409, "erase_refused"),
        ("cus_nobody", {"who": " "}, 409, "erase_refused"),
        ("cus_nobody", {"why": " "}, 409, "erase_refused"),
        ("cus_nobody", {"why": 7}, 400, "malformed"),
        ("cus_nobody", {"who": None}, 400, "malformed"),
    ],
)
def test_what_cannot_be_erased_is_refused_and_leaves_nothing(
    customer: str, changes: dict[str, object], status: int, code: str
) -> None:
    async def story(world: World) -> None:
        answered, body = await erase(world, customer, **changes)
        assert (answered, body["code"]) == (status, code)
        assert await world.tables.query("links") == []
        assert await world.tables.query("audit") == []

    live(story)


def test_a_customer_that_somebody_works_on_is_left_for_another_call() -> None:
    async def story(world: World) -> None:
        customer = new_customer(world, **PERSON)
        await rest(world, HOUR)
        held = await world.app._links().claim(customer, "somebody")
        status, erased = await erase(world, customer)
        assert (status, erased["is_complete"], erased["busy"]) == (202, False, [customer])
        assert await traces(world)
        await world.app._links().release(held)
        assert (await erase(world, customer))[0] == 200
        assert await traces(world) == []

    live(story)


def test_the_account_of_an_erased_customer_is_never_changed_whatever_happens_to_it() -> None:
    """Somebody redacts it in Dynamics, the mapping changes, Stripe deletes the customer."""
    mapping = (
        "kind: mapping\nname: people\nextends: customer\n"
        "fields: {OrganizationName: {value: Somebody}}\n"
    )

    async def story(world: World) -> None:
        customer = new_customer(world, **PERSON)
        charge = sell(world, 10_000, "usd", customer)
        await rest(world, DAY)
        assert (await erase(world, customer))[0] == 200
        (record,) = customers(world).values()
        keys = f"dataAreaId='usmf',CustomerAccount='{record['CustomerAccount']}'"
        path = f"CustomersV3({keys})?cross-company=true"
        await edit(world, "PATCH", path, OrganizationName="Redacted", PrimaryContactEmail="")
        redacted = customers(world)

        await publish(world, mapping)
        changes = {"name": "Ottilia Szalóky-Nagy"}
        world.stripe.request("POST", f"/v1/customers/{customer}", changes)
        await rest(world, 3 * DAY)  # the nightly audit as well
        assert customers(world) == redacted
        world.stripe.request("DELETE", f"/v1/customers/{customer}")
        give_back(world, charge, 2_500)
        await rest(world, 3 * DAY)
        assert customers(world) == redacted
        await booked_and_proved(world)
        assert await traces(world) == []

    live(story)


def test_a_customer_that_stripe_has_deleted_is_erased_all_the_same() -> None:
    async def story(world: World) -> None:
        customer = new_customer(world, **PERSON)
        sell(world, 10_000, "eur", customer, description="For Ottilia Szalóky")
        await rest(world, DAY)
        world.stripe.request("DELETE", f"/v1/customers/{customer}")
        await rest(world, DAY)
        assert await traces(world)
        status, erased = await erase(world, customer)
        assert (status, erased["charges"]) == (200, 1)
        assert await traces(world) == []

    live(story, ORDERS)

"""Customers that Dynamics has already: linked, put before a person, or created all the same."""

import json
from datetime import timedelta
from typing import Any

from local.books import CUSTOMER_ID_PROPERTY
from local.world import Options, World
from shared.ports import Write, Written
from tests.world import (
    HOUR,
    Json,
    account_of,
    ask,
    booked_and_proved,
    customers,
    encoded,
    lines,
    live,
    new_customer,
    parked,
    rest,
    sell,
    stripe_object,
    transactions_of,
)

WRITE_BACK = "kind: policy\nname: mine\ncustomers: {write_back: true}\n"
NOTE = "dynamics_customer_account"


async def existing(world: World, company: str = "usmf", **fields: Any) -> str:
    """An account that people made in Dynamics before; returns its number."""
    body = {"OrganizationName": "Engines Ltd", "CustomerGroupId": "80", "SalesCurrencyCode": "USD"}
    write = Write("POST", "CustomersV3", company, {**body, **fields})
    until = world.clock.now() + timedelta(hours=1)
    (made,) = await world.app.dynamics.apply([write], until)
    assert isinstance(made, Written), made
    return str(made.fields["CustomerAccount"])


def account_row(world: World, account: str) -> Json:
    rows = world.dynamics.records("CustomersV3", "usmf")
    return next(row for row in rows if row["CustomerAccount"] == account)


async def evidence(world: World) -> Json:
    """Of the first parked item that has some."""
    items = (await ask(world, "GET", "inbox")).json()["items"]
    found: Json = next(item["evidence"] for item in items if item["evidence"])
    return found


async def accept(world: World, customer: str, **body: object) -> tuple[int, Json]:
    given = {"company": "usmf", "who": "Kim", "why": "asked them", **body}
    answer = await ask(world, "POST", f"customers/{customer}/accept", encoded(given))
    return answer.status_code, answer.json()


def test_the_one_account_with_the_email_is_linked_and_only_its_stripe_id_written() -> None:
    async def story(world: World) -> None:
        account = await existing(world, PrimaryContactEmail="ADA@example.com")
        before = account_row(world, account)
        ada = new_customer(world, email="ada@example.com", name="Ada Ács")
        charge = sell(world, customer=ada)
        await rest(world)
        after = account_row(world, account)
        assert after == before | {CUSTOMER_ID_PROPERTY: ada}
        assert list(customers(world)) == [f"{ada} usmf"]
        (txn,) = transactions_of(world, charge)
        assert lines(world)[f"{txn['id']}:gross"].account == f"Cust {account}"
        world.stripe.request("POST", f"/v1/customers/{ada}", {"name": "Ada Byron"})
        await rest(world)
        assert account_row(world, account) == after
        await booked_and_proved(world)

    live(story)


def test_the_tax_id_comes_before_the_email() -> None:
    async def story(world: World) -> None:
        by_email = await existing(world, PrimaryContactEmail="ada@example.com")
        by_tax = await existing(world, TaxExemptNumber="DE123456789")
        tax = {"tax_id_data": [{"type": "eu_vat", "value": "DE123456789"}]}
        ada = new_customer(world, **tax)
        await rest(world)
        assert account_row(world, by_tax)[CUSTOMER_ID_PROPERTY] == ada
        assert account_row(world, by_email)[CUSTOMER_ID_PROPERTY] == ""
        await booked_and_proved(world)

    live(story)


def test_several_accounts_are_put_before_a_person_whose_choice_is_linked() -> None:
    async def story(world: World) -> None:
        one = await existing(world, PrimaryContactEmail="ada@example.com")
        two = await existing(world, PrimaryContactEmail="ada@example.com")
        ada = new_customer(world, email="ada@example.com")
        charge = sell(world, customer=ada)
        await rest(world)
        found = await parked(world)
        assert {item.cause for item in found} == {"several_customers"}
        assert "example.com" not in json.dumps([item.text for item in found])
        shown = await evidence(world)
        assert shown["customer"] == ada
        assert [each.get("account") for each in shown["suggestions"]] == [one, two, None]
        assert {each.get("matched") for each in shown["suggestions"]} == {"email", None}
        assert "example.com" not in json.dumps(shown)
        assert await accept(world, ada, account=two.lower()) == (202, {"sent": len(found)})
        await rest(world)
        assert account_row(world, two)[CUSTOMER_ID_PROPERTY] == ada
        assert account_row(world, one)[CUSTOMER_ID_PROPERTY] == ""
        (txn,) = transactions_of(world, charge)
        assert lines(world)[f"{txn['id']}:gross"].account == f"Cust {two}"
        rows = await world.tables.query("links", partition=ada, prefix="chosen~")
        decided = [(row.cells["who"], row.cells["account"]) for row in rows]
        assert decided == [("key (declared: Kim)", two)]
        await booked_and_proved(world)

    live(story)


def test_a_person_may_say_that_it_is_a_new_one() -> None:
    async def story(world: World) -> None:
        one = await existing(world, PrimaryContactEmail="ada@example.com")
        two = await existing(world, PrimaryContactEmail="ada@example.com")
        ada = new_customer(world, email="ada@example.com")
        await rest(world)
        assert (await accept(world, ada, new=True))[0] == 202
        await rest(world)
        assert list(customers(world)) == [f"{ada} usmf"]
        assert customers(world)[f"{ada} usmf"]["CustomerAccount"] not in (one, two)
        world.stripe.request("POST", f"/v1/customers/{ada}", {"name": "Ada Byron"})
        await rest(world)
        assert customers(world)[f"{ada} usmf"]["OrganizationName"] == "Ada Byron"
        await booked_and_proved(world)

    live(story)


def test_customers_who_share_an_address_have_accounts_of_their_own() -> None:
    async def story(world: World) -> None:
        ada = new_customer(world, email="ada@example.com")
        await rest(world)
        twin = new_customer(world, email="ada@example.com")
        await rest(world)
        assert list(customers(world)) == [f"{ada} usmf", f"{twin} usmf"]
        await booked_and_proved(world)

    live(story)


def test_an_account_of_another_stripe_customer_is_not_linked_in_silence() -> None:
    async def story(world: World) -> None:
        ada = new_customer(world, email="ada@example.com")
        await rest(world)
        taken = account_of(world, ada).removeprefix("Cust ")
        two = [await existing(world, PrimaryContactEmail="eve@example.com") for _ in range(2)]
        twin = new_customer(world, email="eve@example.com")
        charge = sell(world, customer=twin)
        await rest(world)
        assert {item.cause for item in await parked(world)} == {"several_customers"}
        found = [each.get("account") for each in (await evidence(world))["suggestions"]]
        assert found == [*sorted(two), None]
        status, answer = await accept(world, twin, account=taken)
        assert (status, answer["code"]) == (409, "choice_refused")
        assert ada in answer["message"]
        assert (await accept(world, twin, account=taken, shared=True))[0] == 202
        await rest(world)
        assert list(customers(world)) == [f"{ada} usmf"]
        (txn,) = transactions_of(world, charge)
        assert lines(world)[f"{txn['id']}:gross"].account == account_of(world, ada)
        await booked_and_proved(world)

    live(story)


def test_two_customers_who_find_one_account_at_once_do_not_share_it() -> None:
    async def story(world: World) -> None:
        account = await existing(world, PrimaryContactEmail="ada@example.com")
        twins = [new_customer(world, email="ada@example.com") for _ in range(2)]
        await rest(world, HOUR)
        owner = account_row(world, account)[CUSTOMER_ID_PROPERTY]
        assert owner in twins
        assert sorted(customers(world)) == sorted(f"{twin} usmf" for twin in twins)
        await booked_and_proved(world)

    live(story)


def test_an_account_that_was_merged_is_decided_again_and_its_money_goes_on() -> None:
    async def story(world: World) -> None:
        ada = new_customer(world, email="ada@example.com")
        await rest(world)
        old = account_of(world, ada).removeprefix("Cust ")
        winner = await existing(world, PrimaryContactEmail="other@example.com")
        world.dynamics.merge_customers("usmf", old, winner)
        charge = sell(world, customer=ada)
        await rest(world)
        assert [item.cause for item in await parked(world)] == ["customer_merged"]
        assert (await accept(world, ada, account=winner))[0] == 202
        await rest(world)
        (txn,) = transactions_of(world, charge)
        assert lines(world)[f"{txn['id']}:gross"].account == f"Cust {winner}"
        assert account_row(world, winner)[CUSTOMER_ID_PROPERTY] == ada
        await booked_and_proved(world)

    live(story)


def test_a_customer_merged_into_another_of_ours_shares_its_account() -> None:
    async def story(world: World) -> None:
        ada, twin = new_customer(world), new_customer(world, email="twin@example.com")
        await rest(world)
        accounts = [account_of(world, each).removeprefix("Cust ") for each in (ada, twin)]
        world.dynamics.merge_customers("usmf", *accounts)
        world.stripe.request("POST", f"/v1/customers/{ada}", {"name": "Ada Byron"})
        await rest(world)
        assert [item.cause for item in await parked(world)] == ["customer_merged"]
        assert (await accept(world, ada, account=accounts[1], shared=True))[0] == 202
        charge = sell(world, customer=ada)
        await rest(world)
        (txn,) = transactions_of(world, charge)
        assert lines(world)[f"{txn['id']}:gross"].account == f"Cust {accounts[1]}"
        assert account_row(world, accounts[1])[CUSTOMER_ID_PROPERTY] == twin
        await booked_and_proved(world)

    live(story)


def test_money_of_a_customer_on_hold_is_parked_with_the_hold_and_heals() -> None:
    async def story(world: World) -> None:
        ada = new_customer(world)
        await rest(world)
        account = account_of(world, ada).removeprefix("Cust ")
        world.dynamics.block_customer("usmf", account, "Payment")
        sell(world, customer=ada)
        await rest(world)
        (item,) = await parked(world)
        assert item.cause == "customer_blocked"
        assert "(Payment)" in item.text
        world.dynamics.block_customer("usmf", account, "No")
        await rest(world, 2 * HOUR)
        await booked_and_proved(world)

    live(story)


def test_a_decision_that_makes_no_sense_is_refused_with_a_reason() -> None:
    async def story(world: World) -> None:
        ada = new_customer(world)
        await rest(world)
        for body, status in (
            ({}, 400),
            ({"account": "US-1", "new": True}, 400),
            ({"account": 7}, 400),
            ({"new": 1.5}, 400),
            ({"new": True, "who": None}, 400),
            ({"new": True, "company": "xxxx"}, 409),
            ({"new": True, "who": " "}, 409),
            ({"account": "NOBODY"}, 409),
            ({"account": "U*"}, 409),
            ({"account": "x" * 21}, 409),
        ):
            assert (await accept(world, ada, **body))[0] == status, body
        assert (await accept(world, "cus*1", new=True))[0] == 409
        assert await world.tables.query("links", partition=ada, prefix="choice~") == []

    live(story)


# --- both ids on both sides -----------------------------------------------------------------


def test_the_account_is_written_to_stripe_once_and_its_event_comes_to_rest() -> None:
    async def story(world: World) -> None:
        ada = new_customer(world)
        sell(world, 5_000, "eur", customer=ada)
        await rest(world)
        found = stripe_object(world, "customer", ada)["metadata"]
        assert f"Cust {found[NOTE]}" == account_of(world, ada)
        assert f"Cust {found[f'{NOTE}_demf']}" == account_of(world, ada, "demf")
        events = [each["type"] for each in world.stripe.objects("event")]
        assert events.count("customer.updated") <= 2
        requests = dict(world.dynamics.requests)
        await rest(world)
        assert dict(world.dynamics.requests) == requests
        await booked_and_proved(world)

    live(story, Options(documents=(WRITE_BACK,)))

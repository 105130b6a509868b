"""The inbox in a whole world: park, list, retry, resolve, heal."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from local.publishing import embedded
from local.stripe import PeerSettings
from local.world import Options, World
from shared.ports import Symbol, Value, Write, Written
from shared.stores.items import home
from tests.world import (
    DAY,
    HOUR,
    ask,
    give_back,
    lines,
    live,
    new_customer,
    parked,
    rest,
    sell,
    stripe_object,
    transactions_of,
)

CLOSED = "STRGONE"


def _options() -> Options:
    """A world whose settings name a journal that Dynamics does not have."""
    from local import books

    found = books.settings(stripe_url="", dynamics_url="http://127.0.0.1:7365")
    value = found.books.model_dump(mode="json")
    value["companies"]["usmf"]["journals"]["customer_payment"] = CLOSED
    return replace(Options(), settings={"books": value})


async def _post(world: World, route: str, **body: object) -> tuple[int, dict[str, Any]]:
    answer = await ask(world, "POST", route, json.dumps(body).encode())
    return answer.status_code, answer.json()


def _mend(world: World) -> None:
    """Somebody creates the missing journal name in Dynamics."""
    store = world.dynamics._store
    journal = next(
        r for r in world.dynamics.records("JournalNames", "usmf") if r["Name"] == "STRPAY"
    )
    store.insert(store.schema.set_of("JournalNames"), {**journal, "Name": CLOSED})


async def _park(world: World) -> None:
    for _ in range(3):
        sell(world, 5_000, "usd", new_customer(world))
    await rest(world, 2 * HOUR)


def test_the_inbox_lists_groups_and_retries() -> None:
    async def story(world: World) -> None:
        await _park(world)
        found = (await ask(world, "GET", "inbox")).json()
        assert len(found["items"]) == 3
        assert {item["cause"] for item in found["items"]} == {"refused"}
        assert all(item["at_stake_minor"] == 5_000 for item in found["items"])
        [group] = found["groups"]
        assert (group["cause"], group["count"]) == ("refused", 3)
        assert group["remedy"]
        assert not (await ask(world, "GET", "inbox?cause=other")).json()["items"]
        _mend(world)
        ids = [item["id"] for item in found["items"]]
        assert await _post(world, "inbox/retry", ids=ids[:1]) == (202, {"sent": 1})
        await rest(world)
        assert len(await parked(world)) == 2
        assert await _post(world, "inbox/retry", cause="refused") == (202, {"sent": 2})
        await rest(world)
        assert not await parked(world)
        assert len(lines(world)) == 6

    live(story, _options())


def test_parked_items_heal_when_their_cause_goes_away() -> None:
    async def story(world: World) -> None:
        await _park(world)
        assert len(await parked(world)) == 3
        _mend(world)
        await rest(world, 3 * HOUR)
        assert not await parked(world)
        assert len(lines(world)) == 6

    live(story, _options())


def test_what_can_heal_heals_behind_what_cannot() -> None:
    async def story(world: World) -> None:
        store = world.dynamics._store
        currencies = store.schema.set_of("Currencies")
        gone = {}
        for name in ("EUR", "JPY"):
            row = store.find("Currencies", name)
            assert row is not None
            gone[name] = dict(row.fields)
            store.delete(currencies, row)
        for _ in range(12):
            sell(world, 5_000, "eur")
        charge = sell(world, 5_000, "jpy")
        await rest(world, 2 * HOUR)
        assert {item.cause for item in await parked(world)} == {"refused"}
        store.insert(currencies, gone["JPY"])  # and nobody creates EUR
        await rest(world, 5 * HOUR)
        [txn] = transactions_of(world, charge)
        assert f"{txn['id']}:gross" in lines(world)
        left = {item.object for item in await parked(world)}
        assert len(left) == 12
        assert txn["id"] not in left

    live(story, Options(stripe=PeerSettings(payouts=None)))


def test_a_resolved_item_leaves_the_inbox_and_keeps_its_row() -> None:
    async def story(world: World) -> None:
        await _park(world)
        [first, *rest_] = (await ask(world, "GET", "inbox")).json()["items"]
        assert (await _post(world, "inbox/resolve", ids=[first["id"]]))[0] == 400
        said = {"reason": "booked by hand", "who": "Kim", "not_to_book": True}
        status, body = await _post(world, "inbox/resolve", ids=[first["id"]], **said)
        assert (status, body) == (200, {"resolved": 1, "refused": []})
        left = (await ask(world, "GET", "inbox")).json()["items"]
        assert [item["id"] for item in left] == [item["id"] for item in rest_]
        row = await world.tables.get(
            "events", home(first["queue"], first["object"]), f"object~{first['id']}"
        )
        assert row is not None
        assert row.cells["status"] == "resolved"
        assert "Kim" in str(row.cells["text"])
        assert (await world.get("status"))["parked"] == 2

    live(story, _options())


def test_a_body_that_names_nothing_is_refused() -> None:
    async def story(world: World) -> None:
        for body in (b"", b"[]", b"{}", b'{"ids": []}', b'{"ids": [1]}', b'{"cause": 1}'):
            answer = await ask(world, "POST", "inbox/retry", body)
            assert (answer.status_code, answer.json()["code"]) == (400, "malformed")

    live(story)


def test_one_parked_charge_is_one_item_with_its_events() -> None:
    async def story(world: World) -> None:
        shop = {"items": "no list of lines"}
        charge = sell(world, 5_000, "eur", new_customer(world), metadata=shop)
        await rest(world)
        for _ in range(2):
            give_back(world, charge, 1_000)  # each tells the charge to be looked at again
            await rest(world)
        [found] = [each for each in await _listed(world) if each["object"] == charge]
        assert (found["id"], found["entity"]) == (charge, "charge")
        assert found["event_count"] >= 3
        assert "charge.succeeded" in [event["type"] for event in found["events"]]
        items = await _listed(world)
        assert (await world.get("status"))["parked"] == len(items)
        assert len({(item["entity"], item["object"]) for item in items}) == len(items)
        event = found["events"][0]["id"]
        assert await _post(world, "inbox/retry", ids=[event]) == (202, {"sent": 1})

    live(story, replace(Options(), documents=embedded()))


VOUCHER = {"company": "usmf", "voucher": "GJ-00123", "currency": "usd", "amount_minor": 5_000}
SAID = {"reason": "posted by the bank desk", "who": "Kim"}


def test_what_was_booked_by_hand_is_not_booked_again() -> None:
    async def story(world: World) -> None:
        await _park(world)
        [first, *rest_] = await _listed(world)
        status, _ = await _post(
            world, "inbox/resolve", ids=[first["id"]], **SAID, **VOUCHER, not_to_book=False
        )
        assert status == 200
        _mend(world)
        await rest(world, 10 * DAY)  # the queue has forgotten which messages it saw
        assert len([key for key in lines(world) if key.endswith(":gross")]) >= len(rest_)
        charge = stripe_object(world, "balance_transaction", first["object"])["source"]
        refund = give_back(world, charge)
        assert (await ask(world, "POST", "backfill", b'{"days": 60}')).status_code == 202
        await rest(world, DAY)
        assert not lines(world, first["object"])
        [money] = transactions_of(world, refund)
        assert len(lines(world, money["id"])) == 1
        [kept] = (await ask(world, "GET", "inbox?status=resolved")).json()["items"]
        assert (kept["id"], kept["status"]) == (first["id"], "resolved")
        assert "Kim" in kept["text"]
        assert "GJ-00123" in kept["text"]
        proof = (await world.get("proof"))["currencies"]["usd"]
        [accepted] = proof["differences"]
        assert (accepted["kind"], accepted["id"]) == ("accepted", first["object"])
        assert accepted["accepted"]["voucher"] == "GJ-00123"
        assert (proof["gap_minor"], proof["unexplained_minor"]) == (accepted["amount_minor"], 0)

    live(story, _options())


def test_a_voucher_that_a_person_posts_closes_the_gap() -> None:
    async def story(world: World) -> None:
        await _park(world)
        [first, *_] = await _listed(world)
        net = stripe_object(world, "balance_transaction", first["object"])["net"]
        voucher = await _book_by_hand(world, Decimal(net) / 100)
        _mend(world)
        given = {**SAID, **VOUCHER, "voucher": voucher}
        assert (await _post(world, "inbox/resolve", ids=[first["id"]], **given))[0] == 200
        draft = (await world.get("proof"))["currencies"]["usd"]
        assert first["object"] in [
            each["id"] for each in draft["differences"] if each["kind"] == "accepted"
        ]
        await rest(world, 3 * HOUR)  # the others heal, and the journals are posted
        proof = (await world.get("proof"))["currencies"]["usd"]
        assert (proof["differences"], proof["gap_minor"]) == ([], 0)
        assert proof["by_hand_minor"] == net

    live(story, _options())


async def _book_by_hand(world: World, amount: Decimal) -> str:
    """A person debits clearing in a general journal of their own; returns the voucher."""
    dynamics, late = world.app.dynamics, world.clock.now() + timedelta(minutes=1)
    header = {"JournalName": "STRGL", "Description": "by hand"}
    [made] = await dynamics.apply([Write("POST", "LedgerJournalHeaders", "usmf", header)], late)
    assert isinstance(made, Written)
    fields: dict[str, Value] = {
        "JournalBatchNumber": made.fields["JournalBatchNumber"],
        "AccountType": Symbol("LedgerJournalACType", "Bank"),
        "AccountDisplayValue": "STRIPE-USD",
        "OffsetAccountType": Symbol("LedgerJournalACType", "Ledger"),
        "OffsetAccountDisplayValue": "199900",
        "CurrencyCode": "USD",
        "DebitAmount": amount,
        "TransDate": world.clock.now().date(),
        "Text": "by hand",
    }
    [line] = await dynamics.apply([Write("POST", "LedgerJournalLines", "usmf", fields)], late)
    assert isinstance(line, Written), line
    return str(line.fields["Voucher"])


def test_a_resolved_object_is_written_when_a_person_retries_it() -> None:
    async def story(world: World) -> None:
        await _park(world)
        [first, *_] = await _listed(world)
        await _post(world, "inbox/resolve", ids=[first["id"]], **SAID, not_to_book=True)
        _mend(world)
        assert (await _post(world, "inbox/retry", ids=[first["id"]]))[0] == 400  # who?
        asked = await _post(world, "inbox/retry", ids=[first["id"]], who="Lee")
        assert asked == (202, {"sent": 1})
        await rest(world)
        assert len(lines(world, first["object"])) == 2
        assert not (await ask(world, "GET", "inbox?status=resolved")).json()["items"]
        rows = await world.tables.query("links", partition=first["object"], prefix="resol")
        told = [(row.cells["action"], row.cells["who"]) for row in rows]
        by_key = "key (declared: {})".format
        assert told == [("resolved", by_key("Kim")), ("retried", by_key("Lee"))]

    live(story, _options())


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"amount_minor": 4_999}, "is USD 50.00 in Stripe, and USD 49.99 was said"),
        ({"currency": "eur"}, "is USD 50.00 in Stripe, and EUR 50.00 was said"),
        ({"company": "demf"}, "clearing of USD is in usmf"),
    ],
)
def test_a_voucher_that_does_not_fit_is_refused(changes: dict[str, Any], part: str) -> None:
    async def story(world: World) -> None:
        await _park(world)
        [first, *_] = await _listed(world)
        given: dict[str, Any] = {**SAID, **VOUCHER, **changes}
        status, body = await _post(world, "inbox/resolve", ids=[first["id"]], **given)
        assert status == 409
        [refused] = body["refused"]
        assert part in refused["reason"]
        assert len(await _listed(world)) == 3

    live(story, _options())


@pytest.mark.parametrize(
    "body",
    [
        {"amount_minor": "5000"},
        {"amount_minor": 50.0},
        {"amount_minor": True},
        {"not_to_book": "yes"},
        {"company": 1},
        {"voucher": None},
        {"who": ["Kim"]},
    ],
)
def test_a_resolution_of_the_wrong_kinds_is_refused(body: dict[str, Any]) -> None:
    async def story(world: World) -> None:
        given: dict[str, Any] = {"ids": ["txn_1"], **SAID, **VOUCHER, **body}
        status, found = await _post(world, "inbox/resolve", **given)
        assert (status, found["code"]) == (400, "malformed")
        assert (await ask(world, "GET", "inbox?status=odd")).status_code == 400

    live(story)


async def _listed(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await ask(world, "GET", "inbox")).json()["items"]
    return found

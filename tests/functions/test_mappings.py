"""Mappings in a whole world: submit, preview, publish, use, undo, and an active set that breaks."""

import json
from dataclasses import replace
from typing import Any

import pytest

from functions.bodies import BODY_BYTES_MAX
from local.world import Options, World
from shared import bootstrap
from shared.packaged import packaged_vocabulary
from shared.services.publishing.mapping_names import CODES
from shared.stores.mapping_store import PRODUCT_ALONE, MappingStore
from shared.stores.mappings import MAPPING_FRESH_SECONDS, Mappings
from tests.unit.services.publishing import USES, product_with
from tests.world import (
    GENERAL,
    HOUR,
    RECEIPTS,
    Json,
    ask,
    booked_and_proved,
    encoded,
    live,
    new_customer,
    parked,
    rest,
    sell,
)

METHODS = """
kind: mapping
name: receipts
extends: customer_payment_line
fields:
  PaymentSpecification:
    from: payment_method.brand
    do: [{lookup: {table: brands, miss: OTHER}}]
"""
BRANDS = "kind: table\nname: brands\nrows: {visa: CARD, amex: WALLET}\n"


async def get(world: World, route: str, status: int = 200) -> Json:
    answer = await ask(world, "GET", route)
    assert answer.status_code == status, answer.text
    found: Json = answer.json()
    return found


async def post(world: World, route: str, status: int = 200, **body: object) -> Json:
    answer = await ask(world, "POST", route, encoded(body))
    assert answer.status_code == status, answer.text
    found: Json = answer.json()
    return found


async def submit(world: World, *documents: str) -> str:
    named = [{"name": f"file{n}", "text": text} for n, text in enumerate(documents)]
    found = await post(world, "mappings", 201, who="Ada", documents=named)
    return str(found["set"])


async def publish(world: World, *documents: str) -> str:
    """Submit, preview, publish, and wait until it is used."""
    name = await submit(world, *documents)
    await post(world, "mappings/preview", set=name, who="Ada")
    await post(world, "mappings/publish", set=name, who="Ada", why="because")
    await world.clock.sleep(MAPPING_FRESH_SECONDS)
    return name


def methods(world: World) -> dict[str, str]:
    """The brand as each receipt line renders it, by its transaction."""
    rows = world.dynamics.records(RECEIPTS)
    return {str(row["PaymentId"]).partition(":")[0]: row["PaymentSpecification"] for row in rows}


async def sold(world: World, card: str = "pm_card_visa") -> str:
    """A sale that is booked; returns its transaction."""
    before = methods(world)
    sell(world, 5_000, "usd", new_customer(world), card)
    await rest(world, HOUR)
    (new,) = [txn for txn in methods(world) if txn not in before]
    return new


def test_what_is_published_spells_what_comes_next_and_nothing_that_was_written() -> None:
    async def story(world: World) -> None:
        first = await sold(world)
        name = await publish(world, METHODS, BRANDS)
        second = await sold(world)
        third = await sold(world, "pm_card_mastercard")
        assert methods(world) == {first: "", second: "CARD", third: "OTHER"}
        found = await get(world, "mappings")
        assert (found["set"], found["problem"]) == (name, "")
        version = await world.app.mappings.active()
        assert found["version"] == version.sha256
        assert (await get(world, f"mappings/show?set={version.sha256}"))["set"] == name
        change = await post(world, "mappings/rollback", who="Ada", why="because")
        assert (change["set"], change["number"]) == (PRODUCT_ALONE, 2)
        await world.clock.sleep(MAPPING_FRESH_SECONDS)
        fourth = await sold(world)
        assert methods(world)[fourth] == ""
        await booked_and_proved(world)

    live(story)


def test_editing_a_table_previews_exactly_the_records_that_would_change() -> None:
    async def story(world: World) -> None:
        await publish(world, METHODS, BRANDS)
        visa = await sold(world)
        posted = await sold(world, "pm_card_amex")
        world.dynamics.post_journals()
        await rest(world, 5 * HOUR)  # the audit sees it
        draft = await sold(world, "pm_card_amex")
        name = await submit(world, METHODS, BRANDS.replace("WALLET", "ACH"))
        found = await post(world, "mappings/preview", set=name, who="Ada", limit=100)
        groups = found["groups"]
        listed = {
            kind: [
                (each["object"], each["role"], each["fields"]) for each in groups[kind]["listed"]
            ]
            for kind in groups
        }
        change = {"field": "PaymentSpecification", "before": "WALLET", "after": "ACH"}
        assert listed == {
            "future": [],
            "drafts": [(draft, "gross", [change])],
            "posted": [(posted, "gross", [change])],
        }
        assert found["counts"]["changed"] == 2
        assert visa in methods(world)
        assert found["counts"]["rejected"] == 0
        assert groups["future"]["unchanged"] == 3  # the customers
        assert groups["posted"]["unchanged"] >= 2
        assert methods(world)[draft] == "WALLET"

    live(story)


def test_a_preview_shows_no_personal_data() -> None:
    async def story(world: World) -> None:
        await sold(world)
        rule = "kind: mapping\nname: ours\nextends: customer\n"
        name = await submit(
            world, f"{rule}fields: {{OrganizationName: {{from: name, do: [upper]}}}}\n"
        )
        answer = await ask(world, "POST", "mappings/preview", encoded({"set": name, "who": "Bob"}))
        assert answer.json()["groups"]["future"]["changed"] == 1
        assert "ada" not in answer.text.lower().replace("tieout", "")

    live(story)


def test_unpreviewed_stale_and_invalid_candidates_are_refused_with_a_reason() -> None:
    async def story(world: World) -> None:
        name, other = await submit(world, METHODS, BRANDS), await submit(world, BRANDS)
        found = await post(world, "mappings/publish", 422, set=name, who="Ada", why="because")
        assert found["code"] == "not_previewed"
        await post(world, "mappings/preview", set=name, who="Ada")
        await post(world, "mappings/preview", set=other, who="Ada")
        await post(world, "mappings/publish", set=other, who="Ada", why="because")
        found = await post(world, "mappings/publish", 409, set=name, who="Ada", why="because")
        assert found["code"] == "stale"
        documents = [{"name": "ours.yaml", "text": METHODS}]
        found = await post(world, "mappings", 422, who="Ada", documents=documents)
        assert found["code"] == "invalid"
        assert found["problems"] == [
            {
                "document": "receipts",
                "reason": "no table 'brands'",
                "field": "fields.PaymentSpecification",
                "path": "payment_method.brand",
            }
        ]
        found = await get(world, "mappings/history?limit=5")
        assert [(each["set"], each["action"]) for each in found["changes"]] == [(other, "publish")]
        found = await get(world, f"mappings/diff?before={name}&after={other[:8]}")
        assert [(each["title"], each["kind"]) for each in found["documents"]] == [
            ("mapping receipts", "removed")
        ]

    live(story)


def test_a_set_that_breaks_under_a_new_product_waits_and_parks_and_is_healed_by_a_rollback() -> (
    None
):
    async def story(world: World) -> None:
        await publish(world, USES)
        product = product_with("line_text", "line_words")
        broken = Mappings(MappingStore(world.tables), world.clock, lambda: product)
        world.host.context.run(bootstrap.use, replace(world.app, mappings=broken))
        ready = await get(world, "ready", 503)
        (problem,) = [each for each in ready["checks"] if each["problem"]]
        assert problem["name"] == "mapping"
        assert "no rule 'line_text'" in problem["problem"]
        sell(world, 5_000, "usd", new_customer(world))
        await world.clock.sleep(60)
        assert world.dynamics.records(RECEIPTS) == []
        assert await parked(world) == []
        await rest(world, 6 * HOUR)
        assert {item.cause for item in await parked(world)} == {"mapping_unusable"}
        await post(world, "mappings/rollback", who="Ada", why="because")
        await rest(world, 4 * HOUR)
        assert len(world.dynamics.records(RECEIPTS)) == 1
        assert len(world.dynamics.records(GENERAL)) == 1
        await booked_and_proved(world)
        assert (await get(world, "ready"))["status"] == "ready"

    live(story, Options(settings={"attempts_max": 6}))


CUSTOM = (
    "kind: mapping\nname: ours\nextends: customer\n"
    "custom: {WebShop_Custom: {type: String, size: 20}}\n"
    "fields: {WebShop_Custom: {value: SHOP-1}}\n"
)


def test_a_field_that_dynamics_does_not_have_is_not_published() -> None:
    async def story(world: World) -> None:
        name = await submit(world, CUSTOM)
        await post(world, "mappings/preview", set=name, who="Ada")
        refused = await post(world, "mappings/publish", 422, set=name, who="Ada", why="because")
        assert refused["code"] == "invalid"
        (problem,) = refused["problems"]
        assert (problem["document"], problem["field"]) == ("ours", "fields.WebShop_Custom")
        assert "CustomersV3 in Dynamics has no field WebShop_Custom" in problem["reason"]
        assert "Could not find a property named 'WebShop_Custom'" in problem["reason"]
        assert (await get(world, "mappings"))["set"] == PRODUCT_ALONE
        new_customer(world)
        await rest(world)
        assert await parked(world) == []

    live(story)


def test_dynamics_has_every_field_that_the_product_sends() -> None:
    templates = packaged_vocabulary().catalogue
    mappings = [f"kind: mapping\nname: m{n}\nextends: {each}" for n, each in enumerate(templates)]

    async def story(world: World) -> None:
        before = world.dynamics.requests.get("get", 0)
        await publish(world, *mappings)
        compiled = await world.app.mappings.active()
        sets = {each.entity_set for each in compiled.templates.values()}
        asked = world.dynamics.requests["get"] - before
        assert asked == len(sets)

    live(story)


ROUTES = ("mappings", "mappings/preview", "mappings/publish", "mappings/rollback")
BODIES: tuple[bytes, ...] = (
    *(b"", b"[]", b"{}", b"null", b"{", b"\xff", b'{"who": 1}', b'{"who": "Ada", "set": []}'),
    *(b"[" * 100_000, b'{"a": ' * 50_000, b'{"who": ' + b"9" * 5_000 + b"}", b"x" * 10_000),
    b'{"who": "Ada", "why": "x", "set": "%s", "to": "%s"}' % (b"../" * 20, b"../" * 20),
    b'{"who": "Ada", "why": "x", "set": "abc", "documents": [[]], "to": 5}',
    b'{"who": "Ada", "documents": [{"name": "x"}], "set": "\\ud800", "to": "\\ud800", "why": "x"}',
    b'{"who": "", "documents": [], "set": "active", "why": "", "to": "active"}',
)


def test_a_body_that_no_route_takes_is_malformed() -> None:
    async def story(world: World) -> None:
        for route in ROUTES:
            for body in (*BODIES, b" " * (BODY_BYTES_MAX + 1)):
                answer = await ask(world, "POST", route, body)
                assert answer.status_code == 400, (route, body[:60], answer.text)
                assert answer.json()["code"] == "malformed"

    live(story)


@pytest.mark.parametrize(
    ("route", "status", "code"),
    [
        ("mappings/show", 400, "malformed"),
        ("mappings/show?set=", 400, "malformed"),
        ("mappings/show?set=xyz", 400, "malformed"),
        ("mappings/show?set=0123abcd", 404, "unknown"),
        ("mappings/diff?before=active", 400, "malformed"),
        ("mappings/diff?before=active&after=0123abcd", 404, "unknown"),
        ("mappings/history?limit=0", 400, "malformed"),
        ("mappings/history?limit=-1", 400, "malformed"),
        ("mappings/history?limit=1e3", 400, "malformed"),
        ("mappings/history?limit=9999999999", 400, "malformed"),
    ],
)
def test_a_question_that_names_nothing_is_refused(route: str, status: int, code: str) -> None:
    async def story(world: World) -> None:
        assert (await get(world, route, status))["code"] == code

    live(story)


@pytest.mark.parametrize("limit", [0, -1, 10_001, "x", 1.5, True, [], "99999999999"])
def test_a_preview_of_no_sensible_size_is_refused(limit: Any) -> None:
    async def story(world: World) -> None:
        found = await post(world, "mappings/preview", 400, set="active", who="Ada", limit=limit)
        assert found["code"] == "malformed"

    live(story)


def test_hostile_documents_are_refused_by_name() -> None:
    async def story(world: World) -> None:
        texts = ["a: &x [*x]", "[" * 30_000, "a: \x00", "a: NO", "\ud800", "%YAML 9\n---\na: b"]
        trees: list[Any] = [{"a": 1}, {"a": None}, {"a": [[["x", 1.5]]]}, {"a": "x" * 3_000}]
        deep: Any = "x"
        for _ in range(30):
            deep = {"a": deep}
        documents = [
            *({"name": f"text{n}", "text": text} for n, text in enumerate(texts)),
            *({"name": f"tree{n}", "tree": tree} for n, tree in enumerate([*trees, deep])),
        ]
        body = json.dumps({"who": "Eve", "documents": documents}).encode()
        answer = await ask(world, "POST", "mappings", body)
        assert answer.status_code == 422
        named = [each["document"] for each in answer.json()["problems"]]
        assert named == [each["name"] for each in documents]

    live(story)


def test_every_code_has_a_status() -> None:
    from functions.mappings import STATUSES

    assert sorted(STATUSES) == sorted(CODES)

"""Each thing that a person does stands in the audit log, under the name that signed in."""

from typing import Any

import pytest

from functions.access import AppRole
from local.world import Options, World
from shared.stores.audit_log import AuditedAction
from tests.functions.test_access import NAME, SIGNED_IN, principal
from tests.functions.test_mappings import BRANDS, METHODS
from tests.world import Json, ask, customers, encoded, live, new_customer, rest, sell

WHO = principal(AppRole.ADMIN)
DECLARED = "somebody else"
WHY = "asked by the controller"


async def do(world: World, route: str, **body: object) -> Json:
    """A request of who signed in, whose body declares another name."""
    await world.clock.sleep(1)
    answer = await ask(world, "POST", route, encoded({"who": DECLARED, **body}), WHO)
    assert answer.status_code in (200, 201, 202), answer.text
    found: Json = answer.json()
    return found


async def entries(world: World, query: str = "") -> list[Json]:
    """What `GET /api/audit` shows, oldest first."""
    listed: list[Json] = (await ask(world, "GET", f"audit{query}", headers=WHO)).json()["entries"]
    return listed[::-1]


async def parked_ids(world: World) -> list[str]:
    """What the inbox lists."""
    items = (await ask(world, "GET", "inbox", headers=WHO)).json()["items"]
    return [item["id"] for item in items]


def told(entry: Json) -> tuple[Any, ...]:
    return entry["who"], entry["action"], entry["objects"], entry["why"]


def test_retrying_and_resolving_are_on_record_with_the_objects() -> None:
    async def story(world: World) -> None:
        sell(world, 5_000, "gbp")  # no book is set up for it: it parks
        await rest(world)
        ids = await parked_ids(world)
        await do(world, "inbox/retry", ids=ids)
        await rest(world)
        await do(world, "inbox/resolve", ids=ids, reason=WHY, not_to_book=True)
        retried, resolved = await entries(world)
        assert told(retried) == (NAME, AuditedAction.RETRY, ids, "")
        assert told(resolved) == (NAME, AuditedAction.RESOLVE, ids, WHY)

    live(story, SIGNED_IN)


def test_accepting_an_account_and_erasing_are_on_record_with_the_customer() -> None:
    async def story(world: World) -> None:
        customer = new_customer(world)
        await rest(world)
        account = customers(world)[f"{customer} usmf"]["CustomerAccount"]
        await do(world, f"customers/{customer}/accept", company="usmf", account=account, why=WHY)
        (accepted,) = await entries(world)
        assert told(accepted) == (NAME, AuditedAction.ACCEPT, [customer], WHY)
        assert accepted["detail"]["company"] == "usmf"
        await rest(world)
        await do(world, f"customers/{customer}/erase", why=WHY)
        (erased,) = await entries(world, "?action=erase")
        assert told(erased) == (NAME, AuditedAction.ERASE, [customer], WHY)

    live(story, SIGNED_IN)


def test_what_is_done_to_mappings_is_on_record_with_the_set() -> None:
    async def story(world: World) -> None:
        documents = [{"name": "a", "text": METHODS}, {"name": "b", "text": BRANDS}]
        name = (await do(world, "mappings", documents=documents))["set"]
        await do(world, "mappings/preview", set=name)
        await do(world, "mappings/publish", set=name, why=WHY)
        await do(world, "mappings/reapply", why=WHY)
        product = (await do(world, "mappings/rollback", why=WHY))["set"]
        listed = await entries(world)
        assert [(entry["who"], entry["action"], entry["why"]) for entry in listed] == [
            (NAME, AuditedAction.SUBMIT, ""),
            (NAME, AuditedAction.PREVIEW, ""),
            (NAME, AuditedAction.PUBLISH, WHY),
            (NAME, AuditedAction.REAPPLY, WHY),
            (NAME, AuditedAction.ROLLBACK, WHY),
        ]
        assert [entry["objects"] for entry in listed] == [*[[name]] * 4, [product]]

    live(story, SIGNED_IN)


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("inbox/retry", {"ids": []}),
        ("inbox/resolve", {"ids": ["txn_1"], "reason": ""}),
        ("customers/cus_1/accept", {"company": "nowhere", "new": True, "why": WHY}),
        ("mappings/publish", {"set": "0" * 64, "why": WHY}),
        ("mappings/reapply", {"why": ""}),
        ("customers/cus_1/erase", {"why": ""}),
    ],
)
def test_what_was_refused_was_not_done_and_is_not_on_record(
    route: str, body: dict[str, object]
) -> None:
    async def story(world: World) -> None:
        answer = await ask(world, "POST", route, encoded({"who": DECLARED, **body}), WHO)
        assert 400 <= answer.status_code < 500
        assert await entries(world) == []

    live(story, SIGNED_IN)


def test_a_caller_by_key_stands_there_as_one_whatever_name_it_declares() -> None:
    async def story(world: World) -> None:
        sell(world, 5_000, "gbp")
        await rest(world)
        ids = await parked_ids(world)
        for name in ("Kim", NAME, "key (declared: Kim)"):
            await ask(world, "POST", "inbox/retry", encoded({"ids": ids, "who": name}))
            await rest(world)
        assert [entry["who"] for entry in await entries(world)] == [
            "key (declared: Kim)",
            f"key (declared: {NAME})",
            "key (declared: key (declared: Kim))",
        ]

    live(story, Options())

"""Who may call which route, and under which name it is put on record."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest

from functions.access import CLAIMS_MAX, PRINCIPAL_CHARS_MAX, ROLES, AppRole
from local.world import Options, World
from tests.functions.test_routes import functions
from tests.world import ask, encoded, live, new_customer, rest, sell

SIGNED_IN = Options(settings={"platform_auth": True, "platform_auth_enabled": True})
PREFIX = "api/"
OPEN_ROUTES = (
    "health",
    "webhooks/stripe",
    "webhooks/stripe/{alias}",
)  # anonymous: liveness, and what Stripe signs
NAME = "ann@contoso.com"


def principal(*roles: str, name: str = NAME, **changes: Any) -> dict[str, str]:
    """The header of somebody who has signed in."""
    claims = [{"typ": "preferred_username", "val": name}] if name else []
    claims += [{"typ": "roles", "val": role} for role in roles]
    told = {"auth_typ": "aad", "name_typ": "name", "role_typ": "roles", "claims": claims}
    return {"x-ms-client-principal": text(told | changes)}


def text(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def routes() -> list[tuple[str, str]]:
    """Method and route of every HTTP function but those that are open."""
    return [
        (str(method), str(function.trigger["route"]).removeprefix(PREFIX))
        for function in functions("httpTrigger").values()
        for method in function.trigger["methods"]
        if str(function.trigger["route"]).removeprefix(PREFIX) not in OPEN_ROUTES
    ]


def test_every_route_has_its_role_and_every_role_its_route() -> None:
    assert sorted(routes()) == sorted(ROLES)


def test_whoever_signed_in_without_a_role_is_refused_everywhere() -> None:
    guarded = routes()

    async def story(world: World) -> None:
        for method, route in guarded:
            for roles in ((), ("Tieout.Other",), ("tieout.admin",)):
                answer = await ask(
                    world, method, route.replace("{id}", "cus_1"), b"{}", principal(*roles)
                )
                assert (answer.status_code, answer.json()["code"]) == (403, "role_missing"), route

    live(story, SIGNED_IN)


@pytest.mark.parametrize(("method", "route", "roles", "is_allowed"), [
    ("GET", "status", (AppRole.READ,), True),
    ("GET", "audit", (AppRole.PUBLISH,), True),
    ("GET", "inbox", (AppRole.OPERATE,), True),
    ("POST", "inbox/retry", (AppRole.READ,), False),
    ("POST", "inbox/retry", (AppRole.PUBLISH,), False),
    ("POST", "inbox/retry", (AppRole.OPERATE,), True),
    ("POST", "mappings/publish", (AppRole.OPERATE,), False),
    ("POST", "mappings/publish", (AppRole.PUBLISH,), True),
    ("POST", "mappings/publish", (AppRole.READ, AppRole.ADMIN), True),
])  # fmt: skip
def test_the_role_decides(method: str, route: str, roles: Sequence[str], is_allowed: bool) -> None:
    async def story(world: World) -> None:
        answer = await ask(world, method, route, b"{}", principal(*roles))
        assert (answer.status_code == 403) is not is_allowed

    live(story, SIGNED_IN)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"platform_auth": True},
        {"platform_auth_enabled": True},
    ],
)
def test_a_forged_principal_is_nobody_where_the_platform_does_not_watch(
    settings: dict[str, bool],
) -> None:
    async def story(world: World) -> None:
        sell(world, 5_000, "usd", new_customer(world))
        answer = await ask(
            world,
            "POST",
            "backfill",
            encoded({"days": 1, "who": "Kim"}),
            principal(AppRole.ADMIN, name="boss@contoso.com"),
        )
        assert answer.status_code == 202
        await rest(world)
        (entry,) = (await ask(world, "GET", "audit")).json()["entries"]
        assert (entry["who"], entry["action"]) == ("key (declared: Kim)", "backfill")

    live(story, Options(settings=settings))


def test_who_signed_in_is_on_record_whatever_the_body_declares() -> None:
    async def story(world: World) -> None:
        who = principal(AppRole.OPERATE)
        body = encoded({"days": 1, "who": "somebody else"})
        assert (await ask(world, "POST", "backfill", body, who)).status_code == 202
        (entry,) = (await ask(world, "GET", "audit", headers=who)).json()["entries"]
        assert (entry["who"], entry["detail"]) == (NAME, {"days": 1})

    live(story, SIGNED_IN)


def test_a_caller_with_the_key_alone_may_go_on_and_is_told_apart() -> None:
    async def story(world: World) -> None:
        assert (await ask(world, "POST", "backfill", encoded({"days": 1}))).status_code == 202
        (entry,) = (await ask(world, "GET", "audit")).json()["entries"]
        assert entry["who"] == "key"

    live(story, SIGNED_IN)


UNREADABLE: dict[str, str] = {
    "nothing": "",
    "no base64": "{}",
    "no JSON": base64.b64encode(b"x").decode(),
    "a list": text([]),
    "no claims": text({}),
    "claims that are a text": text({"claims": "roles"}),
    "claims without values": text({"claims": [{"typ": "roles"}]}),
    "two of them": ",".join([principal("Tieout.Admin")["x-ms-client-principal"]] * 2),
    "nobody's name": principal("Tieout.Admin", name="")["x-ms-client-principal"],
    "deep": base64.b64encode(b"[" * 20_000).decode(),
    "too long": "A" * (PRINCIPAL_CHARS_MAX + 4),
    "too many claims": text({"claims": [{"typ": "a", "val": "b"}] * (CLAIMS_MAX + 1)}),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_principal_that_cannot_be_read_is_refused_and_not_passed_over(name: str) -> None:
    async def story(world: World) -> None:
        headers = {"x-ms-client-principal": UNREADABLE[name]}
        answer = await ask(world, "GET", "status", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "principal_unreadable")

    live(story, SIGNED_IN)


def test_a_service_that_signed_in_has_its_application_for_a_name() -> None:
    async def story(world: World) -> None:
        claims = [{"typ": "azp", "val": "app-1"}, {"typ": "roles", "val": "Tieout.Operate"}]
        headers = principal(name="", claims=claims)
        assert (
            await ask(world, "POST", "backfill", encoded({"days": 1}), headers)
        ).status_code == 202
        (entry,) = (await ask(world, "GET", "audit")).json()["entries"]
        assert entry["who"] == "app app-1"

    live(story, SIGNED_IN)


def test_a_browser_that_another_site_made_send_this_is_refused() -> None:
    async def story(world: World) -> None:
        for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 202)):
            headers = principal(AppRole.OPERATE) | {"sec-fetch-site": site}
            answer = await ask(world, "POST", "backfill", encoded({"days": 1}), headers)
            assert answer.status_code == status

    live(story, SIGNED_IN)


@pytest.mark.parametrize("query", [
    "action=delete", "limit=0", "limit=201", "limit=x", "since=yesterday", "until=1", "after=..",
])  # fmt: skip
def test_a_question_that_the_audit_log_does_not_take_is_refused(query: str) -> None:
    async def story(world: World) -> None:
        answer = await ask(world, "GET", f"audit?{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")

    live(story)

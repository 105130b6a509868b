"""`/api/setup`: what a Stripe account needs, told before and after the settings are complete."""

import json
from dataclasses import replace
from typing import Any

import azure.functions as func
import pytest
import stripe

from functions.setup import setup
from local.stripe.settings import API_VERSION
from local.world import Options, World
from shared import bootstrap
from shared.errors import MappingUnusable
from shared.registry import ENTITIES
from shared.version import VERSION
from tests.world import ask, live

EVENTS = [type for entity in ENTITIES for type in entity.event_types]
CATALOGUE = ["product.created", "product.updated", "price.created", "price.updated"]


async def told(world: World) -> dict[str, Any]:
    answer = await ask(world, "GET", "setup")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def resources(found: dict[str, Any]) -> dict[str, str]:
    return {each["resource"]: each["access"] for each in found["permissions"]}


def test_the_policy_decides_which_events_and_permissions_are_needed() -> None:
    full = "kind: policy\nname: p\ncatalogue: {products: create, prices: true}\n"
    full += "customers: {write_back: true}\nsales: [{book: order}]\n"

    async def plain(world: World) -> None:
        found = await told(world)
        assert found["event_types"] == [type for type in EVENTS if type not in CATALOGUE]
        needed = resources(found)
        assert needed["customer"] == "read"
        assert [name for name in ("product", "price", "checkout_session") if name in needed] == []

    async def with_policy(world: World) -> None:
        found = await told(world)
        assert found["event_types"] == EVENTS
        needed = resources(found)
        assert needed["customer"] == "write"
        assert needed["product"] == needed["price"] == needed["checkout_session"] == "read"
        assert [name for name, access in needed.items() if access == "write"] == ["customer"]

    live(plain)
    live(with_policy, Options(documents=(full,)))


def test_it_tells_mode_account_version_and_kind_of_key_and_no_secret() -> None:
    async def story(world: World) -> None:
        found = await told(world)
        assert (found["version"], found["api_version"]) == (VERSION, API_VERSION)
        assert (found["livemode"], found["webhook_path"]) == (False, "/api/webhooks/stripe")
        default = {"alias": "default", "livemode": False, "account_id": "", "restricted": False}
        eu = {"alias": "shop-eu", "livemode": False, "restricted": False}
        assert found["accounts"][0] == default
        assert eu.items() <= found["accounts"][1].items()
        assert (found["settings_problem"], found["policy_problem"]) == ("", "")
        text = json.dumps(found)
        for account in ("default", "shop-eu"):
            settings = world.settings.of(account)
            assert settings.stripe_api_key.get_secret_value() not in text
            for secret in settings.stripe_webhook_secrets:
                assert secret.get_secret_value() not in text

    live(story, Options(accounts={"shop-eu": ["eur"]}))


def test_the_version_of_the_api_is_the_one_that_the_app_speaks() -> None:
    assert stripe.api_version == API_VERSION


@pytest.mark.parametrize(
    ("environment", "livemode"),
    [
        ({"STRIPE_LIVEMODE": "true"}, True),
        ({"STRIPE_LIVEMODE": "false", "STRIPE_API_KEY": "rk_live_x"}, False),
        ({"STRIPE_API_KEY": "rk_live_x"}, True),
        ({"STRIPE_LIVEMODE": "@Microsoft.KeyVault(x)"}, None),
        ({}, None),
    ],
)
async def test_while_settings_are_missing_it_says_which_and_tells_the_rest(
    environment: dict[str, str], livemode: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("STRIPE_LIVEMODE", "STRIPE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    bootstrap._receiving_of_process.cache_clear()
    answer = await setup(func.HttpRequest(method="GET", url="/api/setup", body=b""))
    found = json.loads(answer.get_body())
    assert answer.status_code == 200
    assert "STRIPE_WEBHOOK_SECRETS is missing" in found["settings_problem"]
    assert (found["livemode"], found["accounts"]) == (livemode, [])
    assert "charge.updated" in found["event_types"]
    assert resources(found)["balance_transaction"] == "read"


class UnusableMappings:
    """The published mapping does not compile here."""

    async def active(self) -> None:
        raise MappingUnusable("the set 12ab is not stored")


def test_a_mapping_that_cannot_be_used_leaves_the_default_policy_and_is_said() -> None:
    async def story(world: World) -> None:
        mappings: Any = UnusableMappings()
        world.host.context.run(bootstrap.use, replace(world.app, mappings=mappings))
        found = await told(world)
        assert "the set 12ab is not stored" in found["policy_problem"]
        assert resources(found)["customer"] == "read"

    live(story)


NOTE = {"who": "Kim", "account": "default", "endpoint": "we_1AbC", "changes": "enable it"}


def test_what_a_person_changed_at_stripe_is_put_on_record() -> None:
    async def story(world: World) -> None:
        answer = await ask(world, "POST", "setup", json.dumps(NOTE).encode())
        assert (answer.status_code, answer.json()) == (200, {"noted": True})
        (entry,) = (await ask(world, "GET", "audit?action=setup")).json()["entries"]
        assert entry["who"] == "key (declared: Kim)"
        assert (entry["objects"], entry["detail"]) == (
            ["we_1AbC"],
            {"account": "default", "changes": "enable it"},
        )

    live(story)


@pytest.mark.parametrize(
    "changes",
    [{"endpoint": "../x"}, {"endpoint": "sk_test_1"}, {"account": "other"}, {"changes": None}],
)
def test_what_is_no_endpoint_of_ours_is_not_put_on_record(changes: dict[str, Any]) -> None:
    async def story(world: World) -> None:
        answer = await ask(world, "POST", "setup", json.dumps({**NOTE, **changes}).encode())
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
        assert (await ask(world, "GET", "audit")).json()["entries"] == []

    live(story)

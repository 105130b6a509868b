"""Webhook endpoints of the Stripe peer: made, listed, changed and refused as Stripe does."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
import stripe

from local.stripe import RestrictedKey, StripeFaults
from local.stripe.settings import API_VERSION
from tests.contract.test_stripe_peer_rig import Json, World, answer, in_world

PATH = "/v1/webhook_endpoints"
URL = "https://app.example/api/webhooks/stripe"
FORM = {"url": URL, "enabled_events[0]": "charge.updated", "api_version": API_VERSION}


def test_an_endpoint_shows_its_secret_when_it_is_made_and_never_again() -> None:
    async def scenario(world: World) -> None:
        status, made = await answer(world, "POST", PATH, data=FORM)
        assert (status, made["status"], made["livemode"]) == (200, "enabled", False)
        assert made["secret"].startswith("whsec_")
        shown = {name: value for name, value in made.items() if name != "secret"}
        assert await answer(world, "GET", f"{PATH}/{made['id']}") == (200, shown)
        listed = (await answer(world, "GET", PATH))[1]
        assert listed["data"] == [shown]

    in_world(scenario)


def test_an_answer_that_was_lost_is_repeated_with_its_secret() -> None:
    async def scenario(world: World) -> None:
        headers = {"Idempotency-Key": "setup-1"}
        first = await answer(world, "POST", PATH, data=FORM, headers=headers)
        again = await answer(world, "POST", PATH, data=FORM, headers=headers)
        assert again == first
        assert len((await answer(world, "GET", PATH))[1]["data"]) == 1

    in_world(scenario)


def test_events_and_state_change_but_not_the_version() -> None:
    async def scenario(world: World) -> None:
        id = (await answer(world, "POST", PATH, data=FORM))[1]["id"]
        form = {"enabled_events[0]": "payout.paid", "disabled": "true"}
        status, changed = await answer(world, "POST", f"{PATH}/{id}", data=form)
        assert (status, changed["enabled_events"]) == (200, ["payout.paid"])
        assert (changed["status"], changed["api_version"]) == ("disabled", API_VERSION)
        assert "secret" not in changed
        status, error = await answer(
            world, "POST", f"{PATH}/{id}", data={"api_version": API_VERSION}
        )
        assert (status, error["code"]) == (400, "parameter_unknown")

    in_world(scenario)


def test_an_endpoint_without_a_version_has_none_and_one_that_is_deleted_is_gone() -> None:
    async def scenario(world: World) -> None:
        form = {name: value for name, value in FORM.items() if name != "api_version"}
        made = (await answer(world, "POST", PATH, data=form))[1]
        assert made["api_version"] is None
        deleted = await answer(world, "DELETE", f"{PATH}/{made['id']}")
        assert deleted == (
            200,
            {"id": made["id"], "object": "webhook_endpoint", "deleted": True},
        )
        assert (await answer(world, "GET", f"{PATH}/{made['id']}"))[0] == 404

    in_world(scenario)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"url": "app.example/hook"}, "An explicit scheme (such as https)"),
        ({"url": "http://127.0.0.1:7071/api"}, "URL must be publicly accessible"),
        ({"url": "https://"}, "URL must be publicly accessible"),
        ({"url": ""}, "Missing required param: url"),
        ({"enabled_events[0]": "charges"}, "charges is no event type"),
        ({"api_version": "latest"}, "Invalid Stripe API version: latest"),
        ({"secret": "whsec_mine"}, "Received unknown parameter: secret"),
    ],
)
def test_what_stripe_refuses_is_refused(changes: Json, text: str) -> None:
    async def scenario(world: World) -> None:
        status, error = await answer(world, "POST", PATH, data=FORM | changes)
        assert status == 400
        assert text in error["message"]

    in_world(scenario)


def test_an_account_has_at_most_16_endpoints() -> None:
    async def scenario(world: World) -> None:
        for number in range(16):
            form = FORM | {"url": f"{URL}/{number}"}
            assert (await answer(world, "POST", PATH, data=form))[0] == 200
        status, error = await answer(world, "POST", PATH, data=FORM)
        assert status == 400
        assert "maximum of 16" in error["message"]

    in_world(scenario)


def test_a_restricted_key_needs_the_permission_that_stripe_names() -> None:
    key = RestrictedKey("rk_test_reader", read=("charge",))

    async def scenario(world: World) -> None:
        world.peer.issue_key(key)
        headers = {"Authorization": f"Bearer {key.key}"}
        for method, permission in (("GET", "rak_webhook_read"), ("POST", "rak_webhook_write")):
            status, error = await answer(world, method, PATH, headers=headers)
            assert status == 403
            assert permission in error["message"]

    in_world(scenario)


def test_the_account_of_the_key_is_shown() -> None:
    async def scenario(world: World) -> None:
        status, account = await answer(world, "GET", "/v1/account")
        assert (status, account["object"]) == (200, "account")
        assert await answer(world, "GET", f"/v1/accounts/{account['id']}") == (200, account)

    in_world(scenario)


def test_an_endpoint_that_is_made_while_the_answer_is_late_is_there() -> None:
    late = replace(StripeFaults(), timeout=1.0, timeout_seconds=60.0)

    async def scenario(world: World) -> Any:
        status, _ = await answer(world, "POST", PATH, data=FORM)
        await asyncio.sleep(1)
        return status, [each["url"] for each in world.peer.objects("webhook_endpoint")]

    assert in_world(scenario, faults=late) == (504, [URL])


def test_the_answers_are_those_that_the_sdk_knows() -> None:
    async def scenario(world: World) -> None:
        made = (await answer(world, "POST", PATH, data=FORM))[1]
        known = stripe.WebhookEndpoint.__annotations__
        assert [name for name in made if name not in known] == []

    in_world(scenario)

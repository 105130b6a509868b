"""No secret is in a log, an answer, a table or a report, whatever goes wrong."""

import json
import logging
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from local.summary import summarise
from local.transport import PeerTransport
from local.world import Options, World
from shared import bootstrap
from shared.errors import SettingsRefused
from shared.settings import VARIABLES, from_environment
from tests.world import DAY, HOUR, ask, deliver, encoded, live, new_customer, rest, sell

SIGNING = "whsec_SENTINELsigning"
API_KEY = "sk_test_SENTINELapikey"
OTHER_KEY = "rk_test_SENTINELwithdrawn"
OTHER_SECRET = "SENTINELclientsecret"
MARK = "SENTINEL"
SETTINGS = {"stripe_webhook_secrets": (SIGNING,), "stripe_api_key": API_KEY}


@pytest.fixture(autouse=True)
def _heard(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    shown = [record.getMessage() + str(record.exc_text or "") for record in caplog.records]
    assert [line for line in shown if MARK in line] == []


async def answers(world: World) -> list[str]:
    """What every route says that reads, and some that do not."""
    texts = []
    for path in ("ready", "status", "proof", "payouts", "inbox", "waiting", "audit", "mappings"):
        texts.append((await ask(world, "GET", path)).text)
    for path in ("inbox/retry", "backfill", "mappings", "mappings/publish"):
        texts.append((await ask(world, "POST", path, b"{}")).text)
    return texts


async def stored(world: World) -> list[str]:
    tables = ("accounts", "audit", "cursors", "events", "journals", "links", "payouts", "receipts")
    return [repr(row) for name in tables for row in await world.tables.query(name)]


def test_refused_credentials_show_no_secret() -> None:
    async def story(world: World) -> None:
        world.settings = world.settings.model_copy(
            update={
                "stripe_api_key": SecretStr(OTHER_KEY),
                "dynamics_client_secret": SecretStr(OTHER_SECRET),
            }
        )
        stripe, dynamics = (
            httpx.AsyncClient(transport=PeerTransport(asgi, world.clock))
            for asgi in (world.stripe.asgi, world.dynamics.asgi)
        )
        rng = random.Random(1)
        app = replace(
            world.app,
            stripe=bootstrap.stripe_gateway(world.settings, stripe, world.clock, rng),
            dynamics=bootstrap.dynamics_gateway(world.settings, dynamics, world.clock),
        )
        world.host.context.run(bootstrap.use, app)
        sell(world, 5_000, "usd", new_customer(world))
        await world.clock.sleep(HOUR)  # it never comes to rest: everything is tried again
        told = await answers(world)
        assert any("credentials" in text or "refus" in text for text in told)
        assert [text for text in (*told, *await stored(world)) if MARK in text] == []

    live(story, Options(settings=SETTINGS))


def test_a_month_that_goes_well_shows_no_secret_either() -> None:
    async def story(world: World) -> None:
        sell(world, 5_000, "usd", new_customer(world))
        await deliver(world, encoded({"id": "x"}), SIGNING)
        await deliver(world, encoded({"id": "x"}), "whsec_other")
        await rest(world, 8 * DAY)
        report = json.dumps((await summarise(world)).figures(), default=str)
        told = [*await answers(world), *await stored(world), report]
        assert [text for text in told if MARK in text] == []

    live(story, Options(settings=SETTINGS))


def test_printing_the_app_or_its_settings_shows_no_secret() -> None:
    async def story(world: World) -> None:
        secret = {"dynamics_client_secret": SecretStr(OTHER_SECRET)}
        settings = world.settings.model_copy(update=secret)
        for shown in (repr(world.app), repr(settings), str(settings), settings.model_dump_json()):
            assert MARK not in shown

    live(story, Options(settings=SETTINGS))


SECRETS = ("stripe_api_key", "stripe_webhook_secrets", "dynamics_client_secret")
CONNECTIONS = ("tables_connection", "service_bus_connection")
WRONG = (
    *(MARK, f"sk_{MARK} {MARK}", f"whsec {MARK}", f"{{{MARK}", f"é{MARK}"),
    *(f"Endpoint=sb://x;SharedAccessKey={MARK}", f"AccountName=a;AccountKey={MARK}"),
    f"@Microsoft.KeyVault({MARK})",
)


@pytest.mark.parametrize("field", [*SECRETS, *CONNECTIONS])
@pytest.mark.parametrize("value", WRONG)
def test_a_setting_that_is_wrong_is_named_without_its_value(field: str, value: str) -> None:
    (name,) = [variable.name for variable in VARIABLES if variable.field == field]
    with pytest.raises(SettingsRefused) as refused:
        from_environment({name: value})
    assert MARK not in str(refused.value)


def test_a_failure_that_nobody_foresaw_is_logged_without_its_text_in_the_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A vendor's exception may hold what was sent to it."""

    class Leaking:
        async def get(self, *_: Any) -> None:
            raise RuntimeError("internal detail 4711")

        query = transact = get

    leaking: dict[str, Any] = {"tables": Leaking()}

    async def story(world: World) -> None:
        world.host.context.run(bootstrap.use, replace(world.app, **leaking))
        answer = await ask(world, "GET", "status")
        assert answer.status_code == 500
        assert "4711" not in answer.text

    live(story)
    assert caplog.records

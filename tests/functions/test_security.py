"""What attackers try at the front doors: replays, bursts, bodies, paths, headers."""

import asyncio
import json
import logging
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import quote

import pytest

from functions.bodies import BODY_BYTES_MAX as JSON_BYTES_MAX
from functions.responses import SECURITY_HEADERS
from local.books import SIGNING_SECRETS
from local.stripe.delivery import signature
from local.world import Options, World
from shared import telemetry
from shared.clients.stripe.signatures import HEADER_CHARS_MAX, SIGNATURES_MAX
from shared.services.ingest.ingest import BODY_BYTES_MAX
from tests.functions.webhook_rig import BODY, answered, depth, event
from tests.world import HOUR, START, WEBHOOK, ask, deliver, encoded, everything, live, rest

BURST = 10_000
LINES_MAX = 10  # of the log, for a burst
TOLERANCE_SECONDS = 300
TABLES = ("accounts", "audit", "events", "links", "journals", "payouts", "receipts")


async def rows(world: World) -> int:
    return sum([len(await world.tables.query(table)) for table in TABLES])


# --- replays --------------------------------------------------------------------------------


def test_a_delivery_that_was_listened_to_and_is_sent_again_changes_nothing() -> None:
    async def story(world: World) -> None:
        world.stripe.control.store_objects([event()["data"]["object"]])
        headers = {"Stripe-Signature": signature(BODY, world.clock.now(), SIGNING_SECRETS[:1])}
        for _ in range(3):
            answer = await ask(world, "POST", WEBHOOK, BODY, headers)
            assert answered(answer) == (202, "accepted")
        assert depth(world) == 1
        await rest(world, TOLERANCE_SECONDS - 60)
        before = everything(world)
        assert (await ask(world, "POST", WEBHOOK, BODY, headers)).status_code == 202
        await rest(world, 61)
        answer = await ask(world, "POST", WEBHOOK, BODY, headers)
        assert answered(answer) == (400, "bad_signature")
        await rest(world)
        assert everything(world) == before
        assert depth(world) == 0

    live(story)


def test_a_good_signature_does_not_cover_another_body_or_another_moment() -> None:
    async def story(world: World) -> None:
        good = signature(BODY, world.clock.now(), SIGNING_SECRETS[:1])
        other = BODY.replace(b"cus_1Webhook", b"cus_1Webhool")
        later = good.replace(good.split(",")[0], f"t={int(world.clock.now().timestamp()) + 1}")
        for body, header in ((other, good), (BODY, later)):
            answer = await ask(world, "POST", WEBHOOK, body, {"Stripe-Signature": header})
            assert answered(answer) == (400, "bad_signature")
        assert depth(world) == 0

    live(story)


# --- bursts ---------------------------------------------------------------------------------


def test_a_burst_of_bad_signatures_costs_no_storage_and_few_log_lines(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, telemetry.LOGGER_NAME)
    headers = (
        signature(BODY, START, ("whsec_guess",)),
        "t=1,v1=" + "0" * 64,
        "t=1," + ",".join(["v1=" + "0" * 64] * (SIGNATURES_MAX + 1)),
        "v1=" + "0" * HEADER_CHARS_MAX,
        "",
    )

    async def story(world: World) -> None:
        before = await rows(world)
        caplog.clear()
        for number in range(BURST):
            answer = await world.app.ingest().receive(BODY, headers[number % len(headers)])
            assert answer.code == "bad_signature"
        assert len(caplog.records) <= LINES_MAX
        assert await rows(world) == before
        assert depth(world) == 0
        # A good delivery is taken in the middle of it, and closes the sum a minute later.
        assert answered(await deliver(world, BODY)) == (202, "accepted")
        await rest(world, 120)
        assert answered(await deliver(world, BODY)) == (202, "accepted")
        told = [json.loads(record.getMessage()) for record in caplog.records]
        refused = [entry for entry in told if entry["event"] == "webhook_refused"]
        assert sum(entry["amount"] for entry in refused) == BURST

    live(story)


# --- bodies ---------------------------------------------------------------------------------


def test_a_body_that_is_too_large_is_refused_before_its_signature_is_looked_at() -> None:
    async def story(world: World) -> None:
        body = b" " * (BODY_BYTES_MAX + 1)
        assert answered(await deliver(world, body)) == (413, "too_large")
        assert answered(await ask(world, "POST", WEBHOOK, body)) == (413, "too_large")

    live(story)


@pytest.mark.parametrize("route", ["inbox/retry", "mappings", "customers/cus_1/erase", "backfill"])
def test_a_json_route_takes_no_body_without_end(route: str) -> None:
    async def story(world: World) -> None:
        body = b'{"who": "' + b"x" * JSON_BYTES_MAX + b'"}'
        answer = await ask(world, "POST", route, body)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
        assert str(JSON_BYTES_MAX) in answer.json()["message"]
        assert await rows(world) == 0

    live(story)


def test_a_body_that_trickles_in_holds_up_nobody_and_starts_nothing() -> None:
    async def story(world: World) -> None:
        sent: list[MutableMapping[str, Any]] = []
        pieces = [BODY[index : index + 8] for index in range(0, len(BODY), 8)]
        scope = {
            "type": "http",
            "method": "POST",
            "path": f"/api/{WEBHOOK}",
            "query_string": b"",
            "headers": [(b"stripe-signature", b"t=1,v1=0")],
        }

        async def receive() -> MutableMapping[str, Any]:
            await asyncio.sleep(60)
            if not pieces:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": pieces.pop(0), "more_body": True}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        slow = asyncio.create_task(world.host.asgi(scope, receive, send))
        for _ in range(5):
            await world.clock.sleep(60)
            assert answered(await deliver(world, BODY)) == (202, "accepted")
        await world.clock.sleep(HOUR)
        await slow
        assert sent == []  # its sender went away; nobody was called for it
        assert depth(world) == 0

    live(story)


# --- paths and headers ----------------------------------------------------------------------

PATHS = (
    "customers/../../admin/functions/accept",
    "customers/%2e%2e%2f%2e%2e%2fadmin/accept",
    "customers/..%5c..%5chost.json/accept",
    "customers/%00/accept",
    "customers/cus_1%2f..%2fcus_2/erase",
    "mappings/show?set=../../host.json",
    "mappings/diff?before=..%2f..&after=%00",
    "..%2fhost.json",
    "../local.settings.json",
    "%2e%2e/%2e%2e/etc/passwd",
)


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_out_of_the_routes(path: str) -> None:
    async def story(world: World) -> None:
        for method in ("GET", "POST"):
            answer = await ask(world, method, path, encoded({"who": "x", "why": "x"}))
            assert 400 <= answer.status_code < 500
            assert b"function" not in answer.content.lower()
            assert b"root:" not in answer.content
        assert await rows(world) == 0

    live(story)


@pytest.mark.parametrize("id", ["cus_" + "1" * 300, "cus 1", "cus_1\n", "cus_é", "a'b", "*"])
def test_an_id_that_is_none_reaches_no_table(id: str) -> None:
    async def story(world: World) -> None:
        for route in ("accept", "erase"):
            body = {"company": "usmf", "new": True, "who": "Kim", "why": "asked"}
            path = f"customers/{quote(id, safe='')}/{route}"
            answer = await ask(world, "POST", path, encoded(body))
            assert answer.status_code == 409
        assert await rows(world) == 0

    live(story)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", "health"), ("GET", "status"), ("GET", "audit"), ("GET", "inbox?status=x")),
        *(("POST", WEBHOOK), ("POST", "inbox/retry"), ("POST", "mappings/publish")),
        ("POST", "customers/cus_1/erase"),
    ],
)
def test_every_json_answer_carries_the_security_headers(method: str, path: str) -> None:
    async def story(world: World) -> None:
        answer = await ask(world, method, path, b"{")
        assert answer.headers["content-type"].startswith("application/json")
        for name, value in SECURITY_HEADERS.items():
            assert answer.headers[name] == value

    live(story)


def test_a_signed_delivery_says_nothing_that_it_was_not_told() -> None:
    """An echo would let a page that a browser opens carry what an attacker wrote."""

    async def story(world: World) -> None:
        body = encoded(event(id="<script>alert(1)</script>"))
        answer = await deliver(world, body)
        assert answer.status_code == 400
        assert b"script" not in answer.content

    live(story)


# --- rolled secrets -------------------------------------------------------------------------


def test_a_webhook_secret_is_rolled_without_a_gap() -> None:
    """Stripe signs with both while a secret is rolled, then with the new one alone."""
    old, new = "whsec_old", "whsec_new"

    steps: tuple[tuple[tuple[str, ...], dict[tuple[str, ...], int]], ...] = (
        ((old,), {(old,): 202, (old, new): 202, (new,): 400}),
        ((old, new), {(old,): 202, (old, new): 202, (new,): 202}),
        ((new,), {(old,): 400, (old, new): 202, (new,): 202}),
    )
    for secrets, expected in steps:

        async def story(world: World, expected: dict[tuple[str, ...], int] = expected) -> None:
            for signing, status in expected.items():
                header = signature(BODY, world.clock.now(), signing)
                answer = await ask(world, "POST", WEBHOOK, BODY, {"Stripe-Signature": header})
                assert answer.status_code == status

        live(story, Options(settings={"stripe_webhook_secrets": secrets}))

"""The webhook through the real host: each bad input its status and code, none enqueued."""

import asyncio
from datetime import timedelta

import pytest

from local.books import SIGNING_SECRETS
from local.stripe.delivery import signature
from local.world import Options, World
from shared.clients.stripe.signatures import StripeSignatures
from shared.services.ingest.ingest import BODY_BYTES_MAX
from tests.functions.webhook_rig import BODY, answered, depth, event, nothing_came_of_it
from tests.world import (
    START,
    WEBHOOK,
    Json,
    ask,
    customers,
    deliver,
    encoded,
    everything,
    live,
    rest,
)

TOLERANCE_SECONDS = 300


def about(**members: object) -> Json:
    """The `data` of an event about such an object."""
    return {"object": members}


BODIES: dict[str, tuple[bytes, int, str]] = {
    "a truncated body": (encoded(event())[:-20], 400, "malformed"),
    "UTF-16": (encoded(event()).decode().encode("utf-16"), 400, "malformed"),
    "UTF-16 without mark": (encoded(event()).decode().encode("utf-16-le"), 400, "malformed"),
    "Latin-1": (b'{"id": "evt_1", "type": "x", "name": "\xe9"}', 400, "malformed"),
    "nothing": (b"", 400, "malformed"),
    "not JSON": (b"id=evt_1&type=customer.created", 400, "malformed"),
    "deep JSON": (b"[" * 200_000, 400, "malformed"),
    "a list": (encoded([event()]), 400, "malformed"),
    "a number": (b"7", 400, "malformed"),
    "2 MB": (encoded(event(padding="x" * 2_000_000)), 413, "too_large"),
    "a byte too many": (b" " * (BODY_BYTES_MAX + 1), 413, "too_large"),
    "no id": (encoded(event(id=None)), 400, "malformed"),
    "an id that is a number": (encoded(event(id=7)), 400, "malformed"),
    "an id no key can hold": (encoded(event(id="evt/../1")), 400, "malformed"),
    "an endless id": (encoded(event(id="evt_" + "1" * 500)), 400, "malformed"),
    "no type": (encoded(event(type=None)), 400, "malformed"),
    "a type that is a list": (encoded(event(type=["a"])), 400, "malformed"),
    "no data": (encoded(event(data=None)), 400, "malformed"),
    "data without an object": (encoded(event(data={"object": "cus_1"})), 400, "malformed"),
    "no livemode": (encoded(event(livemode=None)), 400, "malformed"),
    "livemode as text": (encoded(event(livemode="false")), 400, "malformed"),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_signed_body_that_is_no_event_is_refused(name: str) -> None:
    body, status, code = BODIES[name]

    async def story(world: World) -> None:
        before = everything(world)
        assert answered(await deliver(world, body)) == (status, code)
        await nothing_came_of_it(world, before)

    live(story)


SKIPPED: dict[str, tuple[Json, str]] = {
    "an object without id": (event(data=about(object="customer", name="Ada")), "no_object_id"),
    "an unknown type": (event(type="customer.discount.created"), "unknown_type"),
    "a type of the future": (event(type="v9.moon.landed"), "unknown_type"),
    "the other mode": (event(livemode=True), "other_mode"),
    "a connected account": (event(account="acct_1Other"), "connected_account"),
    "an object of another kind": (event(data=about(id="ch_1", object="charge")), "other_object"),
}


@pytest.mark.parametrize("name", SKIPPED)
def test_what_is_not_ours_is_accepted_and_counted(name: str) -> None:
    given, reason = SKIPPED[name]

    async def story(world: World) -> None:
        before = everything(world)
        answer = await deliver(world, encoded(given))
        assert answered(answer) == (202, "skipped")
        assert answer.json()["message"] == f"nothing to do: {reason}"
        assert (await world.get("status"))["skipped"] == 1
        await nothing_came_of_it(world, before)

    live(story)


def _header(body: bytes, seconds: float = 0, secret: str = SIGNING_SECRETS[0]) -> str:
    return signature(body, START + timedelta(seconds=seconds), (secret,))


TRUE = _header(BODY)
HEADERS: dict[str, str | None] = {
    "none": None,
    "an empty one": "",
    "one of another secret": _header(BODY, secret="whsec_other"),
    "one of another body": _header(BODY + b" "),
    "one that is too old": _header(BODY, -TOLERANCE_SECONDS - 1),
    "one of the future": _header(BODY, TOLERANCE_SECONDS + 1),
    "one without time": TRUE.partition(",")[2],
    "one without mark": TRUE.partition(",")[0],
    "one of scheme v0": TRUE.replace("v1=", "v0="),
    "one with a wrong time": "t=soon," + TRUE.partition(",")[2],
    "nonsense": "\xe9" * 50,
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_wrong_signature_is_refused(name: str) -> None:
    header = HEADERS[name]

    async def story(world: World) -> None:
        before = everything(world)
        headers = {} if header is None else {"Stripe-Signature": header}
        answer = await ask(world, "POST", WEBHOOK, BODY, headers)
        assert answered(answer) == (400, "bad_signature")
        await nothing_came_of_it(world, before)

    live(story)


def test_a_body_cut_on_its_way_is_refused_by_its_signature() -> None:
    async def story(world: World) -> None:
        headers = {"Stripe-Signature": TRUE}
        answer = await ask(world, "POST", WEBHOOK, BODY[:-1], headers)
        assert answered(answer) == (400, "bad_signature")
        assert depth(world) == 0

    live(story)


@pytest.mark.parametrize("secret", SIGNING_SECRETS)
@pytest.mark.parametrize("seconds", [0, 1 - TOLERANCE_SECONDS, TOLERANCE_SECONDS])
def test_each_secret_is_taken_within_the_tolerance(secret: str, seconds: int) -> None:
    async def story(world: World) -> None:
        header = _header(BODY, seconds, secret)
        answer = await ask(world, "POST", WEBHOOK, BODY, {"Stripe-Signature": header})
        assert answered(answer) == (202, "accepted")
        assert depth(world) == 1

    live(story)


def test_the_body_is_taken_byte_for_byte() -> None:
    """Stripe signs bytes: spaces, escapes and unknown members must not matter."""
    body = b'{ "extra": 1.50, "name":"\\u00e9\xc3\xa9" ,' + BODY[1:]

    async def story(world: World) -> None:
        assert answered(await deliver(world, body)) == (202, "accepted")

    live(story)


def test_an_event_becomes_a_customer() -> None:
    async def story(world: World) -> None:
        world.stripe.control.store_objects([event()["data"]["object"]])
        await deliver(world, BODY)
        await rest(world)
        assert list(customers(world)) == ["cus_1Webhook usmf"]

    live(story)


def test_an_event_sent_twice_is_one_message() -> None:
    async def story(world: World) -> None:
        answers = await asyncio.gather(*(deliver(world, BODY) for _ in range(5)))
        assert [answered(answer) for answer in answers] == [(202, "accepted")] * 5
        assert depth(world) == 1

    live(story)


def test_in_live_mode_a_test_event_is_the_other_mode() -> None:
    async def story(world: World) -> None:
        assert answered(await deliver(world, BODY)) == (202, "skipped")
        live_one = encoded(event(livemode=True))
        assert answered(await deliver(world, live_one)) == (202, "accepted")

    live(story, Options(livemode=True))


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_only_post_is_served(method: str) -> None:
    async def story(world: World) -> None:
        assert (await ask(world, method, WEBHOOK, BODY)).status_code == 405

    live(story)


def test_the_signatures_of_the_peer_are_those_the_product_checks() -> None:
    """Both sides compute them on their own; neither must drift."""
    assert StripeSignatures().verify(BODY, TRUE, SIGNING_SECRETS[:1]) == START

"""The webhook through the real host: each bad input its status and code, none enqueued."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from local.books import SIGNING_SECRETS
from local.clock import LoopClock
from local.host import Host, HubStore
from local.loop import run_virtual
from local.servicebus import Broker, load_queues
from local.stripe.delivery import signature
from local.transport import PeerTransport
from local.world import CONNECTION, ROOT, Options, World
from shared import bootstrap
from shared.clients.stripe.signatures import StripeSignatures
from shared.errors import QueueUnavailable
from shared.ports import DeadLetter, Message, QueueCounts
from shared.registry import ENTITIES
from shared.services.ingest import ANSWER_SECONDS_MAX, BODY_BYTES_MAX
from shared.settings import VARIABLES
from tests.world import (
    DAY,
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


def event(**changes: object) -> Json:
    """A `customer.created` event; None takes a member away."""
    whole: Json = {
        "id": "evt_1Webhook",
        "object": "event",
        "type": "customer.created",
        "created": int(START.timestamp()),
        "livemode": False,
        "data": {"object": {"id": "cus_1Webhook", "object": "customer", "name": "Ada"}},
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def about(**members: object) -> Json:
    """The `data` of an event about such an object."""
    return {"object": members}


def answered(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert sorted(body) == ["code", "message"]
    assert body["message"]
    return answer.status_code, body["code"]


def depth(world: World) -> int:
    """Messages in all queues, in any state."""
    total = 0
    for queue in world.broker.queues:
        found = world.broker.depth(queue.name)
        total += found.ready + found.locked + found.scheduled + found.dead
    return total


async def _nothing_came_of_it(world: World, before: object) -> None:
    assert depth(world) == 0
    await rest(world)
    assert everything(world) == before


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
        await _nothing_came_of_it(world, before)

    live(story)


SKIPPED: dict[str, tuple[Json, str]] = {
    "an object without id": (event(data=about(object="customer", name="Ada")), "no_object_id"),
    "an unknown type": (event(type="customer.tax_id.created"), "unknown_type"),
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
        await _nothing_came_of_it(world, before)

    live(story)


def _header(body: bytes, seconds: float = 0, secret: str = SIGNING_SECRETS[0]) -> str:
    return signature(body, START + timedelta(seconds=seconds), (secret,))


BODY = encoded(event())
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
        await _nothing_came_of_it(world, before)

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


# --- the broker is down -----------------------------------------------------------------------


class BrokenQueue:
    """A queue whose `send` does what a test wants; nothing else is asked of it."""

    def __init__(self, send: Callable[[], Awaitable[None]]) -> None:
        self._send = send

    async def send(self, queue: str, messages: Sequence[Message]) -> None:
        await self._send()

    async def drain_dead_letters(
        self, queue: str, keep: Callable[[DeadLetter], Awaitable[None]], limit: int
    ) -> int:
        return 0

    async def counts(self) -> QueueCounts | None:
        return None


def _use_queue(world: World, send: Callable[[], Awaitable[None]]) -> None:
    app = replace(world.app, queue=BrokenQueue(send))
    world.host.context.run(bootstrap.use, app)


def test_a_broker_that_fails_is_503() -> None:
    async def fail() -> None:
        raise QueueUnavailable("the namespace is away")

    async def story(world: World) -> None:
        before = everything(world)
        _use_queue(world, fail)
        answer = await deliver(world, BODY)
        assert answered(answer) == (503, "queue_unavailable")
        assert "namespace" not in answer.text
        await _nothing_came_of_it(world, before)

    live(story)


def test_a_broker_that_hangs_is_503_within_its_limit() -> None:
    async def story(world: World) -> None:
        before = everything(world)
        _use_queue(world, lambda: world.clock.sleep(DAY))
        started = world.clock.now()
        assert answered(await deliver(world, BODY)) == (503, "queue_unavailable")
        assert (world.clock.now() - started).total_seconds() <= ANSWER_SECONDS_MAX
        await _nothing_came_of_it(world, before)

    live(story)


def test_stripe_repeats_what_the_broker_did_not_take() -> None:
    failures = 3

    async def story(world: World) -> None:
        whole, count = world.app.queue, 0

        async def fail() -> None:
            nonlocal count
            count += 1
            if count == failures:
                world.host.context.run(bootstrap.use, replace(world.app, queue=whole))
            raise QueueUnavailable("not now")

        _use_queue(world, fail)
        found = world.stripe.request("POST", "/v1/customers", {"name": "Ada"})
        await rest(world)
        (delivery,) = world.stripe.deliveries
        assert [attempt.status for attempt in delivery.attempts] == [503] * failures + [202]
        assert list(customers(world)) == [f"{found['id']} usmf"]

    live(story)


# --- settings are missing -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", WEBHOOK), ("GET", "ready"), ("GET", "status"), ("GET", "proof"), ("GET", "payouts")],
)
def test_without_settings_each_route_says_what_is_missing(
    method: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable.name, raising=False)

    async def main(clock: LoopClock) -> tuple[httpx.Response, httpx.Response, int]:
        broker = Broker(load_queues(ROOT / "infra" / "queues.json"), clock)
        host = Host(
            ROOT,
            {"ServiceBusConnection": CONNECTION},
            clock,
            broker,
            HubStore(),
            context=contextvars.Context(),
        )
        await host.start()
        transport = PeerTransport(host.asgi, clock)
        async with httpx.AsyncClient(transport=transport, base_url="http://app/api/") as client:
            headers = {"Stripe-Signature": TRUE}
            answer = await client.request(method, path, content=BODY, headers=headers)
            alive = await client.get("health")
        await host.stop()
        queued = sum(broker.depth(entity.queue).ready for entity in ENTITIES)
        return answer, alive, queued

    answer, alive, queued = run_virtual(main, start=START)
    assert answered(answer) == (503, "not_configured")
    for name in ("STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRETS", "DYNAMICS_URL", "TIEOUT_BOOKS"):
        assert name in answer.json()["message"]
    assert (alive.status_code, alive.json()) == (200, {"status": "alive"})
    assert queued == 0


def test_the_signatures_of_the_peer_are_those_the_product_checks() -> None:
    """Both sides compute them on their own; neither must drift."""
    assert StripeSignatures().verify(BODY, TRUE, SIGNING_SECRETS[:1]) == START

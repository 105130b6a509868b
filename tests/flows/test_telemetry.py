"""What a world with incidents says of itself: every declared metric, joined traces, no person."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import pytest

from local import demo
from local.books import SIGNING_SECRETS
from local.clock import LoopClock
from local.loop import run_virtual
from local.shop import Shop
from local.stripe.delivery import signature
from local.telemetry import MemoryTelemetry, RecordedSpan
from local.world import World, open_world
from shared import telemetry
from shared.metrics import METRICS
from shared.ports import Json, Queue
from tests.incident_ports import NoQueue, WatchedStripe
from tests.leaks import leaks, logs, told_by, words_of
from tests.world import DAY, START, deliver, encoded, rest, sell

NAME, MAIL = "Wilhelmina Featherstonehaugh", "wilhelmina@example.com"


@dataclass
class Clumsy(WatchedStripe):
    """With a fault of ours, whose text names a person."""

    faults: int = 1

    async def retrieve(self, entity: str, id: str, expand: Sequence[str] = ()) -> Json:
        if entity == "dispute" and self.faults:
            self.faults -= 1
            raise ZeroDivisionError(f"{NAME} <{MAIL}>")
        return await super().retrieve(entity, id, expand)


@dataclass(frozen=True)
class Told:
    """What came of the world."""

    memory: MemoryTelemetry
    lines: list[str]
    words: list[str]


async def incidents(world: World, clock: LoopClock) -> None:
    """Some days of the demo's shop, in which also goes wrong what an operator sees."""
    world.stripe.request("POST", "/v1/customers", {"name": NAME, "email": MAIL})
    shop = Shop(world.stripe, clock, seed=3)
    await shop.run(customers=8, charges=30, days=4, progress=lambda done: None)
    sell(world, 5_000, "gbp")  # no book is set up for it: it parks
    event = {"id": "evt_x", "type": "x.y", "livemode": False, "data": {"object": {"id": "x_1"}}}
    await deliver(world, encoded(event))
    await deliver(world, encoded(event), secret="whsec_wrong")
    await deliver(world, b"{")
    await _while_no_queue_takes_anything(world)
    await rest(world, 4 * DAY)


async def _while_no_queue_takes_anything(world: World) -> None:
    app = replace(world.app, queue=cast("Queue", NoQueue()))  # only `send` is called
    arrival = next(
        each for each in world.stripe.objects("event") if each["type"] == "charge.succeeded"
    )
    telemetry.use(world.telemetry)
    ingest = app.ingest()
    body = encoded(arrival)
    answer = await ingest.receive(body, signature(body, world.clock.now(), SIGNING_SECRETS[:1]))
    assert answer.status == 503


@pytest.fixture(scope="module")
def told() -> Told:
    """The world, lived once."""

    async def main(clock: LoopClock) -> Told:
        options = replace(demo.options(5), schedules={}, watch=Clumsy)
        with logs() as keeper:
            async with open_world(clock, options) as world:
                await incidents(world, clock)
                return Told(world.telemetry, keeper.lines, words_of(world))

    return run_virtual(main, start=START)


def test_every_declared_metric_is_told_and_nothing_else(told: Told) -> None:
    names = {name for name, _ in told.memory.totals}
    assert [metric.name for metric in METRICS if metric.name not in names] == []
    assert list(told.memory.undeclared) == []


def test_the_incidents_show_in_their_metrics(told: Told) -> None:
    memory = told.memory
    assert memory.total("tieout.webhook.refused", code="bad_signature") == 1
    assert memory.total("tieout.webhook.refused", code="malformed") == 1
    assert memory.total("tieout.webhook.unavailable", error="QueueUnavailable") == 1
    assert memory.total("tieout.webhook.skipped", type="x.y") == 1
    assert memory.total("tieout.fault.events", event="converge_failed") == 1
    assert memory.total("tieout.parked.items", cause="currency_not_configured") > 0
    assert memory.total("tieout.parked.amount_minor", currency="gbp") > 0
    assert memory.total("tieout.vendor.requests", result="throttled") > 0
    assert memory.total("tieout.proof.gap_minor") == 0


def test_money_that_was_read_was_written_and_posted(told: Told) -> None:
    def net(name: str, currency: str) -> float:
        came = told.memory.total(name, currency=currency, direction="in")
        return came - told.memory.total(name, currency=currency, direction="out")

    for currency in ("usd", "eur", "jpy"):
        came = told.memory.total("tieout.money.received_minor", currency=currency, direction="in")
        assert came > 0
        received = net("tieout.money.received_minor", currency)
        assert net("tieout.money.written_minor", currency) == received
        assert net("tieout.money.posted_minor", currency) == received
    assert told.memory.total("tieout.unposted.amount_minor") == 0


def children(memory: MemoryTelemetry, parent: RecordedSpan) -> list[RecordedSpan]:
    return [span for span in memory.spans if span.trace == parent.trace]


def test_one_event_is_followed_from_the_webhook_to_both_vendors(told: Told) -> None:
    webhooks = [span for span in told.memory.spans if span.name == "webhook"]
    joined = 0
    for webhook in webhooks:
        event = webhook.attributes["event"]
        batches = [
            span for span in told.memory.spans if span.name == "batch" and event in _events(span)
        ]
        linked = [span for span in batches if webhook.traceparent in span.links]
        if webhook.attributes["type"] != "charge.succeeded" or not linked:
            continue
        names = {span.name for each in linked for span in children(told.memory, each)}
        assert {"batch", "converge", "stripe"} <= names
        joined += "dynamics" in names
    assert joined > 10


def _events(span: RecordedSpan) -> tuple[str, ...]:
    found = span.attributes["events"]
    assert isinstance(found, tuple)
    return found


def test_logs_spans_and_metrics_hold_no_person_card_secret_or_payload(told: Told) -> None:
    assert len(told.words) > 15
    assert NAME in told.words
    assert len(told.lines) > 100
    assert leaks([*told.lines, *told_by(told.memory)], told.words) == []


def test_log_lines_of_ours_are_one_json_object_each(told: Told) -> None:
    ours = [line for line in told.lines if line.startswith("tieout ")]
    assert len(ours) > 100
    for line in ours:
        json.loads(line.splitlines()[0].partition("{")[1] + line.splitlines()[0].partition("{")[2])


@pytest.mark.parametrize(
    "text",
    [
        f"parked: {NAME.upper()} is unknown",
        "GET CustomersV3?$filter=PrimaryContactEmail eq 'ada@example.com'",
        "paid with 4242 4242 4242 4242",
        "Authorization: Bearer eyJ0eXAiOiJKV1Qi",
        "key sk_test_abcdefghijk",
        '{"id": "ch_1", "object": "charge"}',
    ],
)
def test_the_scanner_sees(text: str) -> None:
    assert leaks([text], [NAME]) != []


def test_the_scanner_takes_ids_and_numbers_for_what_they_are() -> None:
    text = '{"event": "parked", "object": "ch_3PxY1234567890123456", "attempt": 3} 1764000000'
    assert leaks([text], [NAME]) == []

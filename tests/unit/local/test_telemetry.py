"""The in-memory telemetry of worlds."""

from datetime import UTC, datetime

import pytest

from local.telemetry import POINTS_MAX, SPANS_MAX, MemoryTelemetry
from tests.unit.services.fakes import ManualClock

MOMENT = datetime(2026, 10, 1, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(MOMENT)


def test_a_counter_is_told_at_the_end_of_each_minute(clock: ManualClock) -> None:
    memory = MemoryTelemetry(clock)
    for seconds in (10, 10, 50, 120):
        memory.count("tieout.webhook.accepted", 1, {"account": "default", "door": "webhook"})
        clock.advance(seconds)
    assert [(point.at.minute, point.value) for point in memory.points] == [(1, 3), (2, 1)]
    assert memory.total("tieout.webhook.accepted") == 4


def test_a_gauge_is_told_each_time_and_its_newest_value_counts(clock: ManualClock) -> None:
    memory = MemoryTelemetry(clock)
    memory.gauge("tieout.parked.items", 3, {"cause": "refused"})
    memory.gauge("tieout.parked.items", 0, {"cause": "refused"})
    assert [point.value for point in memory.points] == [3, 0]
    assert memory.total("tieout.parked.items", cause="refused") == 0


@pytest.mark.parametrize(
    ("name", "dimensions"),
    [
        ("tieout.no.such", {}),
        ("tieout.webhook.accepted", {"customer": "cus_1"}),
        ("tieout.webhook.refused", {}),
        ("tieout.silence.ratio", {}),
    ],
)
def test_what_is_not_declared_is_noted(
    clock: ManualClock, name: str, dimensions: dict[str, str]
) -> None:
    memory = MemoryTelemetry(clock)
    memory.count(name, 1, {**dimensions})
    assert [found for found, _ in memory.undeclared] == [name]


def test_a_counter_that_would_fall_is_noted(clock: ManualClock) -> None:
    memory = MemoryTelemetry(clock)
    memory.count("tieout.webhook.accepted", -1, {"account": "default", "door": "webhook"})
    assert len(memory.undeclared) == 1


def test_spans_know_their_parents_their_links_and_their_errors(clock: ManualClock) -> None:
    memory = MemoryTelemetry(clock)
    with memory.span("webhook", {"event": "evt_1"}, ()):
        sent = memory.traceparent()

    def fail() -> None:
        with memory.span("batch", {"events": ("evt_1",)}, (sent, "")):
            clock.advance(2)
            with memory.span("dynamics", {}, ()):
                raise KeyError("ada@example.com")

    with pytest.raises(KeyError):
        fail()
    webhook, batch, dynamics = memory.spans
    assert batch.links == (webhook.traceparent,)
    assert (dynamics.trace, dynamics.parent, dynamics.error) == (batch.trace, batch.id, "KeyError")
    assert webhook.trace != batch.trace
    assert batch.ended_at is not None
    assert (batch.ended_at - batch.started_at).seconds == 2
    assert memory.traceparent() == ""


def test_memory_is_bounded(clock: ManualClock) -> None:
    memory = MemoryTelemetry(clock)
    for _ in range(POINTS_MAX + 10):
        memory.gauge("tieout.silence.ratio", 0, {})
    for _ in range(SPANS_MAX + 10):
        with memory.span("x", {}, ()):
            pass
    assert len(memory.points) == POINTS_MAX
    assert len(memory.spans) == SPANS_MAX

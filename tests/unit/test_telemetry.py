import asyncio
import json
import logging
import traceback
from datetime import UTC, datetime

import pytest

from local.telemetry import MemoryTelemetry
from shared import telemetry
from tests.unit.services.fakes import ManualClock

MOMENT = datetime(2026, 10, 1, tzinfo=UTC)


def lines(caplog: pytest.LogCaptureFixture) -> list[object]:
    return [json.loads(record.getMessage()) for record in caplog.records]


@pytest.fixture(autouse=True)
def _heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, telemetry.LOGGER_NAME)


@pytest.fixture
def memory() -> MemoryTelemetry:
    """The telemetry of this test's context."""
    found = MemoryTelemetry(ManualClock(MOMENT))
    telemetry.use(found)
    return found


def test_an_event_is_one_json_object(caplog: pytest.LogCaptureFixture) -> None:
    telemetry.event("parked", entity="charge", object="ch_1", attempt=2)
    assert lines(caplog) == [
        {"event": "parked", "entity": "charge", "object": "ch_1", "attempt": 2}
    ]


def test_without_an_exporter_metrics_are_log_lines_that_one_can_ask_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    telemetry.use(telemetry.NoTelemetry())
    telemetry.count("tieout.webhook.accepted", account="default")
    assert caplog.records == []
    caplog.set_level(logging.DEBUG, telemetry.LOGGER_NAME)
    telemetry.count("tieout.webhook.skipped", 3, reason="unknown_type", type="x", account="default")
    telemetry.gauge("tieout.silence.ratio", 0.25)
    with telemetry.span("webhook", event="evt_1"):
        assert telemetry.traceparent() == ""
    assert lines(caplog) == [
        {
            "event": "count",
            "metric": "tieout.webhook.skipped",
            "amount": 3,
            "reason": "unknown_type",
            "type": "x",
            "account": "default",
        },
        {"event": "gauge", "metric": "tieout.silence.ratio", "value": "0.25"},
    ]


def test_long_values_are_cut(caplog: pytest.LogCaptureFixture) -> None:
    telemetry.event("x", type="t" * 10_000)
    assert len(caplog.records[0].getMessage()) < 400


def test_line_breaks_cannot_forge_a_second_entry(caplog: pytest.LogCaptureFixture) -> None:
    telemetry.event("x", type='a\n{"event": "forged"}')
    assert "\n" not in caplog.records[0].getMessage()


def test_a_level_that_is_off_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    telemetry.event("quiet", logging.DEBUG)
    assert caplog.records == []


def test_a_fault_carries_the_stack_and_no_text(
    caplog: pytest.LogCaptureFixture, memory: MemoryTelemetry
) -> None:

    def read(row: dict[str, str]) -> str:
        try:
            return row["Ada " + "Lovelace"]
        except KeyError as error:
            raise ValueError("ada" + "@example.com") from error

    try:
        read({})
    except ValueError as error:
        telemetry.fault("converge_failed", error, object="ch_1")
    (record,) = caplog.records
    assert json.loads(record.getMessage()) == {
        "event": "converge_failed",
        "error": "ValueError",
        "object": "ch_1",
    }
    assert record.exc_info is not None
    text = "".join(traceback.format_exception(record.exc_info[1]))
    assert "KeyError" in text
    assert "ValueError" in text
    assert "test_a_fault_carries_the_stack_and_no_text" in text
    assert "Ada Lovelace" not in caplog.text
    assert "ada@example.com" not in caplog.text
    assert memory.total("tieout.fault.events", event="converge_failed") == 1


def test_an_error_without_its_text_keeps_no_more_than_a_few_causes() -> None:
    error: Exception = ValueError("0")
    for n in range(1, 20):
        outer = ValueError(str(n))
        outer.__cause__ = error
        error = outer
    found: BaseException | None = telemetry.without_text(error)
    depth = 0
    while found is not None:
        assert str(found) == ""
        found, depth = found.__cause__, depth + 1
    assert depth == telemetry.CAUSES_MAX + 1


def test_a_group_keeps_the_names_of_its_parts_and_none_of_their_texts() -> None:
    group = ExceptionGroup("sweep failed for queue charge", [ValueError("ada@example.com")])
    text = "".join(traceback.format_exception(telemetry.without_text(group)))
    assert "sweep failed for queue charge" in text
    assert text.count("ada@example.com") == 0


def test_an_event_of_level_error_is_a_fault(memory: MemoryTelemetry) -> None:
    telemetry.event("not_configured", logging.ERROR, problems=2)
    telemetry.event("request_failed", logging.WARNING)
    assert memory.totals == {("tieout.fault.events", (("event", "not_configured"),)): 1}


def test_what_comes_in_and_what_goes_out_are_two_series(memory: MemoryTelemetry) -> None:
    for minor in (10_000, -320, 0, -80):
        telemetry.money("tieout.money.received_minor", minor, currency="usd")
    assert memory.total("tieout.money.received_minor", direction="in") == 10_000
    assert memory.total("tieout.money.received_minor", direction="out") == 400
    assert memory.undeclared == {}


async def test_two_contexts_have_each_their_own_telemetry() -> None:
    clock = ManualClock(MOMENT)

    async def live(found: MemoryTelemetry, times: int) -> None:
        telemetry.use(found)
        for _ in range(times):
            await asyncio.sleep(0)
            telemetry.count("tieout.webhook.accepted", account="default")

    one, other = MemoryTelemetry(clock), MemoryTelemetry(clock)
    await asyncio.gather(live(one, 1), live(other, 2))
    assert one.total("tieout.webhook.accepted") == 1
    assert other.total("tieout.webhook.accepted") == 2

import json
import logging

import pytest

from shared import telemetry


def lines(caplog: pytest.LogCaptureFixture) -> list[object]:
    return [json.loads(record.getMessage()) for record in caplog.records]


@pytest.fixture(autouse=True)
def _heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, telemetry.LOGGER_NAME)


def test_an_event_is_one_json_object(caplog: pytest.LogCaptureFixture) -> None:
    telemetry.event("parked", entity="charge", object="ch_1", attempt=2)
    assert lines(caplog) == [
        {"event": "parked", "entity": "charge", "object": "ch_1", "attempt": 2}
    ]


def test_a_counter_says_how_many(caplog: pytest.LogCaptureFixture) -> None:
    telemetry.count("webhook_skipped", 3, reason="unknown_type")
    assert lines(caplog) == [
        {"event": "count", "counter": "webhook_skipped", "amount": 3, "reason": "unknown_type"}
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


def test_a_fault_carries_the_stack(caplog: pytest.LogCaptureFixture) -> None:
    error = ValueError("secret text")
    telemetry.fault("converge_failed", error, object="ch_1")
    (record,) = caplog.records
    assert json.loads(record.getMessage()) == {
        "event": "converge_failed",
        "error": "ValueError",
        "object": "ch_1",
    }
    assert record.exc_info is not None
    assert record.exc_info[1] is error

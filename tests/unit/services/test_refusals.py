import json
import logging

import pytest

from local.telemetry import MemoryTelemetry
from shared import telemetry
from shared.services.ingest import Refusals
from shared.services.ingest.refusals import QUIET_SECONDS
from tests.unit.services.fakes import ManualClock


@pytest.fixture(autouse=True)
def _heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, telemetry.LOGGER_NAME)


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, int]]:
    found = [json.loads(record.getMessage()) for record in caplog.records]
    return [(each["code"], each["amount"]) for each in found]


def test_a_single_refusal_is_told_at_once(caplog: pytest.LogCaptureFixture) -> None:
    Refusals(ManualClock()).note("bad_signature", "default", "webhook")
    assert told(caplog) == [("bad_signature", 1)]


def test_a_burst_is_a_few_lines_that_add_up(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    refusals = Refusals(clock)
    for _ in range(12_345):
        refusals.note("bad_signature", "default", "webhook")
        clock.advance(0.01)
    assert [amount for _, amount in told(caplog)] == [1, 9, 90, 900, 9_000]
    clock.advance(QUIET_SECONDS)
    refusals.settle()
    assert sum(amount for _, amount in told(caplog)) == 12_345


def test_each_code_is_counted_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals(ManualClock())
    for code in ("bad_signature", "malformed", "bad_signature"):
        refusals.note(code, "default", "webhook")
    assert told(caplog) == [("bad_signature", 1), ("malformed", 1)]


def test_after_a_quiet_minute_the_next_refusal_is_told_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = ManualClock()
    refusals = Refusals(clock)
    for _ in range(5):
        refusals.note("malformed", "default", "webhook")
    clock.advance(QUIET_SECONDS)
    refusals.note("malformed", "default", "webhook")
    assert told(caplog) == [("malformed", 1), ("malformed", 4), ("malformed", 1)]


def test_accounts_are_counted_apart(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals(ManualClock())
    refusals.note("malformed", "default", "webhook")
    refusals.note("malformed", "shop-eu", "webhook")
    accounts = [json.loads(record.getMessage())["account"] for record in caplog.records]
    assert accounts == ["default", "shop-eu"]


def test_ways_in_are_counted_apart(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals(ManualClock())
    refusals.note("malformed", "default", "webhook")
    refusals.note("malformed", "default", "event_grid")
    doors = [json.loads(record.getMessage())["door"] for record in caplog.records]
    assert doors == ["webhook", "event_grid"]


def test_the_metric_counts_every_refusal_at_once() -> None:
    memory = MemoryTelemetry(ManualClock())
    telemetry.use(memory)
    refusals = Refusals(ManualClock())
    for _ in range(25):
        refusals.note("bad_signature", "default", "webhook")
    assert memory.total("tieout.webhook.refused", code="bad_signature", account="default") == 25

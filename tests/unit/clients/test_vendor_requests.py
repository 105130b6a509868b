from datetime import UTC, datetime

import pytest

from local.telemetry import MemoryTelemetry
from shared import telemetry
from shared.clients.vendor_requests import answered, unanswered
from tests.unit.services.fakes import ManualClock


@pytest.fixture
def memory() -> MemoryTelemetry:
    found = MemoryTelemetry(ManualClock(datetime(2026, 10, 1, tzinfo=UTC)))
    telemetry.use(found)
    return found


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (200, "ok"),
        (204, "ok"),
        (301, "ok"),
        (400, "failed"),
        (401, "denied"),
        (403, "denied"),
        (404, "failed"),
        (429, "throttled"),
        (500, "failed"),
        (503, "failed"),
    ],
)
def test_an_answer_is_counted_by_what_it_means(
    memory: MemoryTelemetry, status: int, result: str
) -> None:
    answered("stripe", status)
    assert memory.totals == {
        ("tieout.vendor.requests", (("result", result), ("vendor", "stripe"))): 1
    }
    assert memory.undeclared == {}


def test_no_answer_is_counted_as_such(memory: MemoryTelemetry) -> None:
    unanswered("dynamics")
    assert memory.total("tieout.vendor.requests", vendor="dynamics", result="no_answer") == 1

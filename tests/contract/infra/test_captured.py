"""Captured rows are those that the exporter of production would have sent."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from azure.monitor.opentelemetry.exporter.export.metrics._exporter import (
    APPLICATION_INSIGHTS_METRIC_TEMPORALITIES,
    _convert_point_to_envelope,
)
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from local.host import AnsweredRequest
from local.telemetry import MemoryTelemetry
from shared.clients.open_telemetry import OpenTelemetry
from shared.telemetry import Telemetry
from tests.captured import Captured, Table, metric_row, request_row
from tests.kql import TABLES, Row
from tests.unit.services.fakes import ManualClock

MOMENT = datetime(2026, 10, 1, 8, tzinfo=UTC)


def first_minute(told: Telemetry) -> None:
    told.count("tieout.webhook.accepted", 1, {"account": "default"})
    told.count("tieout.webhook.accepted", 2, {"account": "default"})
    told.count("tieout.event.booked", 1, {"entity": "charge", "seconds_max": 20})
    told.gauge("tieout.parked.items", 3, {"cause": "refused"})


def second_minute(told: Telemetry) -> None:
    told.count("tieout.webhook.accepted", 4, {"account": "default"})
    told.gauge("tieout.payout.oldest_open_hours", 1.5, {})


def exported(reader: InMemoryMetricReader) -> list[Row]:
    """What the exporter makes of the points that have come up since it was asked last."""
    data = reader.get_metrics_data()
    assert data is not None
    rows: list[Row] = []
    for metric in [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics]:
        for point in metric.data.data_points:
            envelope: Any = _convert_point_to_envelope(point, metric.name).data
            (sent,) = envelope.base_data.metrics
            rows.append(
                {
                    "name": sent.name,
                    "value": sent.value,
                    "valueCount": sent.count,
                    "valueSum": sent.value,
                    "customDimensions": envelope.base_data.properties,
                }
            )
    return rows


def by_name(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row["name"], row["value"]))


def test_the_rows_are_those_of_the_exporter() -> None:
    clock = ManualClock(MOMENT)
    memory = MemoryTelemetry(clock)
    temporalities = cast("dict[type, Any]", APPLICATION_INSIGHTS_METRIC_TEMPORALITIES)
    reader = InMemoryMetricReader(temporalities)
    client = OpenTelemetry(MeterProvider([reader], shutdown_on_exit=False))
    sent: list[Row] = []
    for minute in (first_minute, second_minute):
        minute(memory)
        minute(client)
        sent += exported(reader)
        clock.advance(60)
    captured = [metric_row(point) for point in memory.points]
    moments = [row.pop("timestamp") for row in captured]
    assert by_name(captured) == by_name(sent)
    assert max(moments) == MOMENT + timedelta(minutes=2)


def test_rows_have_columns_that_the_tables_have() -> None:
    request = AnsweredRequest(MOMENT, "POST", "/api/webhooks/stripe", 503, 0.25)
    row = request_row(request)
    assert [name for name in row if name not in TABLES["requests"]] == []
    assert (row["resultCode"], row["success"], row["duration"]) == ("503", False, 250.0)


def test_a_window_has_its_end_and_not_its_beginning() -> None:
    rows = [{"timestamp": MOMENT + timedelta(minutes=n), "name": "x"} for n in range(5)]
    table = Table(reversed(rows))
    assert table.window(MOMENT + timedelta(minutes=3), timedelta(minutes=2)) == rows[2:4]


def test_a_query_over_no_metric_asks_for_requests() -> None:
    at = MOMENT + timedelta(minutes=1)
    empty = Captured(MOMENT, at, {"m": Table([{"timestamp": at}])}, Table([]), {})
    assert empty.tables([], at, timedelta(hours=1)) == {"requests": []}
    found = empty.tables(["m", "n"], at, timedelta(hours=1))
    assert found == {"customMetrics": [{"timestamp": at}]}

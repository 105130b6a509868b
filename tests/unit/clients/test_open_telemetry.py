"""The production telemetry over the SDK's own in-memory exporters."""

import json
import logging
from collections.abc import Mapping
from typing import Any, cast

import pytest
from azure.monitor.opentelemetry.exporter.export.metrics._exporter import (
    APPLICATION_INSIGHTS_METRIC_TEMPORALITIES,
)
from opentelemetry import trace
from opentelemetry.instrumentation.utils import is_http_instrumentation_enabled
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler

from shared import telemetry
from shared.clients.open_telemetry import OpenTelemetry
from shared.connections import telemetry_of
from shared.metrics import METRICS
from shared.telemetry import NoTelemetry


class Rig:
    """The client over providers that keep everything here."""

    def __init__(self, sampler: Sampler = ALWAYS_ON) -> None:
        temporalities = cast("dict[type, Any]", APPLICATION_INSIGHTS_METRIC_TEMPORALITIES)
        self.reader = InMemoryMetricReader(temporalities)  # as production's exporter asks
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meters = MeterProvider([self.reader], shutdown_on_exit=False)
        self.client = OpenTelemetry(self.meters, self.tracers)

    def points(self) -> list[tuple[str, Mapping[str, Any], float]]:
        data = self.reader.get_metrics_data()
        return (
            []
            if data is None
            else [
                (metric.name, dict(point.attributes or {}), point.value)
                for resource in data.resource_metrics
                for scope in resource.scope_metrics
                for metric in scope.metrics
                for point in metric.data.data_points
                if isinstance(point, NumberDataPoint)
            ]
        )

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()


def test_every_declared_metric_has_its_instrument() -> None:
    rig = Rig()
    for metric in METRICS:
        dimensions: dict[str, telemetry.Field] = dict.fromkeys(metric.dimensions, "x")
        record = rig.client.count if metric.kind == "counter" else rig.client.gauge
        record(metric.name, 3, dimensions)
    told = {name: (dimensions, value) for name, dimensions, value in rig.points()}
    assert told == {metric.name: (dict.fromkeys(metric.dimensions, "x"), 3) for metric in METRICS}


def test_a_gauge_is_exported_once_for_each_time_it_is_recorded() -> None:
    """Else an instance that recorded it long ago contradicts the one that records it now."""
    rig = Rig()
    rig.client.gauge("tieout.parked.items", 3, {"cause": "refused"})
    assert rig.points() == [("tieout.parked.items", {"cause": "refused"}, 3)]
    rig.client.gauge("tieout.parked.items", 0, {"cause": "no_book"})
    rig.client.count("tieout.healing.sent", 2, {})
    assert sorted(rig.points()) == [
        ("tieout.healing.sent", {}, 2),
        ("tieout.parked.items", {"cause": "no_book"}, 0),
    ]
    assert rig.points() == []


def test_counters_add_up_and_gauges_show_the_newest_state() -> None:
    rig = Rig()
    for value in (2, 5):
        rig.client.count(
            "tieout.webhook.refused",
            value,
            {"code": "malformed", "account": "default", "door": "webhook"},
        )
        rig.client.gauge("tieout.silence.ratio", value, {})
    assert sorted(rig.points()) == [
        ("tieout.silence.ratio", {}, 5),
        (
            "tieout.webhook.refused",
            {"code": "malformed", "account": "default", "door": "webhook"},
            7,
        ),
    ]


def test_a_message_takes_the_trace_along_and_its_batch_links_to_it() -> None:
    rig = Rig()
    with rig.client.span("webhook", {"event": "evt_1"}, ()):
        sent = rig.client.traceparent()
    with (
        rig.client.span("batch", {"events": ("evt_1", "evt_2")}, (sent, "", "junk")),
        rig.client.span("dynamics", {"request": "POST $batch"}, ()),
    ):
        pass
    webhook, dynamics, batch = rig.spans
    assert webhook.attributes == {"event": "evt_1"}
    assert batch.attributes == {"events": ("evt_1", "evt_2")}
    assert [link.context.trace_id for link in batch.links] == [webhook.context.trace_id]
    assert dynamics.context.trace_id == batch.context.trace_id
    assert dynamics.parent is not None
    assert dynamics.parent.span_id == batch.context.span_id


@pytest.mark.parametrize(
    "text", [f"00-{'0' * 32}-{'1' * 16}-01", "00-xyz", f"00-{'1' * 32}-{'0' * 16}-01"]
)
def test_a_foreign_trace_that_cannot_be_one_is_left_out(text: str) -> None:
    rig = Rig()
    with rig.client.span("batch", {}, (text,)):
        pass
    assert rig.spans[0].links == ()


def test_a_failed_span_says_the_type_of_the_error_and_not_its_text() -> None:
    rig = Rig()
    with pytest.raises(KeyError), rig.client.span("stripe", {}, ()):
        raise KeyError("ada@example.com")
    (span,) = rig.spans
    assert span.status.status_code is trace.StatusCode.ERROR
    assert span.status.description == "KeyError"
    assert "ada@example.com" not in span.to_json()


def test_addresses_of_requests_are_not_recorded_by_others_meanwhile() -> None:
    """The distribution instruments httpx, and a filter of Dynamics may hold an e-mail address."""
    rig = Rig()
    assert is_http_instrumentation_enabled()
    with rig.client.span("dynamics", {}, ()):
        assert not is_http_instrumentation_enabled()
    assert is_http_instrumentation_enabled()


def test_sampling_drops_neither_money_nor_faults(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig(ALWAYS_OFF)
    telemetry.use(rig.client)
    with telemetry.span("converge", objects=("txn_1",)):
        telemetry.money("tieout.money.written_minor", -320, currency="usd")
        telemetry.fault("converge_failed", ValueError("text"), object="txn_1")
    assert rig.spans == ()
    assert sorted((name, value) for name, _, value in rig.points()) == [
        ("tieout.fault.events", 1),
        ("tieout.money.written_minor", 320),
    ]
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert json.loads(record.getMessage())["event"] == "converge_failed"


def test_there_is_an_exporter_only_where_the_setting_names_one() -> None:
    assert isinstance(telemetry_of({}), NoTelemetry)
    assert isinstance(telemetry_of({"APPLICATIONINSIGHTS_CONNECTION_STRING": ""}), NoTelemetry)
    found = telemetry_of({"APPLICATIONINSIGHTS_CONNECTION_STRING": "InstrumentationKey=x"})
    assert isinstance(found, OpenTelemetry)

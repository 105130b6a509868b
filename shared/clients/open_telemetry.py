"""`shared.telemetry.Telemetry` over the OpenTelemetry API.

The worker makes and configures the exporters, at start and alone, when the app settings
`PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY` and `APPLICATIONINSIGHTS_CONNECTION_STRING` are there
(it calls `configure_azure_monitor()`); here only the API's global providers are used.
https://learn.microsoft.com/azure/azure-functions/opentelemetry-howto?pivots=programming-language-python

Metrics are added up before they are exported and are never sampled; spans may be.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry import metrics, trace
from opentelemetry.instrumentation.utils import suppress_http_instrumentation

from shared.metrics import METRICS, Metric
from shared.telemetry import Attribute, Field

SCOPE = "tieout"
LINKS_MAX = 128  # of a span, as the SDK keeps them
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


class OpenTelemetry:
    """Counters, gauges and spans of the process's providers, or of those given."""

    def __init__(
        self,
        meters: metrics.MeterProvider | None = None,
        tracers: trace.TracerProvider | None = None,
        declared: Sequence[Metric] = METRICS,
    ) -> None:
        meter = (meters or metrics.get_meter_provider()).get_meter(SCOPE)
        self._tracer = (tracers or trace.get_tracer_provider()).get_tracer(SCOPE)
        self._counters = {
            each.name: meter.create_counter(each.name, each.unit, each.meaning)
            for each in declared
            if each.kind == "counter"
        }
        self._gauges = {
            each.name: meter.create_gauge(each.name, each.unit, each.meaning)
            for each in declared
            if each.kind == "gauge"
        }

    def count(self, name: str, amount: int, dimensions: dict[str, Field]) -> None:
        """Add to a counter."""
        self._counters[name].add(amount, dimensions)

    def gauge(self, name: str, value: float, dimensions: dict[str, Field]) -> None:
        """Record the state."""
        self._gauges[name].set(value, dimensions)

    @contextmanager
    def span(
        self, name: str, attributes: dict[str, Attribute], links: Sequence[str]
    ) -> Iterator[None]:
        """A span. An error that leaves it marks it as failed, by its type; its text stays here.

        Inside, the distribution's own instrumentation of httpx is off: it would record whole
        addresses, and a filter may hold an e-mail.
        """
        linked = [trace.Link(each) for each in map(_context_of, links) if each is not None]
        with (
            suppress_http_instrumentation(),
            self._tracer.start_as_current_span(
                name,
                attributes=attributes,
                links=linked[:LINKS_MAX],
                record_exception=False,
                set_status_on_exception=False,
            ) as current,
        ):
            try:
                yield
            except BaseException as error:
                current.set_status(trace.StatusCode.ERROR, type(error).__name__)
                raise

    def traceparent(self) -> str:
        """The current span, the caller's own or the host's."""
        found = trace.get_current_span().get_span_context()
        if not found.is_valid:
            return ""
        return f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"


def _context_of(traceparent: str) -> trace.SpanContext | None:
    """What a message says about its trace; None where it says nothing that can be read."""
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in match.groups())
    found = trace.SpanContext(
        trace_id, span_id, is_remote=True, trace_flags=trace.TraceFlags(flags)
    )
    return found if found.is_valid else None

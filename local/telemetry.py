"""Telemetry of a world: kept in memory, as an exporter would hand it on, on the world's clock."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from shared.metrics import METRICS
from shared.ports import Clock
from shared.telemetry import Attribute, Field

POINTS_MAX = 200_000  # newest points that are kept
SPANS_MAX = 20_000  # newest spans that are kept

_DECLARED = MappingProxyType({each.name: each for each in METRICS})

type Series = tuple[str, tuple[tuple[str, Field], ...]]
"""A metric's name, and its dimensions sorted by name."""


@dataclass(frozen=True, slots=True)
class Point:
    """What one export tells of a series: of a counter the growth since the last export, of a gauge
    the state."""

    at: datetime
    name: str
    value: float
    dimensions: Mapping[str, Field]


@dataclass(slots=True)
class RecordedSpan:
    """A span: ids as W3C writes them; `parent` is empty for the first of its trace."""

    trace: str
    id: str
    parent: str
    name: str
    attributes: Mapping[str, Attribute]
    links: tuple[str, ...]
    started_at: datetime
    ended_at: datetime | None = None
    error: str = ""

    @property
    def traceparent(self) -> str:
        """The span as W3C trace context."""
        return f"00-{self.trace}-{self.id}-01"


_span: ContextVar[RecordedSpan | None] = ContextVar("tieout_local_span", default=None)


@dataclass(slots=True)
class MemoryTelemetry:
    """Keeps what it is told, the newest `POINTS_MAX` points and `SPANS_MAX` spans.

    Counters are exported once a minute as sums, as the SDK's reader does. `totals`: each counter
    since the beginning, each gauge as it is now. `undeclared`: metrics whose name, kind or
    dimensions `shared/metrics.py` does not declare.
    """

    clock: Clock
    totals: dict[Series, float] = field(default_factory=dict)
    undeclared: dict[Series, None] = field(default_factory=dict)
    _points: deque[Point] = field(default_factory=lambda: deque(maxlen=POINTS_MAX))
    _spans: deque[RecordedSpan] = field(default_factory=lambda: deque(maxlen=SPANS_MAX))
    _grown: dict[Series, float] = field(default_factory=dict)
    _minute: datetime | None = None
    _numbers: int = 0

    def count(self, name: str, amount: int, dimensions: dict[str, Field]) -> None:
        """Add to a counter."""
        series = self._series("counter", name, dimensions)
        if amount < 0:
            self.undeclared[series] = None
        self._export()
        self._grown[series] = self._grown.get(series, 0) + amount
        self.totals[series] = self.totals.get(series, 0) + amount

    def gauge(self, name: str, value: float, dimensions: dict[str, Field]) -> None:
        """Record the state."""
        self.totals[self._series("gauge", name, dimensions)] = value
        self._points.append(Point(self.clock.now(), name, value, dict(dimensions)))

    @contextmanager
    def span(
        self, name: str, attributes: dict[str, Attribute], links: Sequence[str]
    ) -> Iterator[None]:
        """A span, inside the one of this context."""
        parent = _span.get()
        self._numbers += 1
        id = f"{self._numbers:016x}"
        found = RecordedSpan(
            parent.trace if parent else f"{self._numbers:032x}",
            id,
            parent.id if parent else "",
            name,
            dict(attributes),
            tuple(link for link in links if link),
            self.clock.now(),
        )
        self._spans.append(found)
        token = _span.set(found)
        try:
            yield
        except BaseException as error:
            found.error = type(error).__name__
            raise
        finally:
            found.ended_at = self.clock.now()
            _span.reset(token)

    def traceparent(self) -> str:
        """The current span; empty without one."""
        found = _span.get()
        return found.traceparent if found is not None else ""

    @property
    def points(self) -> list[Point]:
        """The points, in the order of their export."""
        return [*self._points, *self._pending()]

    @property
    def spans(self) -> list[RecordedSpan]:
        """The spans, in the order of their beginnings."""
        return list(self._spans)

    def total(self, name: str, **dimensions: Field) -> float:
        """The sum over the series of a metric that have these dimensions."""
        wanted = dimensions.items()
        return sum(
            value
            for (found, pairs), value in self.totals.items()
            if found == name and wanted <= dict(pairs).items()
        )

    def _series(self, kind: str, name: str, dimensions: Mapping[str, Field]) -> Series:
        series = name, tuple(sorted(dimensions.items()))
        declared = _DECLARED.get(name)
        if (
            declared is None
            or declared.kind != kind
            or sorted(declared.dimensions) != sorted(dimensions)
        ):
            self.undeclared[series] = None
        return series

    def _export(self) -> None:
        minute = self.clock.now().replace(second=0, microsecond=0)
        if self._minute != minute:
            self._points.extend(self._pending())
            self._grown.clear()
            self._minute = minute

    def _pending(self) -> list[Point]:
        at = self._minute
        if at is None:
            return []
        return [Point(at, name, value, dict(pairs)) for (name, pairs), value in self._grown.items()]

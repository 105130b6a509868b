"""What Application Insights would hold of a world: its tables, from what the world told.

`customMetrics`: as `azure-monitor-opentelemetry-exporter` writes them (a test holds the rows
against the exporter's own): one row for each point that is exported, with the dimensions as texts.
`requests`: as the platform writes them for each request that the host answered. The depth of the
dead-letter queues is a metric of Service Bus, sampled every five minutes.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from local.host import AnsweredRequest
from local.telemetry import Point
from local.world import World
from tests.kql import Row

SAMPLE_SECONDS = 300.0
DEAD_LETTERS = "DeadletteredMessages"


def metric_row(point: Point) -> Row:
    """A row of `customMetrics`. The exporter sends one value with the count 1 for each point."""
    return {
        "timestamp": point.at,
        "name": point.name,
        "value": point.value,
        "valueCount": 1,
        "valueSum": point.value,
        "customDimensions": {name: str(value) for name, value in point.dimensions.items()},
    }


def request_row(request: AnsweredRequest) -> Row:
    """A row of `requests`. Durations are milliseconds; nothing is sampled out."""
    return {
        "timestamp": request.at,
        "name": f"{request.method} {request.path}",
        "url": f"https://app.example{request.path}",
        "resultCode": str(request.status),
        "success": request.status < 400,
        "duration": request.seconds * 1_000,
        "itemCount": 1,
    }


class Table:
    """Rows by time, of which a window is cut without looking at the others."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = sorted(rows, key=lambda row: row["timestamp"])
        self._moments = [row["timestamp"] for row in self._rows]

    def window(self, until: datetime, span: timedelta) -> list[Row]:
        """The rows after the beginning of the window, up to its end."""
        first, last = (bisect_right(self._moments, moment) for moment in (until - span, until))
        return self._rows[first:last]


@dataclass(frozen=True)
class Captured:
    """The telemetry of a stretch of a world's life. Metrics are kept by name."""

    since: datetime
    until: datetime
    metrics: Mapping[str, Table]
    requests: Table
    dead_letters: Mapping[str, Table]

    def tables(
        self, names: Sequence[str], until: datetime, span: timedelta
    ) -> dict[str, list[Row]]:
        """What a query over the metrics of these names, or over requests, may see."""
        if not names:
            return {"requests": self.requests.window(until, span)}
        known = [self.metrics[name] for name in names if name in self.metrics]
        return {"customMetrics": [row for table in known for row in table.window(until, span)]}


class Capture:
    """Watches a world from its beginning."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._since = world.clock.now()
        self._dead: dict[str, list[Row]] = {queue.name: [] for queue in world.broker.queues}
        world.serve(self._sample(), "the metrics of Service Bus")

    async def _sample(self) -> None:
        while True:
            await self._world.clock.sleep(SAMPLE_SECONDS)
            at = self._world.clock.now()
            for queue, rows in self._dead.items():
                dead = self._world.broker.depth(queue).dead
                rows.append({"timestamp": at, "name": DEAD_LETTERS, "value": dead})

    def ended(self) -> Captured:
        """What was told until now."""
        metrics: dict[str, list[Row]] = {}
        for point in self._world.telemetry.points:
            metrics.setdefault(point.name, []).append(metric_row(point))
        return Captured(
            since=self._since,
            until=self._world.clock.now(),
            metrics={name: Table(rows) for name, rows in metrics.items()},
            requests=Table(map(request_row, self._world.host.asgi.answered)),
            dead_letters={queue: Table(rows) for queue, rows in self._dead.items()},
        )

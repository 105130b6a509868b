"""The alerts as they are deployed, and when Azure would fire them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.contract.infra.variants import deployed
from tests.kql import KqlError, Row, run

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?")


def duration(text: str) -> timedelta:
    found = _DURATION.fullmatch(text)
    assert found is not None, text
    days, hours, minutes = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes)


@dataclass(frozen=True)
class Alert:
    """One scheduled query rule."""

    name: str
    properties: Mapping[str, Any]

    @property
    def criterion(self) -> Mapping[str, Any]:
        (one,) = self.properties["criteria"]["allOf"]
        found: Mapping[str, Any] = one
        return found

    @property
    def query(self) -> str:
        return str(self.criterion["query"])

    @property
    def window(self) -> timedelta:
        return duration(self.properties["windowSize"])

    @property
    def dimensions(self) -> list[str]:
        return [one["name"] for one in self.criterion["dimensions"]]

    def fired(self, tables: Mapping[str, Sequence[Row]], now: datetime) -> list[tuple[Any, ...]]:
        """The values of the dimensions for which the rule fires; Azure shows it its window only."""
        since = now - self.window
        seen = {
            name: [row for row in rows if since < row["timestamp"] <= now]
            for name, rows in tables.items()
        }
        answer = run(self.query, seen, now)
        measure = self.criterion["metricMeasureColumn"]
        needed = [*self.dimensions, *([measure] if measure else [])]
        missing = [name for name in needed if name not in answer.columns]
        if missing:
            raise KqlError(f"{self.name}: the query has no columns {missing}")
        groups: dict[tuple[Any, ...], list[Row]] = {}
        for row in answer.rows:
            groups.setdefault(tuple(row[name] for name in self.dimensions), []).append(row)
        threshold = self.criterion["threshold"]
        return [
            key
            for key, rows in groups.items()
            if (max(row[measure] for row in rows) if measure else len(rows)) > threshold
        ]


def alerts() -> dict[str, Alert]:
    prefix = "alert-tieout-test-"
    made = deployed().of("Microsoft.Insights/scheduledQueryRules")
    assert all(one.name.startswith(prefix) for one in made)
    named = [(one.name.removeprefix(prefix), one.properties) for one in made]
    return {name: Alert(name, properties) for name, properties in named}


@dataclass(frozen=True)
class MetricAlert:
    """A rule over a platform metric, split by its dimension."""

    criterion: Mapping[str, Any]
    window: timedelta
    every: timedelta

    def fired(self, samples: Mapping[str, Sequence[Row]]) -> list[str]:
        """The values of the dimension for which it fires, over the samples of one window."""
        aggregate = {"Minimum": min, "Maximum": max}[self.criterion["timeAggregation"]]
        return [
            name
            for name, rows in samples.items()
            if rows and aggregate(row["value"] for row in rows) > self.criterion["threshold"]
        ]


def dead_letter_alert() -> MetricAlert:
    (rule,) = deployed().of("Microsoft.Insights/metricAlerts")
    (criterion,) = rule.properties["criteria"]["allOf"]
    window, every = (duration(rule.properties[n]) for n in ("windowSize", "evaluationFrequency"))
    return MetricAlert(criterion, window, every)

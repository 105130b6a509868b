"""Each alert tells somebody, leads to its page, and asks only for metrics that are declared."""

import re
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from croniter import croniter

from functions.timers import TIMERS
from shared.metrics import METRICS
from tests.bicep_evaluation import Resource
from tests.contract.infra.alert_rules import Alert, alerts, duration
from tests.contract.infra.variants import INFRA, deployed, deployed_with, parameters
from tests.kql import run
from tests.test_docs import OPERATIONS, section

ALERTS = alerts()
BY_NAME = {metric.name: metric for metric in METRICS}
# https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-servicebus-namespaces-metrics
PLATFORM = {
    "Microsoft.ServiceBus/namespaces": {
        "AbandonMessage": ("Total",),
        "ActiveMessages": ("Average", "Minimum", "Maximum"),
        "CompleteMessage": ("Total",),
        "DeadletteredMessages": ("Average", "Minimum", "Maximum"),
        "IncomingMessages": ("Total",),
        "IncomingRequests": ("Total",),
        "Messages": ("Average", "Minimum", "Maximum"),
        "OutgoingMessages": ("Total",),
        "ScheduledMessages": ("Average", "Minimum", "Maximum"),
        "ServerErrors": ("Total",),
        "Size": ("Average", "Minimum", "Maximum"),
        "SuccessfulRequests": ("Total",),
        "ThrottledRequests": ("Total",),
        "UserErrors": ("Total",),
    }
}
WINDOWS_MINUTES = (1, 5, 10, 15, 30, 45, 60, 120, 180, 240, 300, 360, 1_440, 2_880)
METRIC_WINDOWS_MINUTES = (1, 5, 15, 30, 60, 360, 720, 1_440)
EVERY_ALERT = [*ALERTS, "dead-letters"]


def metric_alerts() -> list[Resource]:
    return deployed().of("Microsoft.Insights/metricAlerts")


def properties_of(name: str) -> Any:
    made = [*deployed().of("Microsoft.Insights/scheduledQueryRules"), *metric_alerts()]
    (one,) = [each for each in made if each.name.endswith(f"-test-{name}")]
    return one.properties


def group_id() -> str:
    return deployed().one("Microsoft.Insights/actionGroups").id


def test_every_query_file_is_one_alert_and_the_reverse() -> None:
    files = sorted(path.stem for path in (INFRA / "alerts").iterdir())
    assert files == sorted(ALERTS)
    for name, alert in ALERTS.items():
        assert alert.query == (INFRA / "alerts" / f"{name}.kql").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", EVERY_ALERT)
def test_every_alert_is_on_and_tells_the_people_of_the_action_group(name: str) -> None:
    properties = properties_of(name)
    assert properties["enabled"] is True
    actions = properties["actions"]
    told = actions["actionGroups"] if isinstance(actions, dict) else [
        one["actionGroupId"] for one in actions
    ]  # fmt: skip
    assert told == [group_id()]


def test_the_people_are_those_of_the_parameters() -> None:
    group = deployed().one("Microsoft.Insights/actionGroups").properties
    addresses = [one["emailAddress"] for one in group["emailReceivers"]]
    assert addresses == ["finance@example.com", "oncall@example.com"]
    assert len({one["name"] for one in group["emailReceivers"]}) == 2
    assert 1 <= len(group["groupShortName"]) <= 12


@pytest.mark.parametrize("name", EVERY_ALERT)
def test_the_text_of_an_alert_has_severity_remedy_and_page(name: str) -> None:
    properties = properties_of(name)
    text = properties["description"]
    assert text.startswith(f"Severity {properties['severity']}. ")
    assert text.endswith(f" Remedy: docs/operations.md#alert-{name}")
    carried = properties.get("customProperties") or properties["actions"]["customProperties"]
    assert carried == {"runbook": f"docs/operations.md#alert-{name}"}
    assert len(text) > 80


@pytest.mark.parametrize("name", EVERY_ALERT)
def test_every_alert_has_its_page_in_the_operations_guide(name: str) -> None:
    page = section(OPERATIONS, f"### Alert: {name}")
    severity = properties_of(name)["severity"]
    assert re.search(rf"\*\*Severity {severity}\b", page)
    for part in ("**What it means.**", "**Who is hit.**", "**What to do.**"):
        assert part in page, part


def test_every_page_of_an_alert_belongs_to_one() -> None:
    pages = re.findall(r"^### Alert: (\S+)$", OPERATIONS, re.MULTILINE)
    assert sorted(pages) == sorted(EVERY_ALERT)


@pytest.mark.parametrize("name", ALERTS)
def test_a_query_asks_for_declared_metrics_and_their_dimensions_only(name: str) -> None:
    query = ALERTS[name].query
    named = re.findall(r'\bname == "([^"]+)"', query)
    assert named or re.search(r"^requests$", query, re.MULTILINE)
    assert [metric for metric in named if metric not in BY_NAME] == []
    allowed = {dimension for metric in named for dimension in BY_NAME[metric].dimensions}
    used = re.findall(r"customDimensions\.(\w+)", query)
    assert [dimension for dimension in used if dimension not in allowed] == []


def test_gauges_are_never_added_up_and_counters_are() -> None:
    for name, alert in ALERTS.items():
        for metric in re.findall(r'\bname == "(tieout[^"]+)"', alert.query):
            if BY_NAME[metric].kind == "gauge":
                assert "sum(" not in alert.query, name
            else:
                assert re.search(r"sum\(|sumif\(|max\(timestamp\)", alert.query), name


@pytest.mark.parametrize("name", ALERTS)
def test_the_periods_are_ones_that_azure_takes(name: str) -> None:
    alert = ALERTS[name]
    every = duration(alert.properties["evaluationFrequency"])
    assert alert.window.total_seconds() / 60 in WINDOWS_MINUTES
    assert every.total_seconds() / 60 in WINDOWS_MINUTES
    assert every <= alert.window


@pytest.mark.parametrize("name", ALERTS)
def test_the_query_looks_back_as_far_as_its_window_and_no_further(name: str) -> None:
    alert = ALERTS[name]
    spans = [
        duration(f"PT{number}{unit.upper()}" if unit != "d" else f"P{number}D")
        for number, unit in re.findall(r"ago\((\d+)([mhd])\)", alert.query)
    ]
    assert spans
    assert set(spans) == {alert.window}


@pytest.mark.parametrize("one", metric_alerts(), ids=lambda one: one.name)
def test_platform_alerts_use_metrics_that_azure_has(one: Resource) -> None:
    (criterion,) = one.properties["criteria"]["allOf"]
    known = PLATFORM[criterion["metricNamespace"]]
    assert criterion["timeAggregation"] in known[criterion["metricName"]]
    assert [each["name"] for each in criterion["dimensions"]] == ["EntityName"]
    assert [scope.split("/")[1:3] for scope in one.properties["scopes"]] == [
        criterion["metricNamespace"].split("/")
    ]
    window = duration(one.properties["windowSize"]).total_seconds() / 60
    assert window in METRIC_WINDOWS_MINUTES


def test_the_query_rules_ask_the_component_that_the_app_writes_to() -> None:
    component = deployed().one("Microsoft.Insights/components")
    for alert in ALERTS.values():
        assert alert.properties["scopes"] == [component.id]
    settings = deployed().one("Microsoft.Web/sites/config", "appSettings").properties
    assert component.name in settings["APPLICATIONINSIGHTS_CONNECTION_STRING"]


@pytest.mark.parametrize(
    ("alert", "parameter"),
    [
        ("parked-amount", "parkedAmountMinorMax"),
        ("unposted-age", "unpostedHoursMax"),
        ("payout-open", "payoutOpenHoursMax"),
    ],
)
def test_a_threshold_is_the_parameter_of_its_name(alert: str, parameter: str) -> None:
    made = deployed_with(alerting={**parameters()["alerting"], parameter: 987})
    rules = made.of("Microsoft.Insights/scheduledQueryRules")
    thresholds = {one.name.partition("test-")[2]: Alert("", one.properties) for one in rules}
    changed = [name for name, one in thresholds.items() if one.criterion["threshold"] == 987]
    assert changed == [alert]


def test_the_heartbeat_knows_every_timer_with_a_limit_of_more_than_two_periods() -> None:
    now = datetime(2026, 11, 30, 12, tzinfo=UTC)
    query = ALERTS["timer-heartbeat"].query
    limits = {row["timer"]: row["hours_max"] for row in run(query, {}, now).rows}
    assert sorted(limits) == sorted(timer.name for timer in TIMERS)
    for timer in TIMERS:
        ticks = croniter(timer.schedule, now, second_at_beginning=True, day_or=False)
        moments = [ticks.get_next(datetime) for _ in range(100)]
        gaps = [b - a for a, b in pairwise(moments)]
        hours = max(gaps).total_seconds() / 3_600
        assert hours < limits[timer.name] < 48, timer.name
        assert limits[timer.name] >= min(2 * hours, hours + 2), timer.name

"""The workbook: money, flow, cost; queries that run, over metrics that are declared."""

import json
import re
from typing import Any

import pytest

from tests.contract.infra.test_alert_queries import NOW, healthy, metric
from tests.contract.infra.test_alerts import BY_NAME, PLATFORM
from tests.contract.infra.variants import INFRA, deployed
from tests.kql import Result, run

WORKBOOK = json.loads((INFRA / "workbook.json").read_text(encoding="utf-8"))
TEXT, QUERY, PARAMETERS, METRICS = 1, 3, 9, 10
ITEMS: list[dict[str, Any]] = WORKBOOK["items"]
QUERIES = {one["name"]: one["content"]["query"] for one in ITEMS if one["type"] == QUERY}


def answer(name: str) -> Result:
    tables = healthy()
    tables["customMetrics"] += [
        metric("tieout.event.booked", 90, NOW, entity="charge", seconds_max="20"),
        metric("tieout.event.booked", 9, NOW, entity="charge", seconds_max="300"),
        metric("tieout.event.booked", 1, NOW, entity="charge", seconds_max="3600"),
        metric("tieout.document.writes", 1_000, NOW, entity_set="CustomersV3", operation="create"),
        metric("tieout.money.received_minor", 500, NOW, currency="usd", direction="in"),
        metric("tieout.money.posted_minor", 300, NOW, currency="usd", direction="in"),
        metric("tieout.parked.items", 2, NOW, cause="customer_blocked"),
    ]
    return run(QUERIES[name], tables, NOW)


def test_money_comes_first_then_flow_then_cost() -> None:
    headings = [one["content"]["json"].splitlines()[0] for one in ITEMS if one["type"] == TEXT]
    assert headings == ["## Money", "## Flow", "## Cost"]
    assert ITEMS[0]["type"] == PARAMETERS
    first = [one["name"] for one in ITEMS if one["type"] == QUERY][:5]
    assert first == ["money-by-day", "parked-amount", "parked-items", "unposted", "proof"]


def test_every_item_has_a_name_and_a_title_of_its_own() -> None:
    names = [one["name"] for one in ITEMS]
    titles = [one["content"]["title"] for one in ITEMS if one["type"] in (QUERY, METRICS)]
    assert len(set(names)) == len(names)
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_answers_rows_of_a_healthy_shop(name: str) -> None:
    made = answer(name)
    assert made.rows
    assert list(made.rows[0]) == made.columns


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_answers_nothing_from_nothing(name: str) -> None:
    assert run(QUERIES[name], {}, NOW).rows == []


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_asks_for_declared_metrics_and_their_dimensions_only(name: str) -> None:
    named = re.findall(r'"(tieout\.[^"]+)"', QUERIES[name])
    assert named or QUERIES[name].startswith("requests")
    assert [one for one in named if one not in BY_NAME] == []
    allowed = {dimension for one in named for dimension in BY_NAME[one].dimensions}
    used = re.findall(r"customDimensions\.(\w+)", QUERIES[name])
    assert [one for one in used if one not in allowed] == []


def test_the_time_to_books_is_that_of_the_events() -> None:
    (row,) = answer("time-to-books").rows
    assert (row["p50"], row["p95"], row["p99"]) == (20, 300, 300)


def test_the_requests_are_divided_by_the_records_written() -> None:
    rows = {row["vendor"]: row for row in answer("requests-per-document").rows}
    assert sorted(rows) == ["dynamics", "stripe"]
    stripe = rows["stripe"]
    assert stripe["per_record"] == round(stripe["requests"] / 1_000, 2)


def test_the_newest_state_counts_not_the_sum() -> None:
    assert [list(row.values()) for row in answer("parked-items").rows] == [["customer_blocked", 2]]


@pytest.mark.parametrize(
    "item", [one for one in ITEMS if one["type"] == METRICS], ids=lambda one: str(one["name"])
)
def test_platform_metrics_are_ones_that_azure_has(item: dict[str, Any]) -> None:
    known = PLATFORM["Microsoft.ServiceBus/namespaces"]
    for one in item["content"]["metrics"]:
        namespace, _, name = one["metric"].partition("--")
        assert namespace == "microsoft.servicebus/namespaces"
        assert "Maximum" in known[name]
        assert one["aggregation"] == 3  # Maximum


def test_the_deployed_workbook_reads_what_was_deployed() -> None:
    made = deployed()
    workbook = made.one("Microsoft.Insights/workbooks")
    text = workbook.properties["serializedData"]
    component = made.one("Microsoft.Insights/components").id
    namespace = made.one("Microsoft.ServiceBus/namespaces").id
    assert "{{" not in text
    items = json.loads(text)["items"]
    queried = [one["content"]["crossComponentResources"] for one in items if one["type"] == QUERY]
    assert queried == [[component]] * len(QUERIES)
    measured = [one["content"]["resourceIds"] for one in items if one["type"] == METRICS]
    assert measured == [[namespace]]
    assert workbook.properties["sourceId"] == component

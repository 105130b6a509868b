"""The evaluator of Kusto queries itself: what the tests of the alerts rest on."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.kql import KqlError, run

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def row(minutes: int, name: str, value: float, **dimensions: str) -> dict[str, Any]:
    at = NOW - timedelta(minutes=minutes)
    return {"timestamp": at, "name": name, "value": value, "customDimensions": dimensions}


ROWS = [row(1, "a", 3, k="x"), row(2, "a", 5, k="y"), row(70, "b", 7, k="x"), row(3, "b", 2)]
TABLES = {"customMetrics": ROWS}


def answer(query: str) -> list[list[Any]]:
    return [list(one.values()) for one in run(query, TABLES, NOW).rows]


QUERIES: dict[str, list[list[Any]]] = {
    "customMetrics | where timestamp > ago(1h) | summarize count()": [[3]],
    "customMetrics | where name == 'none' | summarize n = count()": [[0]],
    "customMetrics | where name == 'none' | summarize n = count() by name": [],
    "customMetrics | summarize total = sum(value) by name": [["a", 8], ["b", 9]],
    "customMetrics | summarize arg_max(timestamp, value) by name | project name, value": [
        ["a", 3],
        ["b", 2],
    ],
    "customMetrics | summarize n = countif(value > 2), s = sumif(value, name == 'a')": [[3, 8]],
    "customMetrics | extend k = tostring(customDimensions.k) | where isempty(k) | project value": [
        [2]
    ],
    "customMetrics | top 1 by value desc | project value": [[7]],
    "customMetrics | order by name asc, value desc | project name, value | take 2": [
        ["a", 5],
        ["a", 3],
    ],
    "customMetrics | summarize n = count() by hour = bin(timestamp, 1h) | project n": [[3], [1]],
    "customMetrics | distinct name": [["a"], ["b"]],
    "customMetrics | where name in ('a') and value between (4 .. 6) | project value": [[5]],
    "customMetrics | where not(name has 'a') | project value": [[7], [2]],
    "union customMetrics, requests | summarize count()": [[4]],
    "let few = toscalar(customMetrics | summarize min(value)); customMetrics "
    "| where value == few | project value": [[2]],
    "datatable(name: string, n: int) ['a', 1, 'c', 2] | join kind=leftouter (customMetrics "
    "| summarize m = max(value) by name) on name | project name, n, m": [
        ["a", 1, 5],
        ["c", 2, None],
    ],
    "datatable(name: string) ['a', 'c'] | join kind=leftanti (customMetrics) on name": [["c"]],
    "datatable(name: string) ['a'] | join kind=inner (customMetrics) on name | project value": [
        [3],
        [5],
    ],
    "datatable(v: int, w: int) [10, 90, 60, 9, 300, 1] "
    "| summarize (a, b, c) = percentilesw(v, w, 50, 95, 100)": [
        [10, 60, 300]
    ],
    "datatable(t: string) ['7'] | project a = toint(t) * 2 - 1, b = iff(t == '7', 'y', 'n')": [
        [13, "y"]
    ],
    "datatable(n: int) [5] | project c = case(n > 9, 'big', n > 4, 'middle', 'small')": [
        ["middle"]
    ],
    "datatable(h: double) [2.5] | project limit = now() - h * 1h": [[NOW - timedelta(hours=2.5)]],
}  # fmt: skip


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_has_the_answer_that_kusto_gives(query: str) -> None:
    assert answer(query) == QUERIES[query]


def test_comparisons_with_null_never_hold() -> None:
    for test in ("x == 1", "x != 1", "x < 1", "x > 1"):
        assert answer(f"customMetrics | extend x = valueSum | where {test}") == []
    assert len(answer("customMetrics | where isnull(valueSum)")) == 4


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("customMetrics | render timechart", "unknown operator render"),
        ("customMetrics | where nothing == 1", "unknown column nothing"),
        ("customMetrics | extend x = parse_json(name)", "unknown function parse_json"),
        ("customMetrics | summarize make_set(name)", "unknown aggregate make_set"),
        ("AppMetrics | take 1", "unknown table AppMetrics"),
        ("customMetrics | join (requests) on name", "kind expected"),
        ("customMetrics | join kind=fullouter (requests) on name", "unknown kind of join"),
        ("customMetrics | join kind=inner (requests) on value", "not columns of both sides"),
        ("customMetrics | where name !in ('a')", "unknown operator !in"),
        ("customMetrics | where name == 'a' extra", "end expected"),
        ("customMetrics | project tostring(name)", "give the column a name"),
        ("customMetrics | summarize arg_max(when, value)", "unknown columns"),
        ("customMetrics | summarize percentilesw(value, valueCount, 50)", "unknown aggregate"),
        ("customMetrics | summarize (a) = percentilesw(value, valueCount, 5, 9)", "have 1 names"),
        ("customMetrics | where name # 1", "cannot read"),
        ("datatable(a: int, b: int) [1]", "a row is not complete"),
    ],
)
def test_what_the_evaluator_does_not_know_is_refused(query: str, reason: str) -> None:
    with pytest.raises(KqlError, match=reason):
        run(query, TABLES, NOW)


def test_a_row_with_a_column_that_the_table_does_not_have_is_refused() -> None:
    with pytest.raises(KqlError, match="has no columns"):
        run("requests | take 1", {"requests": [{"status": 200}]}, NOW)

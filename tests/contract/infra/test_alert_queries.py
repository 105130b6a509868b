"""Each alert's shipped query, run over telemetry: it fires on its incident and on no other."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from functions.timers import TIMERS
from shared.metrics import METRICS
from tests.contract.infra.alert_rules import alerts
from tests.kql import Row

NOW = datetime(2026, 11, 30, 12, 7, tzinfo=UTC)  # between two recordings of the gauges
ALERTS = alerts()
QUARTER = timedelta(minutes=15)
HEALTHY_DAYS = 2
type Tables = dict[str, list[Row]]


def metric(name: str, value: float, at: datetime, **dimensions: str) -> Row:
    (declared,) = [one for one in METRICS if one.name == name]
    assert sorted(dimensions) == sorted(declared.dimensions), name
    return {
        "timestamp": at,
        "name": name,
        "value": value,
        "valueCount": 1,
        "customDimensions": dict(dimensions),
    }


def delivery(code: int, at: datetime, **changes: Any) -> Row:
    return {
        "timestamp": at,
        "name": "stripe_webhook",
        "url": "https://app/api/webhooks/stripe",
        "resultCode": str(code),
        "itemCount": 1,
        "duration": 120.0,
        "success": code < 400,
        **changes,
    }


HEALTHY_GAUGES: tuple[tuple[str, float, Mapping[str, str]], ...] = (
    ("tieout.parked.items", 0, {"cause": "refused"}),
    ("tieout.parked.amount_minor", 0, {"currency": "usd"}),
    ("tieout.parked.amount_minor", 99_999, {"currency": "jpy"}),
    ("tieout.unposted.oldest_hours", 20, {"company": "usmf"}),
    ("tieout.unposted.amount_minor", 5_000_000, {"company": "usmf", "currency": "usd"}),
    ("tieout.journal.refused", 0, {"company": "usmf"}),
    ("tieout.payout.open_items", 2, {}),
    ("tieout.payout.oldest_open_hours", 70, {}),
    ("tieout.proof.gap_minor", 0, {"currency": "usd"}),
    ("tieout.proof.gap_minor", 0, {"currency": "eur"}),
    ("tieout.silence.ratio", 0.4, {}),
    ("tieout.flow.idle_hours", 6, {"flow": "payout_flow"}),
)
WEBHOOK = {"account": "default", "door": "webhook"}
HEALTHY_COUNTERS: tuple[tuple[str, float, Mapping[str, str]], ...] = (
    ("tieout.webhook.accepted", 60, WEBHOOK),
    ("tieout.webhook.refused", 2, {"code": "bad_signature", **WEBHOOK}),
    ("tieout.webhook.refused", 1, {"code": "malformed", **WEBHOOK}),
    (
        "tieout.webhook.skipped",
        4,
        {"reason": "unknown_type", "type": "charge.expired", **WEBHOOK},
    ),
    ("tieout.vendor.requests", 400, {"vendor": "stripe", "result": "ok"}),
    ("tieout.vendor.requests", 300, {"vendor": "dynamics", "result": "ok"}),
    ("tieout.vendor.requests", 30, {"vendor": "dynamics", "result": "throttled"}),
    ("tieout.vendor.requests", 1, {"vendor": "dynamics", "result": "denied"}),
    ("tieout.item.outcomes", 3, {"entity": "charge", "outcome": "retry", "cause": "throttled"}),
)
TIMER_MINUTES = {
    "sweep_transactions": 60,
    "sweep_events": 360,
    "sweep_payouts": 240,
    "sweep_waiting": 15,
    "heal_parked": 60,
    "drain_dead_letters": 5,
    "watch_journals": 240,
    "audit_lines": 1_440,
    "continue_audit": 15,
    "measure": 5,
    "prove_books": 1_440,
    "purge": 1_440,
}


def healthy(until: datetime = NOW, since: datetime | None = None) -> Tables:
    """A busy shop on which nothing is wrong, with the noise that every day has."""
    return {name: list(rows) for name, rows in _healthy(until, since).items()}


@cache
def _healthy(until: datetime, since: datetime | None) -> Tables:
    start = since or NOW - timedelta(days=HEALTHY_DAYS, minutes=7)
    rows: list[Row] = []
    requests: list[Row] = []
    at = start
    while at <= until:
        for name, value, dimensions in (*HEALTHY_GAUGES, *HEALTHY_COUNTERS):
            rows.append(metric(name, value, at, **dimensions))
        requests += [delivery(202, at)] * 20
        requests += [delivery(400, at), delivery(400, at), delivery(503, at)]
        requests += [delivery(500, at, name="proof", url="https://app/api/proof")] * 3
        at += QUARTER
    for timer in TIMERS:
        at = start
        while at <= until:
            rows.append(metric("tieout.timer.runs", 1, at, timer=timer.name))
            at += timedelta(minutes=TIMER_MINUTES[timer.name])
    return {"customMetrics": rows, "requests": requests}


def gauge(name: str, value: float, **dimensions: str) -> Callable[[Tables], None]:
    """The gauge shows this from now on."""

    def happen(tables: Tables) -> None:
        tables["customMetrics"].append(metric(name, value, NOW, **dimensions))

    return happen


def counter(name: str, value: float, **dimensions: str) -> Callable[[Tables], None]:
    """The counter grew by this within the last minutes."""

    def happen(tables: Tables) -> None:
        at = NOW - timedelta(minutes=4)
        tables["customMetrics"].append(metric(name, value, at, **dimensions))

    return happen


def deliveries(code: int, count: int) -> Callable[[Tables], None]:
    def happen(tables: Tables) -> None:
        tables["requests"] += [delivery(code, NOW - timedelta(minutes=3)) for _ in range(count)]

    return happen


def stopped(*timers: str, hours: float) -> Callable[[Tables], None]:
    """The timers have not run since then."""

    def happen(tables: Tables) -> None:
        limit = NOW - timedelta(hours=hours)
        tables["customMetrics"] = [
            row
            for row in tables["customMetrics"]
            if row["customDimensions"].get("timer") not in timers or row["timestamp"] < limit
        ]

    return happen


EVERY_TIMER = tuple(timer.name for timer in TIMERS)
# name: alert, what happens, for which values of its dimensions it fires
INCIDENTS: dict[str, tuple[str, Callable[[Tables], None], list[tuple[Any, ...]]]] = {
    "an object is parked": (
        "parked-items",
        gauge("tieout.parked.items", 1, cause="refused"),
        [("refused",)],
    ),
    "a large amount is parked": (
        "parked-amount",
        gauge("tieout.parked.amount_minor", 100_001, currency="usd"),
        [("usd",)],
    ),
    "the posting job stands still": (
        "unposted-age",
        gauge("tieout.unposted.oldest_hours", 49, company="usmf"),
        [("usmf",)],
    ),
    "the proof has a gap": (
        "proof-gap",
        gauge("tieout.proof.gap_minor", -1, currency="eur"),
        [("eur",)],
    ),
    "a payout is not tied out": (
        "payout-open",
        gauge("tieout.payout.oldest_open_hours", 169),
        [()],
    ),
    "no event arrives": ("silence", gauge("tieout.silence.ratio", 1.1), [()]),
    "deliveries are refused": ("webhook-4xx", deliveries(413, 20), [()]),
    "deliveries fail": ("webhook-5xx", deliveries(503, 6), [()]),
    "signatures are wrong": (
        "webhook-signatures",
        counter("tieout.webhook.refused", 11, code="bad_signature", **WEBHOOK),
        [()],
    ),
    "one timer stands still": (
        "timer-heartbeat",
        stopped("sweep_transactions", hours=3),
        [("sweep_transactions",)],
    ),
    "the nightly timer stands still": (
        "timer-heartbeat",
        stopped("audit_lines", hours=27),
        [("audit_lines",)],
    ),
    "no timer ever reports": (
        "timer-heartbeat",
        stopped(*EVERY_TIMER, hours=99),
        [(name,) for name in EVERY_TIMER],
    ),
    "dynamics throttles": (
        "vendor-throttled",
        counter("tieout.vendor.requests", 200, vendor="dynamics", result="throttled"),
        [("dynamics",)],
    ),
    "stripe denies": (
        "vendor-denied",
        counter("tieout.vendor.requests", 3, vendor="stripe", result="denied"),
        [("stripe",)],
    ),
    "a flow stands still": (
        "flow-stuck",
        gauge("tieout.flow.idle_hours", 12.5, flow="payout_flow"),
        [("payout_flow",)],
    ),
    "a journal is refused": (
        "journal-refused",
        gauge("tieout.journal.refused", 1, company="usmf"),
        [("usmf",)],
    ),
    "tieout has a fault": (
        "app-faults",
        counter("tieout.fault.events", 1, event="converge_failed"),
        [("converge_failed",)],
    ),
}


def fired(tables: Tables, now: datetime = NOW) -> dict[str, list[tuple[Any, ...]]]:
    answers = {name: alert.fired(tables, now) for name, alert in ALERTS.items()}
    return {name: keys for name, keys in answers.items() if keys}


def test_every_alert_has_an_incident() -> None:
    assert sorted({name for name, _, _ in INCIDENTS.values()}) == sorted(ALERTS)


@pytest.mark.parametrize("hours", range(0, 24, 6))
def test_a_healthy_shop_is_silent(hours: int) -> None:
    assert fired(healthy(), NOW - timedelta(hours=hours)) == {}


@pytest.mark.parametrize("incident", INCIDENTS)
def test_an_incident_fires_its_alert_and_no_other(incident: str) -> None:
    name, happen, keys = INCIDENTS[incident]
    tables = healthy()
    happen(tables)
    assert fired(tables) == {name: keys}


@pytest.mark.parametrize("incident", INCIDENTS)
def test_the_alert_ends_when_the_incident_is_over(incident: str) -> None:
    _, happen, _ = INCIDENTS[incident]
    tables = healthy()
    happen(tables)
    later = NOW + timedelta(hours=1)
    after = healthy(later, NOW + timedelta(minutes=1))
    for name, rows in after.items():
        tables[name] += rows
    # a gauge goes on being recorded once it is over
    raised = [row for row in tables["customMetrics"] if row["timestamp"] == NOW]
    tables["customMetrics"] += [
        {**row, "timestamp": later, "value": healthy_value(row)} for row in raised
    ]
    tables["customMetrics"] += [
        metric("tieout.timer.runs", 1, later, timer=timer) for timer in EVERY_TIMER
    ]
    assert fired(tables, later + timedelta(seconds=1)) == {}


def healthy_value(row: Row) -> float:
    for name, value, dimensions in HEALTHY_GAUGES:
        if (name, dict(dimensions)) == (row["name"], row["customDimensions"]):
            return value
    return 0


LIMITS = {  # at its limit an alert is still silent
    "parked-amount": gauge("tieout.parked.amount_minor", 100_000, currency="usd"),
    "unposted-age": gauge("tieout.unposted.oldest_hours", 48, company="usmf"),
    "payout-open": gauge("tieout.payout.oldest_open_hours", 168),
    "silence": gauge("tieout.silence.ratio", 1.0),
    "webhook-4xx": deliveries(400, 18),
    "webhook-5xx": deliveries(503, 4),
    "webhook-signatures": counter("tieout.webhook.refused", 8, code="bad_signature", **WEBHOOK),
    "timer-heartbeat": stopped("sweep_transactions", hours=2),
    "vendor-denied": counter("tieout.vendor.requests", 1, vendor="dynamics", result="denied"),
    "flow-stuck": gauge("tieout.flow.idle_hours", 12, flow="payout_flow"),
}


@pytest.mark.parametrize("name", LIMITS)
def test_at_its_limit_an_alert_is_silent(name: str) -> None:
    tables = healthy()
    LIMITS[name](tables)
    assert name not in fired(tables)


def test_few_requests_that_are_throttled_are_no_incident() -> None:
    at = NOW - timedelta(minutes=1)
    row = metric("tieout.vendor.requests", 20, at, vendor="stripe", result="throttled")
    assert "vendor-throttled" not in fired({"customMetrics": [row]})


def test_few_failures_among_many_deliveries_are_no_incident() -> None:
    tables: Tables = {"requests": [delivery(202, NOW)] * 500 + [delivery(503, NOW)] * 20}
    assert "webhook-5xx" not in fired(tables)


def test_a_fresh_deployment_has_time_for_its_first_timers() -> None:
    started = NOW - timedelta(minutes=40)
    tables = healthy(since=started)
    stopped("audit_lines", "sweep_events", "sweep_payouts", hours=99)(tables)
    assert "timer-heartbeat" not in fired(tables)


def test_without_telemetry_the_timers_alone_are_missing() -> None:
    assert list(fired({})) == ["timer-heartbeat"]
    assert len(fired({})["timer-heartbeat"]) == len(TIMERS)

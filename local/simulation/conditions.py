"""What differs from seed to seed besides the faults: settings of the app, habits of the peers.

Each has a stream of its own, so that a new condition does not move the others. The defaults are
those of production.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from local.servicebus import QueueSettings, load_queues
from local.simulation.faults import fraction
from local.stripe import Shape
from shared.ingress import Ingress
from shared.ports import QUERY_ROWS_MAX

SETTLE_SECONDS = 290.0  # below `write_settle_seconds`: a write lands within that, or never
LATE_COMMIT_SECONDS_MIN = 5.0
PARTITIONS = (1, 2, 2, 3)
LEDGER_PARTITIONS = (1, 1, 2)
INSTANCES = (2, 2, 3)
DELIVERIES = (2, 3, 10)
OVERLAP_HOURS = (1, 1, 3, 24)
WINDOW_SECONDS = (3_600.0, 86_400.0, 7 * 86_400.0)
LATENCY_SECONDS = ((0.05, 0.5), (0.05, 3.0), (0.5, 10.0), (2.0, 40.0))
JOURNAL_LINES = (1_000, 1_000, 20, 3)
JOURNAL_HOURS = (24, 24, 6, 1)
ATTEMPTS = (12, 12, 4)
GATHER_SECONDS = (10, 10, 0, 60)
RETENTION = (30, 30, 8)
ORDERS = (False, True)
SECOND_ACCOUNT = (True, False)  # of seeds without orders
PAGE_ROWS = (QUERY_ROWS_MAX, 25, 7, 3)
PAST_DAYS = (0.0, 0.0, 20.0, 60.0)
TIME_ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Asia/Tokyo")
LATE_SECONDS = (3_600.0, 40 * 3_600.0)
SHAPES: tuple[tuple[Shape, ...], ...] = (("snapshot", "thin"), ("thin",), ("snapshot",))
SHUFFLE_SECONDS = (60.0, 3_600.0)
STARTS = (
    datetime(2026, 10, 12, tzinfo=UTC),
    datetime(2026, 10, 23, tzinfo=UTC),  # summer time ends in Europe, then a month
    datetime(2026, 10, 30, tzinfo=UTC),  # a month ends, then summer time in America
    datetime(2026, 12, 29, tzinfo=UTC),  # a year ends
    datetime(2027, 2, 26, tzinfo=UTC),  # a short month; then summer time begins
)
MONTH_ENDS = STARTS[2:]  # a month is over soon, and its tax document comes
WAYS_IN: tuple[Ingress, ...] = ("both", "event_grid")
OTHER_WAY_EVERY = 5  # seeds; the others have the webhook alone
TAX_DOCUMENT_EVERY = 8  # seeds; the others book fees by journal
STALE_SECONDS = (60.0, 3_000.0)  # below the smallest overlap of the sweeps


@dataclass(frozen=True, slots=True)
class Conditions:
    """Seconds unless the name says otherwise. `page_rows`: how many rows of a table come at once.
    `past_days`: how long there was business before the app was switched on.

    Latencies: of Dynamics, of Stripe, of a table's read and of its write, least and most; without
    them rivals would move in step and never meet half-way, and a timer that reads a thousand rows
    one by one would take no time."""

    start: datetime = STARTS[0]
    instances: int = 2
    partitions: int = 4
    ledger_partitions: int = 1
    deliveries_max: int = 10
    duplicate_window_seconds: float = 7 * 86_400.0
    overlap_hours: int = 24
    journal_lines_max: int = 1_000
    journal_hours_max: int = 24
    attempts_max: int = 12
    gather_seconds: int = 10
    retention_days: int = 30
    time_zone: str = "UTC"
    latency_seconds: tuple[float, float] = (0.05, 3.0)
    stripe_seconds: tuple[float, float] = (0.05, 0.8)
    read_seconds: tuple[float, float] = (0.005, 0.02)
    table_seconds: tuple[float, float] = (0.005, 0.1)
    page_rows: int = QUERY_ROWS_MAX
    past_days: float = 0.0
    late_commit_seconds: float = 60.0
    webhook_late_seconds: float = 3_600.0
    webhook_shuffle_seconds: float = 60.0
    stale_list_seconds: float = 60.0
    orders: bool = False
    ingress: Ingress = "webhook"
    shapes: tuple[Shape, ...] = ("snapshot",)
    second_account: bool = False
    fees_accrue: bool = False


def conditions_of(seed: int) -> Conditions:
    """The conditions of a seed."""

    def one_of[T](name: str, choices: Sequence[T]) -> T:
        return choices[int(fraction("condition", seed, name) * len(choices))]

    def between(name: str, low: float, high: float) -> float:
        return low + (high - low) * fraction("condition", seed, name)

    latency = one_of("speed of dynamics", LATENCY_SECONDS)
    orders = one_of("orders", ORDERS)
    fees_accrue = seed % TAX_DOCUMENT_EVERY == 0
    late_commit_max = SETTLE_SECONDS - latency[1]
    return Conditions(
        start=one_of("start", MONTH_ENDS if fees_accrue else STARTS),
        instances=one_of("instances", INSTANCES),
        partitions=one_of("partitions", PARTITIONS),
        ledger_partitions=one_of("ledger partitions", LEDGER_PARTITIONS),
        deliveries_max=one_of("deliveries", DELIVERIES),
        duplicate_window_seconds=one_of("window", WINDOW_SECONDS),
        overlap_hours=one_of("overlap", OVERLAP_HOURS),
        journal_lines_max=one_of("journal lines", JOURNAL_LINES),
        journal_hours_max=one_of("journal hours", JOURNAL_HOURS),
        attempts_max=one_of("attempts", ATTEMPTS),
        gather_seconds=one_of("gather", GATHER_SECONDS),
        retention_days=one_of("retention", RETENTION),
        time_zone=one_of("time zone", TIME_ZONES),
        orders=orders,
        second_account=not orders and one_of("second account", SECOND_ACCOUNT),
        page_rows=one_of("page rows", PAGE_ROWS),
        past_days=one_of("past", PAST_DAYS),
        latency_seconds=latency,
        late_commit_seconds=between("late commit", LATE_COMMIT_SECONDS_MIN, late_commit_max),
        webhook_late_seconds=between("late", *LATE_SECONDS),
        webhook_shuffle_seconds=between("shuffle", *SHUFFLE_SECONDS),
        stale_list_seconds=between("stale", *STALE_SECONDS),
        ingress=one_of("ingress", WAYS_IN) if seed % OTHER_WAY_EVERY == 0 else "webhook",
        shapes=one_of("shapes", SHAPES),
        fees_accrue=fees_accrue,
    )


def queues_of(conditions: Conditions, file: Path) -> tuple[QueueSettings, ...]:
    """The queues of production, with the limits of a seed."""
    return tuple(
        replace(
            queue,
            duplicate_window_seconds=conditions.duplicate_window_seconds,
            max_delivery_count=conditions.deliveries_max,
        )
        for queue in load_queues(file)
    )

"""Every metric, declared once: alerts, the workbook and what emits them use these names.

Counters are increments, added up over time. A gauge is the state at the moment it is recorded; its
newest value counts. Record it at least once within the window of the alert that reads it (an hour
for what is parked, two for silence, two days for the proof, six hours for the rest), and for each
value of its dimensions that it had within that window, 0 included, so that the alert ends.
Dimensions hold closed words, never ids or names of people; amounts are minor units. Counters only
rise: signed amounts are two series, `direction` in and out, and their difference is the sum.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: name, kind, unit (UCUM; braces annotate a number), meaning, dimensions."""

    name: str
    kind: Literal["counter", "gauge"]
    unit: str
    meaning: str
    dimensions: tuple[str, ...] = ()


# Upper bounds of `tieout.event.booked`, in seconds; what takes longer has the last one.
BOOKED_SECONDS = (5, 10, 20, 30, 60, 120, 300, 900, 3_600, 21_600, 86_400, 604_800)

_WEBHOOK = (
    Metric(
        "tieout.webhook.accepted",
        "counter",
        "{event}",
        "Events put on a queue; door: webhook, or event_grid.",
        ("account", "door"),
    ),
    Metric(
        "tieout.webhook.refused",
        "counter",
        "{request}",
        "Deliveries refused; code: bad_signature, malformed, too_large, unknown_account, closed.",
        ("code", "account", "door"),
    ),
    Metric(
        "tieout.webhook.skipped",
        "counter",
        "{event}",
        "Events that concern nothing of ours, by reason and type.",
        ("reason", "type", "account", "door"),
    ),
    Metric(
        "tieout.webhook.unavailable",
        "counter",
        "{event}",
        "Events that a queue did not take; Stripe or the queue `ingress` delivers them again.",
        ("error", "account", "door"),
    ),
    Metric(
        "tieout.silence.ratio",
        "gauge",
        "1",
        "Time since the last event, divided by the longest usual gap of this merchant.",
    ),
)

_WORK = (
    Metric(
        "tieout.timer.runs",
        "counter",
        "{run}",
        "Runs of a timer that came to their end without an error.",
        ("timer",),
    ),
    Metric(
        "tieout.sweep.transactions",
        "counter",
        "{transaction}",
        "Balance transactions that the sweep enqueued, because no event led to them.",
        ("account",),
    ),
    Metric(
        "tieout.sweep.events",
        "counter",
        "{event}",
        "Events that the sweep enqueued, because their delivery was lost.",
        ("account",),
    ),
    Metric(
        "tieout.audit.suspects",
        "counter",
        "{object}",
        "Objects that the audit sent to verification.",
    ),
    Metric(
        "tieout.healing.sent",
        "counter",
        "{object}",
        "Parked objects that healing tried again.",
    ),
    Metric(
        "tieout.item.outcomes",
        "counter",
        "{item}",
        "Items by outcome (done, retry, parked, skipped, waiting) and cause.",
        ("entity", "outcome", "cause"),
    ),
    Metric(
        "tieout.event.booked",
        "counter",
        "{event}",
        "Events whose object is done, by the bound of BOOKED_SECONDS under which it was done.",
        ("entity", "seconds_max"),
    ),
    Metric(
        "tieout.flow.idle_hours",
        "gauge",
        "h",
        "Hours since the flow that has been idle longest last looked.",
        ("flow",),
    ),
    Metric(
        "tieout.fault.events",
        "counter",
        "{event}",
        "Faults of ours or of the settings: converge_failed, timer_part_failed, not_configured...",
        ("event",),
    ),
)

_MONEY = (
    Metric(
        "tieout.parked.items", "gauge", "{object}", "Objects in the inbox, by cause.", ("cause",)
    ),
    Metric(
        "tieout.parked.amount_minor",
        "gauge",
        "{minor}",
        "Sum of the absolute amounts at stake in the inbox.",
        ("currency",),
    ),
    Metric(
        "tieout.money.received_minor",
        "counter",
        "{minor}",
        "Net of the balance transactions that were read for the first time.",
        ("currency", "direction"),
    ),
    Metric(
        "tieout.money.written_minor",
        "counter",
        "{minor}",
        "Net of the balance transactions whose lines were written.",
        ("currency", "direction"),
    ),
    Metric(
        "tieout.money.posted_minor",
        "counter",
        "{minor}",
        "Net of the balance transactions whose lines were seen posted.",
        ("currency", "direction"),
    ),
    Metric(
        "tieout.unposted.amount_minor",
        "gauge",
        "{minor}",
        "Sum of the absolute net amounts whose lines are written and not posted.",
        ("company", "currency"),
    ),
    Metric(
        "tieout.unposted.oldest_hours",
        "gauge",
        "h",
        "Age of the oldest line that is written and not posted; 0 when there is none.",
        ("company",),
    ),
    Metric(
        "tieout.journal.refused",
        "gauge",
        "{journal}",
        "Journals that the posting job passed over.",
        ("company",),
    ),
    Metric("tieout.payout.open_items", "gauge", "{payout}", "Paid payouts without a tie-out."),
    Metric(
        "tieout.payout.oldest_open_hours",
        "gauge",
        "h",
        "Age of the oldest paid payout without a tie-out; 0 when there is none.",
    ),
    Metric(
        "tieout.proof.gap_minor",
        "gauge",
        "{minor}",
        "What the clearing proof cannot explain; 0 when the books equal the Stripe balance.",
        ("currency",),
    ),
)

_VENDORS = (
    Metric(
        "tieout.vendor.requests",
        "counter",
        "{request}",
        "Requests to stripe or dynamics; result: ok, throttled, denied (also where nobody gave a "
        "token to send), failed, no_answer.",
        ("vendor", "result"),
    ),
    Metric(
        "tieout.document.writes",
        "counter",
        "{record}",
        "Records written to Dynamics; operation: create, update, delete.",
        ("entity_set", "operation"),
    ),
)

METRICS: tuple[Metric, ...] = (*_WEBHOOK, *_WORK, *_MONEY, *_VENDORS)

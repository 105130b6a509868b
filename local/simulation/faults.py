"""What can go wrong, how often, and the record of what did.

Every kind has a stream of its own, fixed by (seed, kind, number of the opportunity): leaving one
fault out moves no other kind, so that a failing run can be replayed with a part of its faults.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import log
from types import MappingProxyType

from local.simulation.timeline import Timeline

OFF_SHARE = 0.1  # of seeds leave a kind out altogether
FRACTION_BYTES = 8
NEVER = 1 << 62


@dataclass(frozen=True, slots=True)
class FaultKind:
    """A kind of fault. `rate_max` is the largest share of opportunities that it strikes."""

    name: str
    rate_max: float
    text: str


KINDS: tuple[FaultKind, ...] = (
    FaultKind("webhook_lost", 0.15, "an event is never delivered"),
    FaultKind("webhook_repeated", 0.3, "an event is delivered twice"),
    FaultKind("webhook_swallowed", 0.05, "an event is answered with 2xx and lost afterwards"),
    FaultKind("webhook_late", 0.1, "an event comes hours late"),
    FaultKind("webhook_shuffled", 0.5, "an event is overtaken by later ones"),
    FaultKind("webhook_same_second", 0.3, "two events of one object within a second"),
    FaultKind("webhook_old_version", 0.2, "an event in the API shape of 2020"),
    FaultKind("webhook_rolled_secret", 0.1, "an event signed by the previous secret alone"),
    FaultKind("event_grid_lost", 0.15, "Event Grid never delivers a message"),
    FaultKind("event_grid_late", 0.1, "Event Grid delivers a message hours late"),
    FaultKind("event_grid_repeated", 0.3, "Event Grid delivers a message twice"),
    FaultKind("event_grid_refused", 0.3, "the queue refuses Event Grid, which tries again"),
    FaultKind("event_grid_unreadable", 0.02, "a message of Event Grid is no event of Stripe"),
    FaultKind("stripe_429", 0.05, "Stripe throttles a request"),
    FaultKind("stripe_500", 0.03, "Stripe answers 500"),
    FaultKind("stripe_timeout", 0.01, "Stripe's answer takes too long and is a 504"),
    FaultKind("stripe_slow", 0.05, "Stripe's answer is slow"),
    FaultKind("stripe_stale_list", 0.1, "a list lacks the newest objects"),
    FaultKind("stripe_broken_text", 0.1, "a text in Stripe holds half a surrogate pair"),
    FaultKind("refund_fails_soon", 0.5, "a refund fails within minutes of its success"),
    FaultKind("broker_redelivery", 0.03, "a completed message comes again"),
    FaultKind("broker_lock_lost", 0.1, "the session's lock is lost in mid-batch"),
    FaultKind(
        "broker_duplicate", 0.01, "a message comes again after the duplicate-detection window"
    ),
    FaultKind("broker_small_batch", 0.5, "one message is handed over, though more are there"),
    FaultKind("broker_elsewhere", 0.1, "the object of a message is in another partition too"),
    FaultKind("queue_unavailable", 0.05, "the broker takes no message"),
    FaultKind("queue_answer_lost", 0.02, "the broker took the messages, its answer is lost"),
    FaultKind("flows_unavailable", 0.2, "the durable client does not answer"),
    FaultKind("flow_ends_early", 0.2, "a durable flow that was started fails or is terminated"),
    FaultKind("queue_outage", 0.1, "the broker takes nothing for minutes"),
    FaultKind("process_killed", 0.0008, "an instance dies before or after a port call"),
    FaultKind("process_killed_seldom", 0.01, "an instance dies at a port call that is rare"),
    FaultKind("process_frozen", 0.0008, "an instance stands still, then goes on"),
    FaultKind("redeployed", 0.0001, "all instances die at once, in the middle of their work"),
    FaultKind("clock_skew", 0.8, "an instance's clock is ahead or behind"),
    FaultKind("clock_stepped", 0.0002, "an instance's clock jumps"),
    FaultKind("table_conflict", 0.005, "a table write meets a changed row (412)"),
    FaultKind("table_unavailable", 0.005, "a table does not answer, nothing was done"),
    FaultKind("table_answer_lost", 0.005, "a table write is done, its answer is lost"),
    FaultKind("table_transaction_refused", 0.01, "a transaction of several rows is refused whole"),
    FaultKind("table_slow", 0.01, "a table takes seconds"),
    FaultKind("table_outage", 0.1, "the tables do not answer for minutes"),
    FaultKind("connection_refused", 0.01, "no connection to Stripe or Dynamics, nothing was sent"),
    FaultKind(
        "connection_reset", 0.01, "the connection to Stripe or Dynamics ends before the answer"
    ),
    FaultKind("stripe_outage", 0.1, "Stripe is away for minutes or hours"),
    FaultKind("dynamics_outage", 0.1, "Dynamics is away for hours, as in its maintenance window"),
    FaultKind("dynamics_token_revoked", 0.1, "every token of Dynamics ends at once"),
    FaultKind("dynamics_429", 0.05, "Dynamics throttles a request"),
    FaultKind("dynamics_500", 0.03, "Dynamics answers 500, nothing was done"),
    FaultKind("dynamics_gateway", 0.02, "the gateway before Dynamics answers 502"),
    FaultKind("dynamics_timeout", 0.02, "no answer, nothing was done"),
    FaultKind("dynamics_answer_lost", 0.1, "done, but the answer is a 500 or never comes"),
    FaultKind("dynamics_late_commit", 0.15, "no answer, and the write lands minutes later"),
    FaultKind(
        "dynamics_key_taken", 0.1, "done, the answer is lost, a repeat says the record exists"
    ),
    FaultKind("dynamics_broken_text", 0.3, "a refusal's text holds half a surrogate pair"),
    FaultKind("dynamics_cut_batch", 0.15, "the connection ends when a part of a batch is done"),
    FaultKind("dynamics_cut_answer", 0.12, "the answer of a batch ends in the middle"),
    FaultKind("dynamics_update_conflict", 0.08, "another user writes to the journal"),
    FaultKind("dynamics_posted_meanwhile", 0.05, "the posting job comes while a journal is filled"),
    FaultKind("journal_refused", 0.6, "an account is suspended: the posting job refuses journals"),
    FaultKind("line_moved", 0.6, "the posting job moves bad lines to another journal"),
    FaultKind("period_closed", 0.8, "a period is closed in Dynamics for some days"),
    FaultKind("customer_blocked", 1.0, "a customer is on hold in Dynamics for some days"),
    FaultKind("foreign_message", 0.05, "somebody else sends to a queue of ours"),
    FaultKind("person_retries", 0.3, "support retries parked items by hand"),
    FaultKind(
        "person_resolves", 0.3, "support resolves parked items: booked by hand, or never to be"
    ),
    FaultKind("person_corrects", 0.3, "the controller clears suspense and takes back posted fees"),
    FaultKind("person_backfills", 0.1, "somebody starts a backfill of any age in mid-business"),
    FaultKind("person_repartitions", 0.1, "an administrator lowers the partitions, or raises them"),
    FaultKind("person_reroutes", 0.2, "a policy is published that sends sales to another company"),
)
NAMES: tuple[str, ...] = tuple(kind.name for kind in KINDS)

STRIPE_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "drop": "webhook_lost",
        "duplicate": "webhook_repeated",
        "late": "webhook_late",
        "shuffle": "webhook_shuffled",
        "old_api_version": "webhook_old_version",
        "rolled_secret": "webhook_rolled_secret",
        "rate_limit": "stripe_429",
        "server_error": "stripe_500",
        "timeout": "stripe_timeout",
        "latency": "stripe_slow",
        "stale_list": "stripe_stale_list",
    }
)
"""The Stripe peer's names of its faults."""

DYNAMICS_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "throttle": "dynamics_429",
        "server_error": "dynamics_500",
        "html_error": "dynamics_gateway",
        "timeout_before_commit": "dynamics_timeout",
        "error_after_commit": "dynamics_answer_lost",
        "late_commit": "dynamics_late_commit",
        "drop_mid_batch": "dynamics_cut_batch",
        "truncate_batch": "dynamics_cut_answer",
        "update_conflict": "dynamics_update_conflict",
        "posted_meanwhile": "dynamics_posted_meanwhile",
        "key_taken": "dynamics_key_taken",
        "broken_text": "dynamics_broken_text",
    }
)
"""The Dynamics peer's names of its faults."""


@dataclass(frozen=True, slots=True)
class Injected:
    """A fault that struck: its kind and the number of the opportunity within the kind."""

    kind: str
    number: int
    what: str


type Allowed = Mapping[str, Sequence[int]]
"""For replays: per kind the opportunities that may strike; kinds left out never do."""


def rates_of(seed: int) -> dict[str, float]:
    """The rate of each kind in the run of a seed. A new kind does not move the others."""
    rates = {}
    for kind in KINDS:
        off = fraction("off", seed, kind.name) < OFF_SHARE
        rates[kind.name] = 0.0 if off else kind.rate_max * fraction("rate", seed, kind.name)
    return rates


def fraction(*parts: object) -> float:
    """A number in [0, 1) that is fixed by its parts."""
    digest = sha256(" ".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:FRACTION_BYTES]) / (1 << (8 * FRACTION_BYTES))


class Injector:
    """Decides which faults strike. `is_active` False: none does any more."""

    def __init__(
        self,
        seed: int,
        timeline: Timeline,
        *,
        rates: Mapping[str, float] | None = None,
        allowed: Allowed | None = None,
    ) -> None:
        self.rates = dict(rates_of(seed) if rates is None else rates)
        self.is_active = True
        self.injected: list[Injected] = []
        self._seed = seed
        self._timeline = timeline
        self._allowed = allowed
        self._numbers = dict.fromkeys(NAMES, 0)
        self._next = {name: self._following(name, 0) for name in NAMES}

    def _following(self, kind: str, number: int) -> int:
        """The opportunity after this one that the fault strikes: as if each were drawn by itself,
        for the price of one draw a strike."""
        rate = self.rates.get(kind, 0.0)
        if not rate:
            return NEVER
        draw = 1.0 - fraction(self._seed, kind, number)
        return number + 1 + (int(log(draw) / log(1.0 - rate)) if rate < 1 else 0)

    def strikes(self, kind: str, what: str = "") -> bool:
        """Whether the fault strikes this opportunity; `what` is told to the timeline."""
        if not self.is_active:
            return False
        number = self._numbers[kind] = self._numbers[kind] + 1
        if number < self._next[kind]:
            return False
        self._next[kind] = self._following(kind, number)
        if self._allowed is not None and number not in self._allowed.get(kind, ()):
            return False
        self.injected.append(Injected(kind, number, what))
        self._timeline.note("fault", f"{kind} #{number} {what}".rstrip())
        return True

    def size(self, kind: str, low: float, high: float) -> float:
        """How large the fault of this kind that struck last is."""
        share = fraction(self._seed, kind, "size", self._numbers[kind])
        return low + (high - low) * share

    def counts(self) -> dict[str, int]:
        """How often each kind struck."""
        found = dict.fromkeys(NAMES, 0)
        for each in self.injected:
            found[each.kind] += 1
        return found

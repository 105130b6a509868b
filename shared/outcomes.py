"""The outcome table: what each error means for an item, and the code that reads the table.

Every result becomes done, retry, park, skip or waiting by its type. What no row of `TABLE` names is
parked as `unexpected`: never dropped, never retried for ever.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from shared.errors import (
    TEXT_CHARS_MAX,
    ClaimHeld,
    CredentialsRefused,
    DuplicateKey,
    JournalPosted,
    LeaseOver,
    MappingUnusable,
    MarkTaken,
    ObjectMissing,
    Overtaken,
    Parked,
    Refused,
    Skipped,
    TableConflict,
    Throttled,
    TieoutError,
    Unavailable,
    UncertainWrite,
    UpdateConflict,
    Waiting,
    clean_text,
)


class Kind(StrEnum):
    """What becomes of a unit of work."""

    DONE = "done"
    RETRY = "retry"
    PARK = "parked"
    SKIP = "skipped"
    WAITING = "waiting"
    RESOLVED = "resolved"  # parked, then taken out of the inbox by a person


RESOLVED_CAUSE = "resolved"  # why an object is skipped that a person took out of the inbox


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one unit of work.

    `counts`: a retry that uses up an attempt. `delay_seconds`: the least wait before the retry
    (None: back-off decides). `cause`, `text`, `remedy` and `evidence` (JSON text): for people, set
    when parked or waiting. `amount_minor` of `currency`: the money at stake, where it is known.
    """

    kind: Kind
    counts: bool = False
    delay_seconds: float | None = None
    cause: str = ""
    text: str = ""
    remedy: str = ""
    amount_minor: int = 0
    currency: str = ""
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of the outcome table."""

    error: type[Exception]
    kind: Kind
    counts: bool
    cause: str
    remedy: str


TABLE: tuple[TableRow, ...] = (
    TableRow(Throttled, Kind.RETRY, True, "throttled", "Wait, or raise the vendor's limit."),
    TableRow(
        CredentialsRefused, Kind.RETRY, True, "credentials", "Check the named key or role, retry."
    ),
    TableRow(
        MappingUnusable, Kind.RETRY, True, "mapping_unusable", "Publish or roll back, then retry."
    ),
    TableRow(
        Unavailable, Kind.RETRY, True, "unavailable", "Check that the named system is up, retry."
    ),
    TableRow(
        UncertainWrite,
        Kind.RETRY,
        True,
        "uncertain_write",
        "Answers of Dynamics kept getting lost. Check its health, then retry: Tieout looks for the "
        "record before it writes it again.",
    ),
    TableRow(
        LeaseOver,
        Kind.RETRY,
        False,
        "lease_over",
        "Each time, too little time was left for a request to Dynamics. Check how fast storage and "
        "Dynamics answer, or raise TIEOUT_BATCH_SECONDS_MAX; then retry.",
    ),
    TableRow(
        ClaimHeld,
        Kind.RETRY,
        False,
        "claim_held",
        "Another worker holds the object each time. Look in the log for the workers that take it; "
        "a claim ends by itself after TIEOUT_LEASE_SECONDS. Then retry.",
    ),
    TableRow(
        TableConflict,
        Kind.RETRY,
        False,
        "table_conflict",
        "Somebody else changes the same rows each time. Check whether two apps share the storage "
        "account; then retry.",
    ),
    TableRow(
        JournalPosted,
        Kind.RETRY,
        False,
        "journal_posted",
        "Dynamics posts our journals while Tieout fills them. Let the posting job run less often, "
        "then retry.",
    ),
    TableRow(
        UpdateConflict,
        Kind.RETRY,
        True,
        "update_conflict",
        "Somebody else writes to our journals; give them other journal names, then retry.",
    ),
    TableRow(
        Overtaken,
        Kind.RETRY,
        True,
        "overtaken",
        "Dynamics keeps refusing the change that the message names. Correct the record there, then "
        "retry.",
    ),
    TableRow(
        MarkTaken,
        Kind.RETRY,
        True,
        "mark_taken",
        "Another draft marks the invoice that the message names. Post or delete it, then retry.",
    ),
    TableRow(
        ObjectMissing,
        Kind.PARK,
        False,
        "object_missing",
        "Check that key, account and mode are those of the event; a wrong key looks the same.",
    ),
    TableRow(
        DuplicateKey,
        Kind.PARK,
        False,
        "duplicate_key",
        "Dynamics has a record with this key that is not ours; change or link it, then retry.",
    ),
    TableRow(Refused, Kind.PARK, False, "refused", "Correct what the message names, then retry."),
)


class NeedsMaster(TieoutError):
    """Master data that a line needs could not be written; carries the outcome on it."""

    def __init__(self, what: str, outcome: Outcome) -> None:
        super().__init__(f"{what}: {outcome.text}")
        self.outcome = outcome


def outcome_of(error: Exception) -> Outcome:
    """The one place where an error becomes an outcome."""
    if isinstance(error, NeedsMaster):
        return replace(error.outcome, text=str(error))
    if isinstance(error, Waiting):
        return Outcome(Kind.WAITING, cause=error.reason, text=str(error))
    if isinstance(error, Skipped):
        return Outcome(Kind.SKIP, cause=error.reason, text=str(error))
    if isinstance(error, Parked):
        found = (error.cause, str(error), error.remedy)
        return Outcome(Kind.PARK, False, None, *found, evidence=error.evidence)
    for row in TABLE:
        if isinstance(error, row.error):
            delay = getattr(error, "retry_after_seconds", None)
            return Outcome(row.kind, row.counts, delay, row.cause, str(error), row.remedy)
    return Outcome(
        Kind.PARK,
        cause="unexpected",
        text=clean_text(f"{type(error).__name__}: {error}"[:TEXT_CHARS_MAX]),
        remedy="This is a fault of Tieout: report it with the log of this item.",
    )

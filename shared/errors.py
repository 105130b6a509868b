"""Every error the application knows, and what each one means for the work at hand.

    TieoutError
      Throttled            the other side asks for patience            -> retry
      Unavailable          nothing was done; may work later            -> retry
        StorageUnavailable, QueueUnavailable, FlowsUnavailable
      CredentialsRefused   a key or a role is wrong                    -> retry, parked in the end
      MappingUnusable      the active mapping does not compile         -> retry, parked in the end
      UncertainWrite       sent, answer lost: look before writing      -> retry after settling
      LeaseOver            the claim ended before the write was sent   -> retry, no attempt counted
      ClaimHeld            another worker has the object               -> retry, no attempt counted
      TableConflict        somebody changed the row first              -> retry, no attempt counted
      UpdateConflict       two writers met in one Dynamics journal     -> retry
      JournalPosted        the journal was posted meanwhile            -> retry, no attempt counted
      ObjectMissing        Stripe: `resource_missing`                  -> park
      Refused              the vendor refuses this request for good    -> park
        DuplicateKey       a record of this key exists                 -> park
      Waiting              the counterpart does not exist yet          -> waiting
      Skipped              nothing to do, on purpose                   -> skip
      Parked               a person must decide                        -> park
      SignatureRefused     the webhook's signature is wrong            (HTTP 400)

What no row of `TABLE` names is parked as `unexpected`: never dropped, never retried for ever.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

TEXT_CHARS_MAX = 500  # of a vendor's message that we keep


class TieoutError(Exception):
    """Base of all errors the application raises on purpose."""


class Throttled(TieoutError):
    """A vendor answered 429. Certain: nothing was done."""

    def __init__(self, system: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(f"{system} asks to slow down")
        self.system = system
        self.retry_after_seconds = retry_after_seconds


class Unavailable(TieoutError):
    """A system did not answer, and nothing was changed there."""

    def __init__(self, system: str, text: str = "") -> None:
        super().__init__(f"{system} is not available: {text[:TEXT_CHARS_MAX]}")
        self.system = system


class StorageUnavailable(Unavailable):
    """Table storage did not answer."""

    def __init__(self, text: str = "") -> None:
        super().__init__("storage", text)


class QueueUnavailable(Unavailable):
    """The broker did not take the message in time."""

    def __init__(self, text: str = "") -> None:
        super().__init__("queue", text)


class FlowsUnavailable(Unavailable):
    """The durable orchestrations did not answer."""

    def __init__(self, text: str = "") -> None:
        super().__init__("flows", text)


class CredentialsRefused(TieoutError):
    """401 or 403: a key, secret or role is wrong."""

    def __init__(self, system: str, text: str = "") -> None:
        super().__init__(f"{system} refuses our credentials: {text[:TEXT_CHARS_MAX]}")
        self.system = system


class MappingUnusable(TieoutError):
    """The active mapping does not compile here, or is not stored as its hash says."""


class UncertainWrite(TieoutError):
    """A write was sent and its answer is lost: it may have happened.

    `retry_after_seconds`: when it will be safe to look for it, if known.
    """

    def __init__(self, text: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(text[:TEXT_CHARS_MAX])
        self.retry_after_seconds = retry_after_seconds


class LeaseOver(TieoutError):
    """The claim was (nearly) over before the write could be sent. Certain: not sent."""


class ClaimHeld(TieoutError):
    """Another worker holds the object or the journal."""

    def __init__(self, what: str, until: datetime) -> None:
        super().__init__(f"{what} is held until {until.isoformat()}")
        self.what = what
        self.until = until


class TableConflict(TieoutError):
    """A condition of a table write failed: the row exists, is gone or has changed."""


class UpdateConflict(TieoutError):
    """Dynamics: "An update conflict occurred due to another user process"."""


class JournalPosted(TieoutError):
    """Dynamics: the journal was posted before the line came."""


class ObjectMissing(TieoutError):
    """Stripe answers `resource_missing`."""

    def __init__(self, entity: str, id: str) -> None:
        super().__init__(f"Stripe has no {entity} {id}")
        self.entity = entity
        self.id = id


class Refused(TieoutError):
    """A vendor refuses the request for good; `text` is its reason, shortened."""

    def __init__(self, system: str, text: str) -> None:
        super().__init__(f"{system} refuses: {text[:TEXT_CHARS_MAX]}")
        self.system, self.text = system, text[:TEXT_CHARS_MAX]


class DuplicateKey(Refused):
    """Dynamics: "The record already exists."."""


class Waiting(TieoutError):
    """The counterpart does not exist yet; `reason` is a closed word, text for people."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class Skipped(TieoutError):
    """Nothing has to be done, by rule."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Parked(TieoutError):
    """A person must act: `cause` is a closed word, `text` says what, `remedy` what to do;
    `evidence`: what a choice rests on, as JSON text without personal data."""

    def __init__(self, cause: str, text: str, remedy: str, evidence: str = "") -> None:
        super().__init__(text)
        self.cause, self.remedy, self.evidence = cause, remedy, evidence


class SignatureRefused(TieoutError):
    """The `Stripe-Signature` header is missing, malformed or matches no secret."""


class SettingsRefused(TieoutError):
    """The settings are incomplete or wrong; `problems` names each one."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("settings: " + "; ".join(problems))
        self.problems = problems


class Kind(StrEnum):
    """What becomes of a unit of work."""

    DONE = "done"
    RETRY = "retry"
    PARK = "parked"
    SKIP = "skipped"
    WAITING = "waiting"
    RESOLVED = "resolved"  # parked, then taken out of the inbox by a person


@dataclass(frozen=True, slots=True)
class Verdict:
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
        "Dynamics kept losing answers; check its health, then retry: the record is looked for "
        "before it is written again.",
    ),
    TableRow(LeaseOver, Kind.RETRY, False, "lease_over", ""),
    TableRow(ClaimHeld, Kind.RETRY, False, "claim_held", ""),
    TableRow(TableConflict, Kind.RETRY, False, "table_conflict", ""),
    TableRow(JournalPosted, Kind.RETRY, False, "journal_posted", ""),
    TableRow(
        UpdateConflict,
        Kind.RETRY,
        True,
        "update_conflict",
        "Somebody else writes to our journals; give them other journal names, then retry.",
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
        "A record of this key exists in Dynamics and is not ours; change or link it, then retry.",
    ),
    TableRow(Refused, Kind.PARK, False, "refused", "Mend what the message names, then retry."),
)


class NeedsMaster(TieoutError):
    """Master data that a line needs could not be written; carries the verdict on it."""

    def __init__(self, what: str, verdict: Verdict) -> None:
        super().__init__(f"{what}: {verdict.text}")
        self.verdict = verdict


def verdict_of(error: Exception) -> Verdict:
    """The one place where an error becomes an outcome."""
    if isinstance(error, NeedsMaster):
        return replace(error.verdict, text=str(error))
    if isinstance(error, Waiting):
        return Verdict(Kind.WAITING, cause=error.reason, text=str(error))
    if isinstance(error, Skipped):
        return Verdict(Kind.SKIP, cause=error.reason, text=str(error))
    if isinstance(error, Parked):
        found = (error.cause, str(error), error.remedy)
        return Verdict(Kind.PARK, False, None, *found, evidence=error.evidence)
    for row in TABLE:
        if isinstance(error, row.error):
            delay = getattr(error, "retry_after_seconds", None)
            return Verdict(row.kind, row.counts, delay, row.cause, str(error), row.remedy)
    return Verdict(
        Kind.PARK,
        cause="unexpected",
        text=f"{type(error).__name__}: {error}"[:TEXT_CHARS_MAX],
        remedy="This is a fault of Tieout itself: report it with the log of this event.",
    )

"""Every error the application knows, and what each one means for the work at hand.

    TieoutError
      Throttled            the other system asks us to wait            -> retry
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
        Overtaken          the record moved on before our change       -> retry
        MarkTaken          another draft marks the same invoice        -> retry
      Waiting              the counterpart does not exist yet          -> waiting
      Skipped              nothing to do, on purpose                   -> skip
      Parked               a person must decide                        -> park
      SignatureRefused     the webhook's signature is wrong            (HTTP 400)

`shared/outcomes.py` holds the table that says so.
"""

import re
from datetime import datetime

TEXT_CHARS_MAX = 500  # of a vendor's message that we keep

_HALVES = re.compile("[\ud800-\udfff]")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def clean_text(text: str) -> str:
    """A text that can be stored and sent: halves of surrogate pairs, which no encoding carries,
    become `?`, control characters other than tabs and line ends become blanks."""
    return _CONTROLS.sub(" ", _HALVES.sub("?", text))


class TieoutError(Exception):
    """Base of all errors the application raises on purpose. Its text is clean, whoever wrote it."""

    def __init__(self, text: str = "") -> None:
        super().__init__(clean_text(text))


class Throttled(TieoutError):
    """A vendor answered 429. Certain: nothing was done."""

    def __init__(self, system: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(f"{system} asks Tieout to slow down")
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
        self.system, self.text = system, clean_text(text[:TEXT_CHARS_MAX])


class DuplicateKey(Refused):
    """Dynamics: "The record already exists."."""


class Overtaken(Refused):
    """Dynamics refuses a change: the record has moved on since it was read (an order that was
    invoiced meanwhile). What is to be done is computed anew."""


class MarkTaken(Refused):
    """Another draft marks the transaction that a line would settle; asked again, the line waits."""


class Waiting(TieoutError):
    """The counterpart does not exist yet; `reason` is a closed word, text for people."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class Skipped(TieoutError):
    """Nothing has to be done, by rule."""

    def __init__(self, reason: str, text: str = "") -> None:
        super().__init__(text or reason)
        self.reason = reason


class Parked(TieoutError):
    """A person must act: `cause` is a closed word, `text` says what, `remedy` what to do;
    `evidence`: what a choice rests on, as JSON text without personal data."""

    def __init__(self, cause: str, text: str, remedy: str, evidence: str = "") -> None:
        super().__init__(text)
        self.cause, self.remedy = cause, clean_text(remedy)
        self.evidence = clean_text(evidence)


def limit_reached(text: str) -> Parked:
    """What becomes of an object that reaches a limit of ours. `text`: which limit, what is left."""
    remedy = (
        "Retry: the retry continues where this run ended. If the item parks again, report it with "
        "its log."
    )
    return Parked("limit_reached", text, remedy)


class SignatureRefused(TieoutError):
    """The `Stripe-Signature` header is missing, malformed or matches no secret."""


class SettingsRefused(TieoutError):
    """The settings are incomplete or wrong; `problems` names each one."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("settings: " + "; ".join(problems))
        self.problems = problems

"""The meaning of an answer of Dynamics 365: a closed table from status and text to our errors.

Dynamics puts the reason of a failed write into `error.innererror.message` and marks it by
`error.innererror.type`; the HTTP status says less (the same refusal has come as 400 and as
500). The texts below are English: the integration user's language must be `en-US`.

https://learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/odata
"""

import json
import re
from dataclasses import dataclass
from typing import Any

import httpx

from shared.errors import (
    TEXT_CHARS_MAX,
    CredentialsRefused,
    DuplicateKey,
    JournalPosted,
    MarkTaken,
    Refused,
    Throttled,
    TieoutError,
    Unavailable,
    UncertainWrite,
    UpdateConflict,
)

SYSTEM = "dynamics"
RETRY_AFTER_SECONDS = 30.0  # where a 429 does not say
RETRY_AFTER_SECONDS_MAX = 600.0
TEXT_BYTES_MAX = 65_536  # of an error's body that is not JSON

REFUSED_TYPES = ("AxODataWriteException", "AxODataDeleteException")
"""Types of a refused write: its transaction is rolled back, whatever the status is."""

THROTTLED_TEXTS = (r"high resource utilization",)
UPDATE_CONFLICT_TEXTS = (r"update conflict", r"\bdeadlock\b")
JOURNAL_POSTED_TEXTS = (
    r"\bjournal\b.{0,120}\b(?:is|was|has been|have been) (?:already )?posted\b",
    r"\bjournal\b.{0,120}\balready (?:been )?posted\b",
    r"\bposted journal\b",
    r"\b(?:cannot|can not|can't|not allowed to) (?:be )?(?:edit|chang|modif|delet|updat|creat|add)"
    r"\w*\b.{0,120}\b(?:is|already|been) posted\b",
)
MARK_TAKEN_TEXTS = (r"\bhas been marked for settlement by\b",)
DUPLICATE_KEY_TEXTS = (r"the record already exists",)

_INFOLOG_SPLIT = re.compile(r"(?:^|[;\s])\s*(?:Info|Warning|Error):\s*")
_INFOLOG_HEAD = re.compile(r"^.*?Infolog:\s*", re.DOTALL)
_NOISE = re.compile(
    r"^(?:Write failed for table row of type .*|validate\w+ failed on (?:field|data ?source)\b.*"
    r"|Update has been cancell?ed|An error has occurred)$",
    re.IGNORECASE,
)
_HTML_SKIPPED = re.compile(r"<(script|style)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_HTML_TAG = re.compile(r"<[^>]*>")
_LOOKS_HTML = re.compile(rb"^\s*<(?:!doctype|html|head|body|title|h\d|center)\b", re.IGNORECASE)

CREDENTIAL_STATUSES = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)


@dataclass(frozen=True, slots=True)
class Reason:
    """What an error's body says. `types`: of the inner errors; `html`: a gateway's page."""

    text: str
    types: tuple[str, ...] = ()
    html: bool = False


def error_of(
    status: int, body: bytes, what: str, *, writing: bool, retry_after_seconds: float | None = None
) -> TieoutError:
    """The error that an answer with a status other than 2xx stands for.

    `what` names the request ("POST CustomersV3"); `writing`: it may have changed something.
    """
    reason = reason_of(body)
    text = f"{reason.text or 'no reason given'} ({what}: HTTP {status})"
    if status == httpx.codes.TOO_MANY_REQUESTS or _says(THROTTLED_TEXTS, reason.text):
        return Throttled(SYSTEM, retry_after_seconds or RETRY_AFTER_SECONDS)
    if status in CREDENTIAL_STATUSES:
        return CredentialsRefused(SYSTEM, text)
    if not reason.html:
        if _says(UPDATE_CONFLICT_TEXTS, reason.text):
            return UpdateConflict(_shortened(text))
        if _says(JOURNAL_POSTED_TEXTS, reason.text):
            return JournalPosted(_shortened(text))
        if _says(MARK_TAKEN_TEXTS, reason.text):
            return MarkTaken(SYSTEM, text)
        if _says(DUPLICATE_KEY_TEXTS, reason.text):
            return DuplicateKey(SYSTEM, text)
        if any(name.endswith(REFUSED_TYPES) for name in reason.types):
            return Refused(SYSTEM, text)
    if not httpx.codes.is_error(status) or (status == httpx.codes.NOT_FOUND and reason.html):
        # A redirect, or a gateway's page: the request did not reach Dynamics.
        return Unavailable(SYSTEM, f"{text}; check the address of the environment")
    if status == httpx.codes.NOT_IMPLEMENTED or (
        httpx.codes.is_client_error(status) and status != httpx.codes.REQUEST_TIMEOUT
    ):
        return Refused(SYSTEM, text)
    if writing:
        return UncertainWrite(_shortened(f"{SYSTEM} may or may not have executed it: {text}"))
    return Unavailable(SYSTEM, text)


def reason_of(body: bytes) -> Reason:
    """The reason an error's body gives, cleaned and shortened; never its stack trace."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return _plain_reason(body)
    error = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(error, dict):
        return Reason("")
    inner = error.get("innererror")
    inner = inner if isinstance(inner, dict) else {}
    internal = inner.get("internalexception")
    internal = internal if isinstance(internal, dict) else {}
    for level in (inner, internal, error):
        text = infolog_text(_text_in(level))
        if text:
            types = (str(inner.get("type", "")), str(internal.get("type", "")))
            return Reason(text, types)
    return Reason("")


def infolog_text(message: str) -> str:
    """The sentences of an infolog without severities and without the platform's noise.

    When only noise is left it is kept: better than nothing.
    """
    body = _INFOLOG_HEAD.sub("", message, count=1)
    sentences = [part.strip(" ;\r\n\t") for part in _INFOLOG_SPLIT.split(body)]
    told = [part for part in sentences if part and not _NOISE.match(part.rstrip(". "))]
    text = "; ".join(told) or message
    return _shortened(" ".join(text.split()))


def _plain_reason(body: bytes) -> Reason:
    text = body[:TEXT_BYTES_MAX].decode("utf-8", "replace")
    if text.lstrip().startswith("{"):
        return Reason("its answer is malformed")  # cut JSON, which may hold a stack trace
    html = _LOOKS_HTML.match(body) is not None
    if html:
        text = _HTML_TAG.sub(" ", _HTML_SKIPPED.sub(" ", text))
    return Reason(_shortened(" ".join(text.split())), html=html)


def _text_in(level: dict[str, Any]) -> str:
    text = level.get("message", "")
    return text if isinstance(text, str) else ""


def _says(patterns: tuple[str, ...], text: str) -> bool:
    return any(re.search(pattern, text, re.IGNORECASE | re.DOTALL) for pattern in patterns)


def _shortened(text: str) -> str:
    return text if len(text) <= TEXT_CHARS_MAX else text[: TEXT_CHARS_MAX - 1] + "…"

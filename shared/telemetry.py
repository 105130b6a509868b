"""What the application says about itself: logs, metrics, spans. Ids and numbers, never payloads.

Names, mail addresses, card data, secrets and whole payloads do not belong here: callers pass ids,
closed words and counts. The standard library only, so that every layer may use it.

`Telemetry` is the port for metrics and spans (`shared/clients/open_telemetry.py` in production,
`local/telemetry.py` in worlds). It is part of the App, and `bootstrap.app()` makes it the one of
the context in which a function runs: so a call stays one line in any layer, several worlds live in
one process, and no module holds state. Where nobody did, metrics are log lines of level DEBUG.
Orchestrators emit nothing: they run again and again.
"""

import json
import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar, Token
from typing import Protocol

LOGGER_NAME = "tieout"
VALUE_CHARS_MAX = 300
CAUSES_MAX = 5  # errors behind an error whose stacks are logged

type Field = str | int | bool
type Attribute = Field | tuple[str, ...]


class Telemetry(Protocol):
    """Where metrics and spans go. Nothing here raises, waits or does I/O.

    Names and dimensions of metrics are declared in `shared/metrics.py`.
    """

    def count(self, name: str, amount: int, dimensions: dict[str, Field]) -> None:
        """Add to a counter; `amount` is not negative."""

    def gauge(self, name: str, value: float, dimensions: dict[str, Field]) -> None:
        """The state at this moment."""

    def span(
        self, name: str, attributes: dict[str, Attribute], links: Sequence[str]
    ) -> AbstractContextManager[None]:
        """A piece of work, inside the span of this context. `links`: the `traceparent` of each
        other trace that led to it."""

    def traceparent(self) -> str:
        """The current span as W3C trace context; empty without one."""


class NoTelemetry:
    """Counters and gauges become log lines of level DEBUG; spans are nothing."""

    def count(self, name: str, amount: int, dimensions: dict[str, Field]) -> None:
        """Log the increment."""
        event("count", logging.DEBUG, metric=name, amount=amount, **dimensions)

    def gauge(self, name: str, value: float, dimensions: dict[str, Field]) -> None:
        """Log the state."""
        event("gauge", logging.DEBUG, metric=name, value=f"{value:g}", **dimensions)

    def span(
        self, name: str, attributes: dict[str, Attribute], links: Sequence[str]
    ) -> AbstractContextManager[None]:
        """Nothing."""
        del name, attributes, links
        return nullcontext()

    def traceparent(self) -> str:
        """Empty: there are no spans."""
        return ""


_current: ContextVar[Telemetry] = ContextVar("tieout_telemetry", default=NoTelemetry())  # noqa: B039 - holds nothing


def use(telemetry: Telemetry) -> Token[Telemetry]:
    """Make it the one of this context."""
    return _current.set(telemetry)


def event(name: str, /, level: int = logging.INFO, **fields: Field) -> None:
    """Log one event: `event("parked", entity="charge", object="ch_1", cause="refused")`. One of
    level ERROR or above is counted as a fault."""
    if level >= logging.ERROR:
        count("tieout.fault.events", event=name)
    logger = logging.getLogger(LOGGER_NAME)
    if not logger.isEnabledFor(level):
        return
    cut = {
        key: value[:VALUE_CHARS_MAX] if isinstance(value, str) else value
        for key, value in fields.items()
    }
    logger.log(level, json.dumps({"event": name, **cut}))


def count(name: str, amount: int = 1, /, **dimensions: Field) -> None:
    """Add to a declared counter: `count("tieout.webhook.refused", code="malformed")`."""
    _current.get().count(name, amount, dimensions)


def money(name: str, minor: int, /, **dimensions: Field) -> None:
    """Add a signed amount to a counter of money; counters only rise, so what comes in and what goes
    out are two series (dimension `direction`)."""
    if minor:
        count(name, abs(minor), direction="in" if minor > 0 else "out", **dimensions)


def gauge(name: str, value: float, /, **dimensions: Field) -> None:
    """Record the state of a declared gauge: `gauge("tieout.parked.items", 3, cause="refused")`."""
    _current.get().gauge(name, value, dimensions)


def span(
    name: str, /, *, links: Sequence[str] = (), **attributes: Attribute
) -> AbstractContextManager[None]:
    """A piece of work: `with span("converge", entity="charge", events=("evt_1",)): ...`."""
    return _current.get().span(name, attributes, links)


def traceparent() -> str:
    """The current span as W3C trace context, for what goes on elsewhere; empty without one."""
    return _current.get().traceparent()


def fault(name: str, error: BaseException, **fields: Field) -> None:
    """Log and count an unexpected error: its type and stack, without its text, which may quote a
    vendor's answer, and with it a person."""
    count("tieout.fault.events", event=name)
    told = {"event": name, "error": type(error).__name__, **fields}
    stand_in = without_text(error)
    logging.getLogger(LOGGER_NAME).error(
        json.dumps(told), exc_info=(type(stand_in), stand_in, stand_in.__traceback__)
    )


def without_text(error: BaseException, causes: int = CAUSES_MAX) -> Exception:
    """An error of the same type name, stack and causes, and no text. A group keeps its own, which
    names the parts that failed."""
    stand_in: Exception = type(type(error).__name__, (Exception,), {})()
    if isinstance(error, ExceptionGroup):
        stand_in = ExceptionGroup(error.message, [without_text(each) for each in error.exceptions])
    stand_in.__traceback__ = error.__traceback__
    hidden = None if error.__suppress_context__ else error.__context__
    cause = error.__cause__ or hidden
    if cause is not None and causes:
        stand_in.__cause__ = without_text(cause, causes - 1)
    return stand_in

"""Structured logs: one JSON object a line, with ids and numbers, never with payloads.

Names, mail addresses, card data, secrets and whole payloads do not belong here: callers pass ids,
closed words and counts. The standard library only, so that every layer may use it.
"""

import json
import logging

LOGGER_NAME = "tieout"
VALUE_CHARS_MAX = 300


def event(name: str, /, level: int = logging.INFO, **fields: str | int | bool) -> None:
    """Log one event: `event("parked", entity="charge", object="ch_1", cause="refused")`."""
    logger = logging.getLogger(LOGGER_NAME)
    if not logger.isEnabledFor(level):
        return
    cut = {
        key: value[:VALUE_CHARS_MAX] if isinstance(value, str) else value
        for key, value in fields.items()
    }
    logger.log(level, json.dumps({"event": name, **cut}))


def count(name: str, amount: int = 1, **fields: str | int | bool) -> None:
    """Log a counter's increment; the log back-end adds them up."""
    event("count", logging.INFO, counter=name, amount=amount, **fields)


def fault(name: str, error: Exception, **fields: str | int | bool) -> None:
    """Log an unexpected error with its stack, which the vendors' texts are not part of."""
    logging.getLogger(LOGGER_NAME).error(
        json.dumps({"event": name, "error": type(error).__name__, **fields}), exc_info=error
    )

"""Counting requests to the vendors by their result: the metric `tieout.vendor.requests`."""

from http import HTTPStatus

from shared import telemetry

NO_ANSWER = "no_answer"
DENIED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


def answered(vendor: str, status: int) -> None:
    """An answer came: ok, throttled, denied or failed."""
    if status < HTTPStatus.BAD_REQUEST:
        result = "ok"
    elif status == HTTPStatus.TOO_MANY_REQUESTS:
        result = "throttled"
    else:
        result = "denied" if status in DENIED else "failed"
    telemetry.count("tieout.vendor.requests", vendor=vendor, result=result)


def unanswered(vendor: str) -> None:
    """No connection, or no whole answer in time."""
    telemetry.count("tieout.vendor.requests", vendor=vendor, result=NO_ANSWER)

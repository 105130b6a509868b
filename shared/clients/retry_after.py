"""The header `Retry-After`, for both vendors.

https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
"""

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

SECONDS_MIN = 1.0  # a moment that is past, or zero, does not mean: at once, again and again


def retry_after_seconds(header: str, now: datetime, seconds_max: float) -> float | None:
    """The seconds to wait, from `SECONDS_MIN` to `seconds_max`; None where the header is absent
    (empty) or unreadable.

    Takes a number of seconds, fractions included, or a date in any form of HTTP.
    """
    try:
        seconds = float(header)
    except ValueError:
        try:
            moment = parsedate_to_datetime(header)
        except (ValueError, OverflowError):  # the latter: a year or an offset of many digits
            return None
        seconds = ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()
    return min(max(seconds, SECONDS_MIN), seconds_max) if math.isfinite(seconds) else None

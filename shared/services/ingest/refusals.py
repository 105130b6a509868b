"""Counting refused deliveries in few log lines: anybody may send, so a burst must not fill the log.

The metric counts each refusal. A line comes with the first refusal of a code, the tenth, the
hundredth, and so on; it says how many there were since the last line, so the lines add up. What is
left is told by the first delivery after a quiet minute, whatever becomes of it.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared import telemetry
from shared.ports import Clock

EVENT = "webhook_refused"
QUIET_SECONDS = 60
STEP = 10  # the next line comes after so many times as many refusals


@dataclass(slots=True)
class _Burst:
    """Refusals of one code and account: all of them, those not told yet, when the next line is
    due."""

    last_at: datetime
    count: int = 0
    untold: int = 0
    next_line: int = 1


class Refusals:
    """The refusals of one process. Its memory is bounded by the closed list of codes and the
    accounts of the settings."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._bursts: dict[tuple[str, str], _Burst] = {}

    def note(self, code: str, account: str) -> None:
        """Count one refusal; `account`: the alias of the Stripe account."""
        self.settle()
        telemetry.count("tieout.webhook.refused", code=code, account=account)
        burst = self._bursts.setdefault((code, account), _Burst(self._clock.now()))
        burst.last_at = self._clock.now()
        burst.count += 1
        burst.untold += 1
        if burst.count >= burst.next_line:
            burst.next_line *= STEP
            self._tell(code, account, burst)

    def settle(self) -> None:
        """Tell what is left of bursts that are over."""
        quiet = timedelta(seconds=QUIET_SECONDS)
        for (code, account), burst in list(self._bursts.items()):
            if self._clock.now() - burst.last_at >= quiet:
                self._tell(code, account, burst)
                del self._bursts[code, account]

    def _tell(self, code: str, account: str, burst: _Burst) -> None:
        if burst.untold:
            telemetry.event(EVENT, logging.WARNING, code=code, account=account, amount=burst.untold)
            burst.untold = 0

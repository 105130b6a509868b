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
    """Refusals of one code, account and door: all of them, those not told yet, when the next line
    is due."""

    last_at: datetime
    count: int = 0
    untold: int = 0
    next_line: int = 1


class Refusals:
    """The refusals of one process. Its memory is bounded by the closed list of codes and the
    accounts of the settings."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._bursts: dict[tuple[str, str, str], _Burst] = {}

    def note(self, code: str, account: str, door: str) -> None:
        """Count one refusal; `account`: the alias of the Stripe account; `door`: the way in."""
        self.settle()
        telemetry.count("tieout.webhook.refused", code=code, account=account, door=door)
        burst = self._bursts.setdefault((code, account, door), _Burst(self._clock.now()))
        burst.last_at = self._clock.now()
        burst.count += 1
        burst.untold += 1
        if burst.count >= burst.next_line:
            burst.next_line *= STEP
            self._tell(code, account, door, burst)

    def settle(self) -> None:
        """Tell what is left of bursts that are over."""
        quiet = timedelta(seconds=QUIET_SECONDS)
        for key, burst in list(self._bursts.items()):
            if self._clock.now() - burst.last_at >= quiet:
                self._tell(*key, burst)
                del self._bursts[key]

    def _tell(self, code: str, account: str, door: str, burst: _Burst) -> None:
        if burst.untold:
            whence = {"account": account, "door": door}
            amount = burst.untold
            telemetry.event(EVENT, logging.WARNING, code=code, amount=amount, **whence)
            burst.untold = 0

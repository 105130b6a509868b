"""Timer triggers: NCRONTAB schedules on the clock of the world.

https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from local.host.config import resolve
from local.host.engine import Function, json_datum
from local.host.invoker import Invoker
from local.host.ncrontab import NcrontabSchedule
from shared.ports import Clock


@dataclass(frozen=True, slots=True)
class TimerStatus:
    """When a timer last fired and should fire next: what `use_monitor` keeps in storage."""

    last: datetime
    next: datetime


class HostTimer:
    """One timer function. It never overlaps itself: the next moment is sought when a run ends.

    `statuses` outlives the host: a timer that missed its moment while no host was up fires once
    at the start with `past_due`, however many moments it missed. `schedule`, where given, stands in
    for the function's own.
    """

    def __init__(
        self,
        function: Function,
        settings: Mapping[str, str],
        clock: Clock,
        statuses: dict[str, TimerStatus],
        schedule: str | None = None,
    ) -> None:
        self.function = function
        wanted = str(function.trigger["schedule"]) if schedule is None else schedule
        self.schedule = NcrontabSchedule.parse(resolve(wanted, settings))
        self._clock = clock
        self._statuses = statuses
        self._is_monitored = function.trigger.get("useMonitor", True)

    async def run(self, invoker: Invoker) -> None:
        """Fire for ever."""
        name = self.function.name
        status = self._statuses.get(name)
        if status is not None and status.next <= self._clock.now():
            await self.fire(invoker, is_past_due=True)
        elif self.function.trigger.get("runOnStartup", False):
            await self.fire(invoker, is_past_due=False)
        while True:
            now = self._clock.now()
            due = self.schedule.next_after(now)
            if self._is_monitored:
                last = self._statuses[name].last if name in self._statuses else now
                self._statuses[name] = TimerStatus(last, due)
            while (left_seconds := (due - self._clock.now()).total_seconds()) > 0:
                await self._clock.sleep(left_seconds)
            await self.fire(invoker, is_past_due=False)

    async def fire(self, invoker: Invoker, *, is_past_due: bool) -> None:
        """Run the function once, now."""
        now = self._clock.now()
        status = self._statuses.get(self.function.name)
        shown = None
        if status is not None:
            shown = {
                "Last": status.last.isoformat(),
                "Next": status.next.isoformat(),
                "LastUpdated": status.last.isoformat(),
            }
        payload = {
            "NcrontabSchedule": {"AdjustForDST": True},
            "ScheduleStatus": shown,
            "IsPastDue": is_past_due,
        }
        await invoker.invoke(self.function, json_datum(payload))
        if status is not None:
            self._statuses[self.function.name] = TimerStatus(now, self.schedule.next_after(now))

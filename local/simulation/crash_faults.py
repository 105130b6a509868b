"""What may befall a process at one of its crash points."""

from collections.abc import Callable
from dataclasses import dataclass, field

from local.simulation.faults import Injector
from local.simulation.process import Process

READS = ("tables.get", "tables.query")
READS_SKIPPED = 25  # of the many table reads of the sweeps only each such one is a fault's chance
SELDOM = 60  # a point is rare that is less than one of so many crossings
FREEZE_SECONDS = (20.0, 1_500.0)  # below and above the lease
SKEW_SECONDS = 30.0


@dataclass(slots=True)
class CrashFaults:
    """Draws them; `kill`, `freeze` (for so many seconds) and `redeploy` carry them out."""

    injector: Injector
    kill: Callable[[Process], None]
    freeze: Callable[[Process, float], None]
    redeploy: Callable[[], None]
    _counts: dict[str, int] = field(default_factory=dict)
    _total: int = 0

    def skew_seconds(self, who: str) -> float:
        """How far the clock of a new process is ahead."""
        if not self.injector.strikes("clock_skew", who):
            return 0.0
        return self.injector.size("clock_skew", -SKEW_SECONDS, SKEW_SECONDS)

    def meet(self, process: Process, point: str) -> None:
        """A living process crosses a point: perhaps its last."""
        name = point.partition(" ")[2]
        is_rare = self._is_rare(name)
        if name in READS and process.crossings % READS_SKIPPED:
            return
        injector, what = self.injector, f"{process.name} {point}"
        if injector.strikes("process_killed", what) or (
            is_rare and injector.strikes("process_killed_seldom", what)
        ):
            self.kill(process)
        elif injector.strikes("process_frozen", what):
            self.freeze(process, injector.size("process_frozen", *FREEZE_SECONDS))
        elif injector.strikes("redeployed", what):
            self.redeploy()
        elif injector.strikes("clock_stepped", what):
            process.step(injector.size("clock_stepped", -SKEW_SECONDS, SKEW_SECONDS))

    def _is_rare(self, name: str) -> bool:
        """Where kills are equally likely everywhere, the points of a rare act see none."""
        count = self._counts[name] = self._counts.get(name, 0) + 1
        self._total += 1
        return count * SELDOM < self._total

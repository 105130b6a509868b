"""From a failing run to the faults that matter: leave out what the failure does not need.

Whole kinds first, then parts of what remains, each half as large as the last. Every step is a run,
so their number is limited; the result need not be the smallest.
"""

from collections.abc import Callable, Sequence

from local.simulation.faults import NAMES, Allowed, Injected
from local.simulation.run import SeedOutcome

RUNS_MAX = 40

type Play = Callable[[Allowed], SeedOutcome]


class _Search:
    """The smallest failing set so far, and how many runs are left."""

    def __init__(self, play: Play, invariant: str, faults: Sequence[Injected]) -> None:
        self.faults = list(faults)
        self._play = play
        self._invariant = invariant
        self._runs = 0

    @property
    def is_over(self) -> bool:
        return self._runs >= RUNS_MAX

    def without(self, removed: Sequence[Injected]) -> bool:
        """Leave these out where the run fails in the same way without them."""
        gone = dict.fromkeys(removed)
        left = [fault for fault in self.faults if fault not in gone]
        if self.is_over or len(left) == len(self.faults):
            return False
        self._runs += 1
        outcome = self._play(allowed_by(left))
        if all(violation.invariant != self._invariant for violation in outcome.violations):
            return False
        struck = {(fault.kind, fault.number): None for fault in outcome.injected}
        self.faults = [fault for fault in left if (fault.kind, fault.number) in struck]
        return True


def allowed_by(faults: Sequence[Injected]) -> Allowed:
    """The allow-list that lets exactly these strike."""
    found: dict[str, list[int]] = {}
    for fault in faults:
        found.setdefault(fault.kind, []).append(fault.number)
    return found


def shrink(play: Play, failing: SeedOutcome) -> list[Injected]:
    """The faults that remain; `play` runs the same seed with an allow-list.

    Raises ValueError for an outcome without violations.
    """
    if not failing.violations:
        raise ValueError(f"seed {failing.seed} has no violation to shrink")
    search = _Search(play, failing.violations[0].invariant, failing.injected)
    for kind in NAMES:
        search.without([fault for fault in search.faults if fault.kind == kind])
    size = len(search.faults) // 2
    while size and not search.is_over:
        start = 0
        while start < len(search.faults) and not search.is_over:
            if not search.without(search.faults[start : start + size]):
                start += size
        size //= 2
    return search.faults

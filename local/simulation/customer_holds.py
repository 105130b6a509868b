"""Customers whom the office puts on hold, and the judge of what waits for them meanwhile.

A random stream of their own: the rest of a seed's misfortune stays what it is. The hold that is in
force when the faults stop outlasts some posting runs, because only then nothing else excuses a line
that waits: what is good in a journal that the job passed over must be posted soon.
"""

import random
from datetime import timedelta

from local.dynamics import DynamicsPeer, LedgerLine
from local.simulation.faults import Injector
from local.simulation.oracle import line_keys, place_of
from local.simulation.posting_order import may_leave
from local.simulation.timeline import Timeline
from shared.ports import Clock

FIRST_DAYS, PAUSE_DAYS, HOLD_DAYS = (1.0, 2.0), (1.0, 5.0), (0.5, 4.0)
HOLDS = ("All", "All", "Payment", "Invoice")
FREE = "No"
RUNS_MAX = 3  # posting runs after the one that passed a good line over
CALM_RUNS = RUNS_MAX + 2  # a hold stays so many of them


class CustomerHolds:
    """The office. `held`: company and account of the customer on hold; None: nobody is. `late`:
    good lines that waited longer than `RUNS_MAX` posting runs."""

    def __init__(
        self, peer: DynamicsPeer, clock: Clock, seed: int, *, injector: Injector, timeline: Timeline
    ) -> None:
        self.held: tuple[str, str] | None = None
        self.late: list[str] = []
        self._peer, self._clock = peer, clock
        self._rng = random.Random(f"holds {seed}")  # noqa: S311 - a seeded world
        self._injector, self._timeline = injector, timeline
        self._until = clock.now() + self._days(FIRST_DAYS)  # nobody comes or goes before
        self._calm_runs = 0
        self._passed_over: dict[str, int] = {}  # key -> posting runs since

    def ran(self) -> None:
        """The posting job has run: the moment at which the office puts customers on hold, and takes
        them off. (A timer of its own would move the ties of all others.)"""
        now = self._clock.now()
        if not self._injector.is_active:
            self._calm_runs += 1
            if self.held is not None:
                self._judge()
                if self._calm_runs >= CALM_RUNS:
                    self._release()
        elif now < self._until:
            return
        elif self.held is not None:
            self._release()
            self._until = now + self._days(PAUSE_DAYS)
        elif self._injector.strikes("customer_blocked"):
            self._hold()
            self._until = now + self._days(HOLD_DAYS)

    def _days(self, bounds: tuple[float, float]) -> timedelta:
        return timedelta(days=self._rng.uniform(*bounds))

    def _hold(self) -> None:
        """Of somebody whose lines are in journals now, or else of anybody whom Stripe knows."""
        found = [
            (line.company, line.account)
            for line in self._peer.ledger().drafts
            if line.account_type == "Cust"
        ] or [
            (str(row["dataAreaId"]), str(row["CustomerAccount"]))
            for row in self._peer.records("CustomersV3")
        ]
        self.held = self._rng.choice(list(dict.fromkeys(found)))
        self._set(self._rng.choice(HOLDS))

    def _release(self) -> None:
        if self.held is not None:
            self._set(FREE)
            self.held = None

    def _set(self, status: str) -> None:
        if self.held is None:
            raise RuntimeError("nobody is on hold")
        self._peer.block_customer(*self.held, status)
        self._timeline.note("bookkeeper", f"hold of {' '.join(self.held)}: {status}")

    def _judge(self) -> None:
        """Count the runs of good lines, from the one that passed their journal over."""
        good = self._good_lines()
        self._passed_over = {
            key: self._passed_over[key] + 1 if key in self._passed_over else 0
            for key, line in good.items()
            if key in self._passed_over
            or may_leave(self._peer, line.entity_set, line.company, line.journal)
        }
        self.late += [
            f"{key} waits in {good[key].company} {good[key].journal} though {self.held} is on hold"
            for key, runs in self._passed_over.items()
            if runs == RUNS_MAX
        ]

    def _good_lines(self) -> dict[str, LedgerLine]:
        """The drafts of others than the customer on hold, by key."""
        keys = line_keys(self._peer)
        found: dict[str, LedgerLine] = {}
        bad: dict[str, None] = {}
        for line in self._peer.ledger().drafts:
            key = keys.get(place_of(line), "")
            found[key] = line
            if line.account_type == "Cust" and (line.company, line.account) == self.held:
                bad[key] = None
        return {key: line for key, line in found.items() if key and key not in bad}

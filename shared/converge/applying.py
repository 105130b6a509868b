"""The stages that write: plan, recover, verify, isolate and write, phase by phase."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from shared.converge import accounts, queries, recovery, verification
from shared.converge.isolation import plan_moves
from shared.converge.phases import PHASES_MAX, not_whole, plan_phase
from shared.converge.ports import Ports
from shared.converge.steps import one_by_one
from shared.converge.task import Task, failing
from shared.converge.writing import Applier
from shared.mapping.finance import Target
from shared.stores.journals import Writer


@dataclass(frozen=True, slots=True)
class Phases:
    """Writes the documents of tasks. `writer`: the queue and partition whose journals it uses."""

    ports: Ports
    applier: Applier
    target: Target
    writer: Writer

    async def run(self, tasks: Sequence[Task]) -> None:
        """Plan and write what has all it needs, until nothing is left or nothing is possible."""
        for phase in range(PHASES_MAX + 1):
            self._plan(tasks)
            going = [task for task in tasks if task.going and not task.plan.is_empty]
            if not going:
                break
            if phase < PHASES_MAX:
                await self._write(going)
                continue
            for task in going:
                task.fail(not_whole(task))
        await self.applier.leave(self.writer)

    def _plan(self, tasks: Sequence[Task]) -> None:
        now = self.ports.clock.now()
        for task in tasks:
            with failing([task]):
                if task.going:
                    plan_phase(task, self.target, now)

    async def _write(self, going: Sequence[Task]) -> None:
        """One phase. Each step fails the tasks that it concerns, and what is written stays so."""
        dynamics, tables = self.ports.dynamics, self.ports.tables
        sets = self.ports.registry.entity_sets
        with failing(going):
            await recovery.recover(dynamics, going, sets)
        with failing(going):
            await verification.verify(dynamics, tables, going, sets)
        moving = [task for task in going if task.isolation]
        await one_by_one(moving, partial(plan_moves, dynamics, tables))
        with failing(going):
            await queries.expect(dynamics, going)
        await self.applier.apply(going, self.writer)
        with failing([task for task in going if not task.going]):
            await accounts.explain(dynamics, going, self.target.customers)

"""The stages that write: plan, recover, verify, isolate and write, phase by phase."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from shared.converge import accounts
from shared.converge.plan import plan_phase
from shared.converge.stages import (
    DecidedObject,
    Failed,
    PlannedObject,
    WrittenObject,
    begun,
    failed,
    onward,
    onward_each,
)
from shared.converge.writing import Applier
from shared.domain.books import Books
from shared.errors import limit_reached
from shared.mapping.finance import Target
from shared.ports import Clock, DynamicsGateway
from shared.settings import Settings
from shared.stores.journals import Journals, Writer
from shared.stores.links import LinkStore
from shared.targets.entity_set import EntitySets

PHASES_MAX = 5

type Step = Callable[[Sequence[PlannedObject]], Awaitable[Sequence[PlannedObject | Failed]]]


@dataclass(frozen=True, slots=True)
class Phases:
    """Writes the documents of objects. `journals`: the open journals, named as books say."""

    dynamics: DynamicsGateway
    clock: Clock
    links: LinkStore
    journals: Callable[[Books], Journals]
    settings: Settings
    entity_sets: EntitySets

    async def run(
        self,
        values: Sequence[DecidedObject],
        steps: Sequence[Step],
        target: Target,
        writer: Writer,
        *,
        verify: bool = False,
    ) -> list[WrittenObject | Failed]:
        """Plan and write what has all it needs, until nothing is left or nothing is possible.

        `steps`: what comes between planning and writing; each fails the objects that it concerns.
        `writer`: the queue and partition whose journals are used. `verify`: what was written is
        planned to be compared with Dynamics.
        """
        journals = self.journals(target.books)
        applier = Applier(
            self.dynamics, journals, self.links, self.clock, self.settings, self.entity_sets
        )

        async def planned_next(value: WrittenObject) -> PlannedObject:
            return plan_phase(value, target, self.clock.now(), verify=verify)

        results: list[WrittenObject | Failed] = [begun(value) for value in values]
        for phase in range(PHASES_MAX + 1):
            planned = await onward_each(results, planned_next)
            busy = [result for result in planned if _is_busy(result)]
            if not busy:
                results = [*planned]
                break
            if phase < PHASES_MAX:
                for step in steps:
                    busy = await onward(busy, step)
                written = await onward(busy, partial(applier.apply, writer))
                after = iter(await self._explained(written, target.customers, journals))
            else:
                after = iter([_not_whole(result) for result in busy])
            results = [next(after) if _is_busy(result) else result for result in planned]
        await applier.leave(writer)
        return results

    async def _explained(
        self,
        written: Sequence[WrittenObject | Failed],
        customers: accounts.Accounts,
        journals: Journals,
    ) -> list[WrittenObject | Failed]:
        """The results, with the reason where a write is refused because of its customer."""
        failures = [result for result in written if isinstance(result, Failed)]
        try:
            failures = await accounts.explain(self.dynamics, failures, customers, journals.holds)
        except Exception as error:  # what Dynamics said first stays
            for result in failures:
                failed(result, error)
        told = iter(failures)
        return [next(told) if isinstance(result, Failed) else result for result in written]


def _is_busy(result: WrittenObject | Failed) -> bool:
    return isinstance(result, PlannedObject) and not result.plan.is_empty


def _not_whole(result: PlannedObject | Failed) -> Failed:
    text = f"{result.id} is not written whole after {PHASES_MAX} phases"
    return failed(result, limit_reached(f"{text}; what is written stays"))

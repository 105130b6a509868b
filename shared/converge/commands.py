"""What each kind of item does between deciding and recording: the same stages, other steps.

converge   recover, read back, write
verify     recover, verify, read back, write
isolate    recover, verify, isolate, read back, write
reapply    find the drafts, then as converge; where a line is misplaced, as verify
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from shared.converge import queries, recovery, verification
from shared.converge.drafts import find_drafts, is_misplaced
from shared.converge.isolation import Isolation
from shared.converge.phases import Phases, Step
from shared.converge.stages import DecidedObject, Failed, WrittenObject, together
from shared.mapping.finance import Target
from shared.ports import DynamicsGateway, Tables
from shared.stores.item import ItemKind
from shared.stores.journals import Writer
from shared.targets.entity_set import EntitySets


@dataclass(frozen=True, slots=True)
class Commands:
    """Writes what was decided, as a kind of item asks."""

    dynamics: DynamicsGateway
    tables: Tables
    entity_sets: EntitySets
    phases: Phases
    isolation: Isolation

    async def run(
        self, kind: ItemKind, target: Target, writer: Writer, values: Sequence[DecidedObject]
    ) -> list[WrittenObject | Failed]:
        """Every object, written or failed."""
        recover: Step = partial(recovery.recover, self.dynamics, self.entity_sets)
        verify: Step = partial(verification.verify, self.dynamics, self.tables, self.entity_sets)
        isolate: Step = partial(together, step=partial(self.isolation.plan_moves, target.books))
        read_back: Step = partial(queries.expect, self.dynamics)
        write = partial(self.phases.run, steps=(recover, read_back), target=target, writer=writer)
        if kind is ItemKind.CONVERGE:
            return await write(values)
        if kind is ItemKind.ISOLATE:
            return await write(values, steps=(recover, verify, isolate, read_back), verify=True)
        write_verified = partial(write, steps=(recover, verify, read_back), verify=True)
        if kind is ItemKind.VERIFY:
            return await write_verified(values)
        looked = await together(values, partial(find_drafts, self.dynamics))
        failures = [value for value in looked if isinstance(value, Failed)]
        readable = [value for value in looked if not isinstance(value, Failed)]
        in_place = [value for value in readable if not is_misplaced(value)]
        misplaced = [value for value in readable if is_misplaced(value)]
        results = [*failures, *await write(in_place), *await write_verified(misplaced)]
        by_id = {result.id: result for result in results}
        return [by_id[value.id] for value in values]

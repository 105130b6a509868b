"""The stages that decide: what Dynamics is asked, which documents must exist, on which accounts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from shared.converge import accounts, debit_numbers
from shared.converge.fiscal_periods import FiscalPeriods
from shared.converge.plan import unwanted
from shared.converge.queries import answered
from shared.converge.stages import DecidedObject, Failed, ReadObject, failed, onward_each
from shared.entities.common.objects import Context
from shared.entities.entity import Entity
from shared.ports import DynamicsGateway, Tables


@dataclass(frozen=True, slots=True)
class Decider:
    """Decides what must exist for objects of one entity."""

    dynamics: DynamicsGateway
    tables: Tables
    periods: FiscalPeriods

    async def decide(
        self, entity: Entity, context: Context, values: Sequence[ReadObject]
    ) -> list[DecidedObject | Failed]:
        """Ask Dynamics what the documents need to know, compute them, reserve accounts and numbers.
        Raises what reading the fiscal periods raises."""
        if not values:
            return []
        context = await self.periods.into(entity, context)
        asked = await self._ask(entity, context, values)
        decided = await onward_each(asked, partial(_decided, entity, context))
        reserved = await onward_each(decided, partial(accounts.reserve, self.tables))
        return await onward_each(reserved, partial(debit_numbers.reserve, self.tables))

    async def _ask(
        self, entity: Entity, context: Context, values: Sequence[ReadObject]
    ) -> list[ReadObject | Failed]:
        snapshots = [value.snapshot for value in values]
        answers = await answered(self.dynamics, entity, context, snapshots)
        return [
            failed(value, answer)
            if isinstance(answer, Exception)
            else replace(value, snapshot=answer)
            for value, answer in zip(values, answers, strict=True)
        ]


async def _decided(entity: Entity, context: Context, value: ReadObject) -> DecidedObject:
    desired = entity.making().build(value.snapshot, context)
    unwanted(desired.documents, value.claim.links)
    return DecidedObject(value.claim, value.snapshot, desired)

"""The stages that decide: what Dynamics is asked, which documents must exist, on which accounts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from shared.converge import accounts
from shared.converge.plan import unwanted
from shared.converge.queries import answered
from shared.converge.stages import DecidedObject, Failed, ReadObject, failed, onward_each
from shared.entities.common.objects import TAX_TABLES, Context, TaxTables
from shared.entities.entity import Entity
from shared.mapping.compiler import CompiledMapping
from shared.mapping.finance import Target
from shared.ports import Clock, DynamicsGateway, Tables
from shared.registry import Registry
from shared.settings import Settings
from shared.stores.mappings import Mappings


def context_of(settings: Settings, mapping: CompiledMapping, now: datetime) -> Context:
    """What documents are computed with at a moment."""
    id_property, tables = settings.customer_id_property, mapping.tables
    return Context(
        settings.books,
        settings.time_zone,
        mapping.policy,
        now,
        id_property,
        tables.get("items", {}),
        TaxTables(*(tables.get(name, {}) for name in TAX_TABLES)),
    )


def target_of(
    settings: Settings, mapping: CompiledMapping, customers: Mapping[tuple[str, str], str]
) -> Target:
    """What rendering may look up."""
    id_property, id_chars_max = settings.customer_id_property, settings.customer_id_chars_max
    return Target(settings.books, id_property, id_chars_max, customers, mapping)


@dataclass(frozen=True, slots=True)
class ActiveRules:
    """What decides and renders: the registry, settings and the mapping that is active."""

    registry: Registry
    settings: Settings
    mappings: Mappings
    clock: Clock

    def entity(self, name: str) -> Entity:
        """The row of an entity."""
        return self.registry.named(name)

    async def active(self) -> tuple[CompiledMapping, Context]:
        """The mapping, and what documents are computed with now. Raises `TieoutError`."""
        mapping = await self.mappings.active()
        return mapping, context_of(self.settings, mapping, self.clock.now())


@dataclass(frozen=True, slots=True)
class Decider:
    """Decides what must exist for objects of one entity."""

    dynamics: DynamicsGateway
    tables: Tables

    async def decide(
        self, entity: Entity, context: Context, values: Sequence[ReadObject]
    ) -> list[DecidedObject | Failed]:
        """Ask Dynamics what the documents need to know, compute them, reserve the accounts."""
        asked = await self._ask(entity, context, values)
        decided = await onward_each(asked, partial(_decided, entity, context))
        return await onward_each(decided, partial(accounts.reserve, self.tables))

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

"""The rules in force: the mapping that is active, and what documents are computed with."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.entities.common.objects import TAX_TABLES, Context, TaxTables
from shared.entities.entity import Entity
from shared.mapping.compiler import CompiledMapping
from shared.mapping.finance import Target
from shared.ports import Clock
from shared.registry import Registry
from shared.settings import Settings
from shared.stores.active_books import active_books

type ReadMapping = Callable[[], Awaitable[CompiledMapping]]
"""Reads the mapping in force; `Mappings.active`."""


def context_of(settings: Settings, mapping: CompiledMapping, now: datetime) -> Context:
    """What documents are computed with at a moment."""
    id_property, tables = settings.customer_id_property, mapping.tables
    return Context(
        active_books(settings, mapping),
        settings.time_zone,
        mapping.policy,
        now,
        id_property,
        tables.get("items", {}),
        TaxTables(*(tables.get(name, {}) for name in TAX_TABLES)),
        mapping.reads,
    )


def target_of(
    settings: Settings, mapping: CompiledMapping, customers: Mapping[tuple[str, str], str]
) -> Target:
    """What rendering may look up."""
    id_property, id_chars_max = settings.customer_id_property, settings.customer_id_chars_max
    books = active_books(settings, mapping)
    return Target(books, id_property, id_chars_max, customers, mapping)


@dataclass(frozen=True, slots=True)
class ActiveRules:
    """What decides and renders: the registry, settings and the mapping that is active."""

    registry: Registry
    settings: Settings
    mappings: ReadMapping
    clock: Clock

    def entity(self, name: str) -> Entity:
        """The row of an entity."""
        return self.registry.named(name)

    async def active(self) -> tuple[CompiledMapping, Context]:
        """The mapping, and what documents are computed with now. Raises `TieoutError`."""
        mapping = await self.mappings()
        return mapping, context_of(self.settings, mapping, self.clock.now())

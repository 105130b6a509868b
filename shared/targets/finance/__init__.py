"""Dynamics 365 Finance as a target: its entity sets, and the templates that fill them."""

from types import MappingProxyType

from shared.targets.entity_set import EntitySets
from shared.targets.finance.entity_sets import BATCH_NUMBER, ENTITY_SETS, ENUMS, PAYMENT_ID

FINANCE = EntitySets(MappingProxyType({row.name: row for row in ENTITY_SETS}), ENUMS)

__all__ = ("BATCH_NUMBER", "FINANCE", "PAYMENT_ID", "EntitySets")

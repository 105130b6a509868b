"""Dynamics 365 Finance as a target: its entity sets, and the templates that fill them."""

from collections.abc import Mapping
from types import MappingProxyType

from shared.targets.entity_set import EntitySets
from shared.targets.finance.entity_sets import (
    BATCH_NUMBER,
    ENTITY_SETS,
    ENUMS,
    IS_POSTED,
    PAYMENT_ID,
)
from shared.targets.finance.vendor_entity_sets import VENDOR_ENTITY_SETS

ROWS = (*ENTITY_SETS, *VENDOR_ENTITY_SETS)
FINANCE = EntitySets(MappingProxyType({row.name: row for row in ROWS}), ENUMS)

__all__ = ("BATCH_NUMBER", "FINANCE", "IS_POSTED", "PAYMENT_ID", "EntitySets", "is_posted")


def is_posted(row: Mapping[str, object]) -> bool:
    """Whether Dynamics says of a journal's header, or of a free text invoice, that it is posted."""
    return row[IS_POSTED] == "Yes"

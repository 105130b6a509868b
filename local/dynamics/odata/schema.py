"""Entity sets, properties and enums of the peer: the data files as typed objects."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import simplejson

from local.dynamics.odata.errors import NAMESPACE, unknown_property, unknown_segment

DATA = Path(__file__).parents[1] / "data"
COMPANY = "dataAreaId"
NO_DATE = datetime(1900, 1, 1, 12, tzinfo=UTC)  # what F&O answers for an empty date


@dataclass(frozen=True, slots=True)
class EntitySetSchema:
    """One entity set. `properties` maps a name to an Edm primitive or to the name of an enum."""

    name: str
    type: str
    key: tuple[str, ...]
    properties: Mapping[str, str]
    blank: Mapping[str, Any]

    @property
    def company_specific(self) -> bool:
        """Whether the records belong to a company."""
        return COMPANY in self.key

    @property
    def type_name(self) -> str:
        """The qualified type, as error texts name it."""
        return f"{NAMESPACE}.{self.type}"

    @property
    def entity(self) -> str:
        """The entity as the infolog names it."""
        return f"{self.type}Entity"

    def type_of(self, property_name: str) -> str:
        """The type of a property; refuses an unknown one with F&O's text."""
        found = self.properties.get(property_name)
        if found is None:
            raise unknown_property(property_name, self.type_name)
        return found


@dataclass(frozen=True, slots=True)
class Schema:
    """All entity sets and enums. An enum without members accepts any symbol."""

    sets: Mapping[str, EntitySetSchema]
    enums: Mapping[str, tuple[str, ...]]

    def set_of(self, name: str) -> EntitySetSchema:
        """The entity set; refuses an unknown one with 404 and F&O's text."""
        found = self.sets.get(name)
        if found is None:
            raise unknown_segment(name)
        return found


@cache
def tenant_schema() -> Schema:
    """The schema of this tenant, read once; it never changes."""
    enums = {name: tuple(members.split()) for name, members in _entries("enums.json").items()}
    tenant = _entries("tenant.json")
    raw = _entries("entity_sets.json") | tenant["entity_sets"]
    sets = {}
    for name, entry in raw.items():
        properties = _properties(entry["properties"])
        properties |= _properties(tenant["properties"].get(name, {}))
        blank = {key: _blank(kind, enums) for key, kind in properties.items()}
        sets[name] = EntitySetSchema(
            name, entry["type"], tuple(entry["key"].split()), properties, blank
        )
    return Schema(sets, enums)


def _entries(file: str) -> dict[str, Any]:
    loaded = simplejson.loads((DATA / file).read_text("utf-8"))
    return {name: entry for name, entry in loaded.items() if name != "_about"}


def _properties(by_type: Mapping[str, str]) -> dict[str, str]:
    return {name: kind for kind, names in by_type.items() for name in names.split()}


def _blank(
    kind: str, enums: Mapping[str, tuple[str, ...]]
) -> str | int | Decimal | datetime | None:
    match kind:
        case "String":
            return ""
        case "Decimal":
            return Decimal(0)
        case "Int32" | "Int64":
            return 0
        case "DateTimeOffset":
            return NO_DATE
        case _:
            return enums[kind][0] if kind in enums else None

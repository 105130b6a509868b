"""The entity sets that templates render: names, types and sizes of their fields.

`data/finance_entities.json` holds derived facts of the entity sets CustomersV3,
CustomerPaymentJournalLines and LedgerJournalLines. Sizes are those of the extended data types
behind the columns. A text field whose size is not known there must be declared with its size.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import simplejson

from shared.mapping.problems import MappingRefused, Problem

PRIMITIVES = ("String", "Decimal", "Int32", "Date")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an entity set. `type`: String, Decimal, Int32, Date or the name of an enum."""

    name: str
    type: str
    size: int | None = None
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EntitySet:
    """An entity set. `protected` gives the reason why no mapping may set a field."""

    name: str
    fields: Mapping[str, Field]
    mandatory: tuple[str, ...]
    protected: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Metadata:
    """Entity sets by name."""

    sets: Mapping[str, EntitySet] = field(default_factory=dict)


def custom_field(name: str, type: str, size: int | None, metadata: Metadata) -> Field:
    """A field that a mapping declares itself."""
    members = () if type in PRIMITIVES else enum_members(metadata, type)
    return Field(name, type, size, members)


def enum_members(metadata: Metadata, enum: str) -> tuple[str, ...]:
    """The members of an enum that some entity set uses."""
    for found in metadata.sets.values():
        for each in found.fields.values():
            if each.type == enum:
                return each.members
    return ()


def read_metadata(source: str) -> Metadata:
    """The metadata of a JSON text. Raises `MappingRefused` where it contradicts itself."""
    raw = simplejson.loads(source)
    enums = {name: tuple(members.split()) for name, members in raw["enums"].items()}
    sets = {}
    for name, entry in raw["sets"].items():
        fields: dict[str, Field] = {}
        for text, size in entry["sizes"].items():
            fields[text] = Field(text, "String", int(size))
        for type_name, names in entry["types"].items():
            if type_name not in enums and type_name not in PRIMITIVES:
                raise MappingRefused([Problem(name, f"no enum {type_name}")])
            members = enums.get(type_name, ())
            fields |= {each: Field(each, type_name, None, members) for each in names.split()}
        protected = {
            each: reason for reason, names in entry["protected"].items() for each in names.split()
        }
        mandatory = tuple(entry["mandatory"].split())
        missing = [each for each in mandatory if each not in fields]
        if missing:
            raise MappingRefused([Problem(name, f"mandatory but unknown: {', '.join(missing)}")])
        sets[name] = EntitySet(name, fields, mandatory, protected)
    return Metadata(sets)

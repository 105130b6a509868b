"""Which field a mapping means. Dynamics has no two fields whose names differ in case alone, so
Tieout refuses a name in another case rather than taking it for another field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.mapping.problems import Problem
from shared.mapping.schema import UserMapping
from shared.targets.entity_set import PRIMITIVES, EntitySet, EntitySets, Field

UNKNOWN = "Tieout does not know this field; declare it under custom, with its type and size"


@dataclass(frozen=True, slots=True)
class Names:
    """The fields that the mappings of one template may name.

    `custom`: those that somebody declared. `reserved`: those that settings give to the product.
    """

    entity: EntitySet
    custom: Mapping[str, Field]
    reserved: Sequence[str]

    def target(self, name: str) -> Field | None:
        """The field that may be set, None where no such is known."""
        return self.entity.fields.get(name) or self.custom.get(name)

    def objection(self, name: str) -> str:
        """Why no mapping may set a field of this name, empty where one may."""
        for reserved in self.reserved:
            if reserved.casefold() == name.casefold():
                return _protected(name, reserved, "key")
        for protected, reason in self.entity.protected.items():
            if protected.casefold() == name.casefold():
                return _protected(name, protected, reason)
        if self.target(name) is not None:
            return ""
        written = _written(name, [*self.entity.fields, *self.custom])
        if written:
            return f"is written {written}"
        return UNKNOWN


def declared(
    changes: UserMapping | None, entity: EntitySet, entity_sets: EntitySets
) -> tuple[dict[str, Field], list[Problem]]:
    """The custom fields of a mapping, and what speaks against them."""
    fields: dict[str, Field] = {}
    problems: list[Problem] = []
    if changes is None:
        return fields, problems
    for name, custom in changes.custom.items():
        known = _written(name, [*entity.fields, *entity.protected])
        other = _written(name, list(fields))
        reason = f"the product knows this field: {known}" if known else ""
        reason = f"is already declared as {other}" if other else reason
        if reason:
            problems.append(Problem(changes.name, reason, f"custom.{name}"))
        members = () if custom.type in PRIMITIVES else entity_sets.members(custom.type)
        fields[name] = Field(name, custom.type, custom.size, members)
    return fields, problems


def _written(name: str, names: Sequence[str]) -> str:
    """How a name is written that is the same but for its case; empty where there is none."""
    return next((known for known in names if known.casefold() == name.casefold()), "")


def _protected(name: str, field: str, reason: str) -> str:
    what = "is" if name == field else f"is {field}, which is"
    return f"{what} protected ({reason}): the product decides it, no mapping does"

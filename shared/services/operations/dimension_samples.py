"""Does Dynamics take the financial dimensions that the mapping fills?

The format may change after publishing. Of the values, constants and rows of tables are known; a
sample of them is looked up. What metadata will say is not known.
"""

from collections.abc import Iterator, Mapping

from shared.converge.dimension_formats import active_formats, objection
from shared.errors import MappingUnusable
from shared.mapping.compiler import CompiledMapping
from shared.ports import DynamicsGateway, Lookup, Value
from shared.services.operations.readiness import Probe
from shared.settings import Settings
from shared.stores.mappings import Mappings
from shared.targets.entity_set import Field

CHECK = "financial dimensions"
VALUES_MAX = 20  # of one dimension
REMEDY = (
    "Correct the dimensions or the table in the mapping and publish, or the format or the values "
    "in Dynamics (docs/mapping.md, Financial dimensions)."
)
VALUES = "FinancialDimensionValues"


def dimension_probe(dynamics: DynamicsGateway, settings: Settings, mappings: Mappings) -> Probe:
    """The probe of formats and values."""
    delimiter = settings.dynamics_dimension_delimiter

    async def run() -> Mapping[str, str]:
        try:
            mapping = await mappings.active()
        except MappingUnusable:
            return {}  # the check `mapping` says so
        places = tuple(_places(mapping))
        if not places:
            return {}
        formats = await active_formats(dynamics, delimiter)
        faults = [
            f"{template}.{field}: {reason}"
            for template, field, names in places
            if (reason := objection(names, Field(field, "String").dimension_format, formats))
        ]
        for name, values in _known(mapping).items():
            faults += await _refused(dynamics, name, values)
        return {CHECK: "; ".join(faults)}

    return Probe({CHECK: REMEDY}, run)


def _places(mapping: CompiledMapping) -> Iterator[tuple[str, str, list[str]]]:
    for template in mapping.templates.values():
        for field, dimensions in template.dimensions.items():
            yield template.name, field, [each.name for each in dimensions]


def _known(mapping: CompiledMapping) -> dict[str, list[str]]:
    """A sample of the known values, by dimension."""
    found: dict[str, dict[str, None]] = {}
    for template in mapping.templates.values():
        for dimensions in template.dimensions.values():
            for each in dimensions:
                found.setdefault(each.name, {}).update(dict.fromkeys(each.values))
    return {name: sorted(values)[:VALUES_MAX] for name, values in found.items() if values}


async def _refused(dynamics: DynamicsGateway, name: str, values: list[str]) -> list[str]:
    """Values that are suspended or that a dimension does not have. A dimension of which Dynamics
    shows no values at all (an entity stands behind it) tells nothing."""
    own: dict[str, Value] = {"FinancialDimension": name}
    wanted: list[Value] = [*values]
    rows = await dynamics.find(
        Lookup(
            VALUES,
            "",
            own,
            any_of=("DimensionValue", wanted),
            select=("DimensionValue", "IsSuspended"),
        )
    )
    usable = {str(row["DimensionValue"]).casefold(): row["IsSuspended"] != "Yes" for row in rows}
    faults = [
        f"{name} {value} is suspended" for value in values if usable.get(value.casefold()) is False
    ]
    missing = [value for value in values if value.casefold() not in usable]
    if missing and await dynamics.find(
        Lookup(VALUES, "", own, select=("DimensionValue",), limit=1)
    ):
        faults += [f"{name} has no value {value}" for value in missing]
    return faults

"""Readiness of financial dimensions: formats that changed, values that Dynamics does not take."""

from collections.abc import Mapping

import pytest

from shared.services.readiness.named_by_mapping import DIMENSIONS, dimension_probe
from tests.unit.services.fakes import FakeDynamics, settings
from tests.unit.services.publishing import Shelf
from tests.unit.services.test_publish import formats

OURS = (
    "kind: mapping\nname: ours\nextends: customer_payment_line\nfields:\n"
    "  DefaultDimensionsForAccountDisplayValue:\n"
    "    dimensions:\n"
    "      - Unit: {from: document.company, do: [{lookup: {table: units, miss: reject}}]}\n"
    "      - Cost: {value: '017'}\n"
)
TABLE = "{kind: table, name: units, rows: {usmf: '001', demf: '002'}}"


def value(name: str, text: str, suspended: str = "No") -> dict[str, str]:
    place = {"dataAreaId": "", "FinancialDimension": name}
    return {**place, "DimensionValue": text, "IsSuspended": suspended}


async def problem(dynamics: FakeDynamics, *documents: str) -> str:
    shelf = Shelf(dynamics=formats("Unit-Cost"))
    if documents:
        await shelf.publish(*documents)
    probe = dimension_probe(dynamics, settings(), shelf.mappings)
    found: Mapping[str, str] = await probe.run()
    return found.get(DIMENSIONS, "")


async def test_a_mapping_without_dimensions_asks_for_nothing() -> None:
    dynamics = FakeDynamics()
    assert await problem(dynamics) == ""
    assert dynamics.lookups == []


async def test_a_format_that_changed_after_publishing_is_named() -> None:
    text = await problem(formats("Cost-Unit"), OURS, TABLE)
    assert text.startswith("customer_payment_line.DefaultDimensionsForAccountDisplayValue: the dim")
    assert "Dynamics has Cost, Unit" in text


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([], ""),  # entities stand behind the dimensions: nothing is shown
        ([value("Unit", "001"), value("Unit", "002")], ""),
        ([value("Unit", "001")], "Unit has no value 002"),
        ([value("Unit", "001"), value("Unit", "002", "Yes")], "Unit 002 is suspended"),
        ([value("Cost", "018")], "Cost has no value 017"),
    ],
)
async def test_a_sample_of_the_values_is_looked_up(values: list[dict[str, str]], text: str) -> None:
    dynamics = formats("Unit-Cost")
    dynamics.rows["FinancialDimensionValues"] = values
    assert await problem(dynamics, OURS, TABLE) == text

"""docs/costs.md: up to date, and its totals follow from the inputs that it shows."""

import re
from decimal import Decimal
from fractions import Fraction

import pytest

from bench.usage import KINDS
from release.costs import CENT, PRICES, USAGE, VOLUMES, cost
from release.costs_page import LABELS, page
from release.package import ROOT

TEXT = page()


def cells(title: str) -> dict[str, list[str]]:
    """The rows of the table below a heading, by their first cell."""
    part = TEXT.split(title, 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("|")]
    return {row[0].strip("`*"): row[1:] for row in rows[2:]}


def number(text: str) -> Fraction:
    return Fraction(text.strip("*").replace(",", ""))


def recomputed(charges: int) -> dict[str, Fraction]:
    """The costs of a month from the tables of the page alone, unrounded."""
    use = {
        name: charges * number(row[0]) + number(row[1])
        for name, row in cells("## Measured use").items()
    }
    assumed = {name: number(row[0]) for name, row in cells("## Assumptions").items()}
    kinds = [name.removesuffix("_executions") for name in use if name.endswith("_executions")]
    count = sum(use[f"{kind}_executions"] for kind in kinds)
    seconds = sum(use[f"{kind}_executions"] * assumed[f"{kind}_seconds"] for kind in kinds)
    amounts = {
        "executions": count,
        "gigabyte_seconds": seconds * assumed["instance_gigabytes"],
        "bus_base": assumed["hours"],
        "bus_operations": use["bus_operations"],
        "table_transactions": use["table_transactions"],
        "log_gigabytes": (use["log_bytes"] + count * assumed["platform_log_bytes"]) / 10**9,
    }
    costs = {}
    for name, (price, per, free, *_) in cells("## Prices").items():
        billed = max(amounts[name] - number(free), Fraction(0))
        costs[name] = billed / number(per.split()[0]) * number(price)
    return costs


def test_the_page_of_costs_is_the_one_that_the_inputs_give() -> None:
    assert (ROOT / "docs" / "costs.md").read_text(encoding="utf-8") == TEXT, "run make docs"


@pytest.mark.parametrize(("column", "charges"), [*enumerate(VOLUMES)])
def test_every_cost_follows_from_the_inputs_that_the_page_shows(column: int, charges: int) -> None:
    shown = {name: number(row[column]) for name, row in cells("# What it costs").items()}
    expected = recomputed(charges)
    assert len(expected) == 6
    for name, amount in expected.items():
        assert abs(shown[LABELS[name]] - amount) <= Fraction(1, 200), name
    assert shown["together"] == sum(shown[LABELS[name]] for name in expected)


def test_a_price_names_its_source_and_its_date() -> None:
    assert [name for name, price in PRICES.items() if not price.source] == []
    dates = [price.read_on for price in PRICES.values()]
    assert [date for date in dates if not re.fullmatch(r"20\d\d-\d\d-\d\d", date)] == []


def test_what_is_free_costs_nothing_and_what_is_beyond_it_is_billed_by_the_unit() -> None:
    assert cost("bus_operations", Decimal(13_000_000)) == 0
    assert cost("bus_operations", Decimal(14_000_000)) == Decimal("0.80")
    assert cost("executions", Decimal(0)) == 0
    assert cost("log_gigabytes", Decimal("5.005")) == CENT * 1  # 1.15 cents


def test_no_volume_leaves_the_range_of_a_price() -> None:
    """Above 100 million operations Service Bus has another price."""
    usage = USAGE["bus_operations"]
    assert usage.charge * VOLUMES[-1] + usage.month < 100_000_000


def test_every_kind_of_execution_that_is_measured_is_priced() -> None:
    assert [name for name in KINDS.values() if name not in USAGE] == []

"""The Dynamics peer: sales tax of orders and free text invoices, and when totals are shown."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from tests.contract.test_dynamics_peer_rig import World, virtual

HEADERS = "SalesOrderHeadersV2"
GROUPS = {"SalesTaxGroupCode": "DE-DOM", "SalesTaxItemGroupCode": "FULL"}
THREE = [{**GROUPS, "OrderedSalesQuantity": 1, "SalesPrice": 0.13} for _ in range(3)]


def totals(world: World) -> tuple[Any, Any, Any]:
    header = world.one(HEADERS)
    return (
        header["OrderTotalAmount"],
        header["OrderTotalTaxAmount"],
        header["AreTotalsCalculated"],
    )


@virtual
async def test_tax_comes_on_top_or_lies_within_the_prices(world: World) -> None:
    await world.order({**GROUPS, "OrderedSalesQuantity": 1, "SalesPrice": 100})
    assert totals(world) == (Decimal("119.00"), Decimal("19.00"), "Yes")


@virtual
async def test_gross_prices_hold_their_tax(world: World) -> None:
    line = {**GROUPS, "OrderedSalesQuantity": 1, "SalesPrice": 119}
    await world.order(line, ArePricesIncludingSalesTax="Yes")
    assert totals(world) == (Decimal("119.00"), Decimal("19.00"), "Yes")


@pytest.mark.parametrize("gone", list(GROUPS))
@virtual
async def test_one_group_alone_makes_no_tax(world: World, gone: str) -> None:
    await world.order({**GROUPS, gone: ""})
    assert totals(world)[1] == 0


@virtual
async def test_groups_without_a_shared_code_make_no_tax(world: World) -> None:
    await world.order({**GROUPS, "SalesTaxGroupCode": "EXPORT"})
    assert totals(world)[1] == 0


@virtual
async def test_a_line_without_a_group_takes_that_of_its_customer(world: World) -> None:
    path = "CustomersV3(dataAreaId='usmf',CustomerAccount='US-001')"
    await world.patch(path, SalesTaxGroup="DE-DOM")
    line = {"SalesTaxItemGroupCode": "REDUCED", "OrderedSalesQuantity": 1, "SalesPrice": 100}
    await world.order(line)
    assert totals(world)[:2] == (Decimal("107.00"), Decimal("7.00"))


@pytest.mark.parametrize(("rounding", "tax"), [("line", "0.06"), ("total", "0.07")])
@virtual
async def test_tax_is_rounded_by_line_or_once_for_a_code(
    world: World, rounding: Any, tax: str
) -> None:
    world.peer.settings.tax_rounding = rounding
    await world.order(*THREE)
    assert totals(world)[1] == Decimal(tax)


@virtual
async def test_totals_stay_empty_until_their_job_has_run(world: World) -> None:
    world.peer.settings.totals_by_job = True
    await world.order({**GROUPS, "OrderedSalesQuantity": 1, "SalesPrice": 100})
    assert totals(world) == (0, 0, "No")
    world.peer._jobs.invoicing.totals()
    assert totals(world) == (Decimal("119.00"), Decimal("19.00"), "Yes")


def posted(world: World) -> Mapping[str, Decimal]:
    """What was posted, by account."""
    sums: dict[str, Decimal] = {}
    for line in world.peer.ledger().posted:
        sums[line.account] = sums.get(line.account, Decimal(0)) + line.amount
    return sums


@virtual
async def test_a_free_text_credit_note_posts_the_tax_within_it(world: World) -> None:
    line = {"MainAccountDisplayValue": "402100", "Quantity": 1, "UnitPrice": -119}
    groups = {"SalesTaxGroupId": "DE-DOM", "SalesTaxItemGroupId": "FULL"}
    await world.invoice({**line, **groups}, InclTax="Yes")
    world.peer.run_jobs()
    assert posted(world) == {
        "US-001": Decimal("-119.00"),
        "402100": Decimal("100.00"),
        "403300": Decimal("19.00"),
    }

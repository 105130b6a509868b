"""Sales whose tax Dynamics computes from sales tax groups, from order to credit note."""

from dataclasses import replace
from decimal import Decimal

import pytest

from local.dynamics import DynamicsSettings
from local.stripe import PeerSettings
from local.world import Options, World
from tests.flows.test_orders import (
    balance,
    basket_line,
    credited,
    give_lines_back,
    order_lines,
    orders,
    vat,
)
from tests.world import (
    DAY,
    HOUR,
    booked_and_proved,
    check_out,
    live,
    new_customer,
    parked,
    rest,
    waiting,
)

POLICY = """
kind: policy
name: codes
sales: [{when: {currency: [eur]}, book: order}]
tax: codes
"""
GROUPS = """
kind: table
name: sales_tax_groups
rows:
  "DE/vat/7/-/exclusive": DE-DOM
  "DE/vat/19/-/exclusive": DE-DOM
  "-/-/0/reverse_charge/exclusive": EU-RC
"""
ITEM_GROUPS = """
kind: table
name: item_sales_tax_groups
rows:
  "DE/vat/7/-/exclusive": REDUCED
  "DE/vat/19/-/exclusive": FULL
  "-/-/0/reverse_charge/exclusive": ZERO
"""
DOCUMENTS = (POLICY, GROUPS, ITEM_GROUPS)


def options(**settings: object) -> Options:
    return Options(
        documents=DOCUMENTS,
        stripe=PeerSettings(payouts=None),
        dynamics=DynamicsSettings(**settings),  # type: ignore[arg-type]
    )


def sell_mixed(world: World, customer: str) -> str:
    """A book of 20.00 with 7 % and a lamp of 100.00 with 19 %; returns the charge."""
    de = {"country": "DE", "tax_type": "vat"}
    items = [
        basket_line("Book", 2_000, vat(world, 7, **de)),
        basket_line("Lamp", 10_000, vat(world, 19, **de)),
    ]
    return check_out(world, customer, items)


def tax_posted(world: World) -> Decimal:
    """What stands on the account of sales tax in demf; a liability is negative."""
    rows = [
        line.amount
        for line in world.dynamics.ledger().posted
        if line.company == "demf" and line.account == "403300"
    ]
    return sum(rows, Decimal(0))


@pytest.mark.parametrize("rounding", ["line", "total"])
def test_a_mixed_basket_is_taxed_by_codes_and_a_returned_book_credits_its_own(
    rounding: str,
) -> None:
    async def story(world: World) -> None:
        charge = sell_mixed(world, new_customer(world))
        await rest(world, 2 * DAY)
        [order] = orders(world)
        assert (order["OrderTotalAmount"], order["OrderTotalTaxAmount"]) == (
            Decimal("140.40"),
            Decimal("20.40"),
        )
        assert [row["SalesPrice"] for row in order_lines(world).values()] == [
            Decimal("21.40"),
            Decimal("119.00"),
        ]
        assert tax_posted(world) == Decimal("-20.40")
        give_lines_back(world, charge, {1: 2_140})
        await rest(world, 2 * DAY)
        assert credited(world) == Decimal("-21.40")
        assert tax_posted(world) == Decimal("-19.00")
        assert balance(world) == 0
        await booked_and_proved(world)

    live(story, options(tax_rounding=rounding))


def own_group(world: World, group: str) -> None:
    """Customers of demf get a sales tax group of their own."""
    store = world.dynamics._store
    for row in store.table("CustomersV3").values():
        if row.fields["dataAreaId"] == "demf":
            store.update(row, {"SalesTaxGroup": group})


def test_a_customer_with_a_tax_group_of_its_own_is_taxed_by_what_was_sold() -> None:
    async def story(world: World) -> None:
        who = new_customer(world)
        sell_mixed(world, who)
        await rest(world, 2 * DAY)
        own_group(world, "EXEMPT")
        sell_mixed(world, who)
        await rest(world, 2 * DAY)
        assert tax_posted(world) == Decimal("-40.80")
        assert {row["SalesTaxGroupCode"] for row in orders(world)} == {"", "EXEMPT"}
        assert balance(world) == 0
        await booked_and_proved(world)

    live(story, options())


def test_an_order_waits_on_hold_until_dynamics_has_calculated_its_tax() -> None:
    async def story(world: World) -> None:
        sell_mixed(world, new_customer(world))
        await rest(world, HOUR / 3)
        [order] = orders(world)
        assert order["IsSalesProcessingStopped"] == "Yes"
        assert "totals_not_calculated" in [item.cause for item in await waiting(world)]
        await rest(world, 2 * DAY)
        [order] = orders(world)
        assert order["IsSalesProcessingStopped"] == "No"
        assert tax_posted(world) == Decimal("-20.40")
        await booked_and_proved(world)

    live(story, options(totals_by_job=True))


def test_a_tax_that_differs_from_stripes_parks_with_the_arithmetic() -> None:
    """Somebody gave books the full rate in Dynamics."""
    wrong = ITEM_GROUPS.replace('7/-/exclusive": REDUCED', '7/-/exclusive": FULL')

    async def story(world: World) -> None:
        sell_mixed(world, new_customer(world))
        await rest(world, HOUR / 3)
        [item] = await parked(world)
        assert item.cause == "order_total_differs"
        assert "OrderTotalTaxAmount is EUR 22.42, it must be EUR 20.40" in item.text
        assert "more than EUR 0.04" in item.text
        assert orders(world)[0]["IsSalesProcessingStopped"] == "Yes"

    live(story, replace(options(), documents=(POLICY, GROUPS, wrong)))


def test_a_reverse_charge_is_taxed_at_nothing_for_its_reason() -> None:
    async def story(world: World) -> None:
        who = new_customer(world)
        world.stripe.request("POST", f"/v1/customers/{who}", {"tax_exempt": "reverse"})
        charge = sell_mixed(world, who)
        await rest(world, 2 * DAY)
        assert {row["SalesTaxGroupCode"] for row in order_lines(world).values()} == {"EU-RC"}
        assert tax_posted(world) == 0
        give_lines_back(world, charge, {1: 1_000})
        await rest(world, 2 * DAY)
        rows = world.dynamics.records("CDSFreeTextInvoiceLines")
        assert [row["SalesTaxGroupId"] for row in rows] == ["EU-RC"]
        assert balance(world) == 0
        await booked_and_proved(world)

    live(story, options())

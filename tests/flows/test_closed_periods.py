"""Books that follow Dynamics: a period that is closed there holds the line before it is written."""

from typing import Any

import pytest

from local import books as local_books
from local.stripe import PeerSettings
from local.world import Options, World
from tests.world import (
    DAY,
    HOUR,
    booked_and_proved,
    lines,
    live,
    new_customer,
    parked,
    rest,
    sell,
    transactions_of,
)

ROUTED = """
kind: policy
name: routed
routes: [{when: {metadata: {shop: [de]}}, company: demf}]
"""
SHOP = {"shop": "de"}


def following() -> dict[str, Any]:
    """The books of the world, in which every company follows Dynamics."""
    found = local_books.settings(
        stripe_url="https://stripe.test", dynamics_url="https://dynamics.test"
    ).books.model_dump(mode="json")
    for company in found["companies"].values():
        company["closed_through"] = "follow"
    return found


OPTIONS = Options(
    documents=(ROUTED,), stripe=PeerSettings(payouts=None), settings={"books": following()}
)


def close(world: World, company: str, *, reopen: bool = False) -> None:
    world.dynamics.close_period(company, 2026, 10, reopen=reopen)


@pytest.mark.parametrize("company", ["usmf", "demf"])
def test_a_month_that_is_closed_in_either_company_parks_its_lines_until_it_opens(
    company: str,
) -> None:
    """The sale is of demf, its clearing account of usmf."""

    async def story(world: World) -> None:
        close(world, company)
        charge = sell(world, customer=new_customer(world), metadata=SHOP)
        await rest(world, HOUR)
        [item] = await parked(world)
        assert item.cause == "period_closed"
        assert f"no open fiscal period of {company}" in item.text
        assert lines(world) == {}
        close(world, company, reopen=True)
        await rest(world, DAY)  # healing tries again
        assert await parked(world) == []
        [txn] = transactions_of(world, charge)
        assert f"{txn['id']}:gross" in lines(world)
        await booked_and_proved(world)

    live(story, OPTIONS)


def test_a_month_without_access_for_customers_holds_receipts() -> None:
    async def story(world: World) -> None:
        world.dynamics.set_access("usmf", 2026, 10, "Cust", "None")
        sell(world, customer=new_customer(world))
        await rest(world, HOUR)
        [item] = await parked(world)
        assert item.text.endswith("(module customers)")
        assert lines(world) == {}
        world.dynamics.set_access("usmf", 2026, 10, "Cust", "All")
        await rest(world, DAY)
        await booked_and_proved(world)

    live(story, OPTIONS)

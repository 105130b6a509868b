"""One month of business through the webhook, Event Grid, and both: the same records."""

from dataclasses import replace
from functools import cache

import pytest

from local.dynamics import DynamicsFaults
from local.stripe import GridFault, Shape, StripeFaults
from local.world import World
from shared.ingress import Ingress
from shared.registry import INGRESS_QUEUE
from tests.flows.month import DELIVERY, all_is_well, month, options
from tests.world import Booked, customers, everything, lines, live

GRID_FAULTS: dict[GridFault, float] = {"repeated": 0.3, "late": 0.2, "refused": 0.3}
WAYS: list[tuple[Ingress, tuple[Shape, ...]]] = [
    ("event_grid", ("snapshot",)),
    ("event_grid", ("thin",)),
    ("both", ("snapshot", "thin")),
]


def booked(world: World) -> dict[str, Booked]:
    """The lines by key; customers by their Stripe ids: Dynamics numbers them as they come."""
    ids = {
        f"{row['dataAreaId']} Cust {row['CustomerAccount']}": key
        for key, row in customers(world).items()
    }
    return {
        key: replace(line, account=ids.get(f"{line.company} {line.account}", line.account))
        for key, line in lines(world).items()
    }


def counted(world: World) -> dict[str, int]:
    """How many records there are; journals follow from the order in which events came."""
    return {
        name: len(records)
        for name, records in everything(world).items()
        if not name.endswith("JournalHeaders")
    }


@cache
def records_of(ingress: Ingress, shapes: tuple[Shape, ...] = ("snapshot",)) -> object:
    """What Dynamics holds after the month, by key and amount."""

    async def story(world: World) -> object:
        await month(world)
        await all_is_well(world)
        assert world.broker.depth(INGRESS_QUEUE).dead == 0
        return booked(world), sorted(customers(world)), counted(world)

    whole = options(7, DynamicsFaults(), StripeFaults(delivery=DELIVERY))
    return live(story, replace(whole, ingress=ingress, shapes=shapes, grid_faults=GRID_FAULTS))


@pytest.mark.parametrize(("ingress", "shapes"), WAYS)
def test_the_records_are_those_of_the_webhook(ingress: Ingress, shapes: tuple[Shape, ...]) -> None:
    assert records_of(ingress, shapes) == records_of("webhook")

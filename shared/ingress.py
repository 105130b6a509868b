"""By which ways Stripe's events come: HTTPS (the webhook), Azure Event Grid, or both at once."""

from typing import Literal

type Ingress = Literal["webhook", "event_grid", "both"]
type Door = Literal["webhook", "event_grid"]

DOORS: tuple[Door, ...] = ("webhook", "event_grid")


def doors_of(ingress: Ingress) -> tuple[Door, ...]:
    """The doors that are open, the webhook first."""
    return tuple(door for door in DOORS if ingress in (door, "both"))

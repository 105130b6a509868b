"""Prices: what a product costs.

https://docs.stripe.com/api/prices. Stripe deletes a price only where nothing was sold by it: no
event is needed, but an earlier event may arrive when the object is gone.
"""

from typing import TYPE_CHECKING

from shared.entities.entity import Entity

if TYPE_CHECKING:
    from shared.entities.making import Making


def _making() -> "Making":
    from shared.entities.price.making import MAKING

    return MAKING


PRICE = Entity(
    name="price",
    queue="catalogue",
    object="price",
    event_types=("price.created", "price.updated"),
    deletion="price.deleted",
    expand=("product", "currency_options", "tiers"),
    making=_making,
)

__all__ = ("PRICE",)

"""Products: what is sold.

https://docs.stripe.com/api/products. Stripe deletes a product only where nothing was sold by it:
no event is needed, but an earlier event may arrive when the object is gone.
"""

from typing import TYPE_CHECKING

from shared.entities.entity import Entity

if TYPE_CHECKING:
    from shared.entities.making import Making


def _making() -> "Making":
    from shared.entities.product.making import MAKING

    return MAKING


PRODUCT = Entity(
    name="product",
    queue="catalogue",
    object="product",
    event_types=("product.created", "product.updated"),
    deletion="product.deleted",
    making=_making,
)

__all__ = ("PRODUCT",)

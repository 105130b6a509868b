"""Products: what is sold.

https://docs.stripe.com/api/products. Stripe deletes a product only where nothing was sold by it:
no event is needed, but an earlier event may arrive when the object is gone.
"""

from shared.entities.entity import Entity
from shared.entities.product import documents
from shared.entities.product.records import ProductEnd, ProductRecord

PRODUCT = Entity(
    name="product",
    queue="catalogue",
    object="product",
    event_types=("product.created", "product.updated"),
    deletion="product.deleted",
    queries_of=documents.queries,
    build=documents.build,
    documents=(ProductEnd, ProductRecord),
)

__all__ = ("PRODUCT",)

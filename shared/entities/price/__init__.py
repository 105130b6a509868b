"""Prices: what a product costs.

https://docs.stripe.com/api/prices. Stripe deletes a price only where nothing was sold by it: no
event is needed, but an earlier event may arrive when the object is gone.
"""

from shared.entities.entity import Entity
from shared.entities.price import documents
from shared.entities.price.records import PriceJournal, PriceLine

PRICE = Entity(
    name="price",
    queue="catalogue",
    object="price",
    event_types=("price.created", "price.updated"),
    deletion="price.deleted",
    expand=("product", "currency_options", "tiers"),
    queries_of=documents.queries,
    build=documents.build,
    documents=(PriceJournal, PriceLine),
)

__all__ = ("PRICE",)

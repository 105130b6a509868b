"""How the documents of prices are made, and what others may use of them."""

from shared.entities.making import Making
from shared.entities.price import documents
from shared.entities.price.records import PriceJournal, PriceLine

MAKING = Making(
    build=documents.build,
    queries_of=documents.queries,
    documents=(PriceJournal, PriceLine),
)

__all__ = ("MAKING",)

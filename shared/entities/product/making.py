"""How the documents of products are made, and what others may use of them."""

from shared.entities.making import Making
from shared.entities.product import documents
from shared.entities.product.records import ProductEnd, ProductRecord

MAKING = Making(
    build=documents.build,
    queries_of=documents.queries,
    documents=(ProductEnd, ProductRecord),
)

__all__ = ("MAKING",)

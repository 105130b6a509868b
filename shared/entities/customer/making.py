"""How the documents of customers are made, and what others may use of them."""

from shared.entities.customer import documents
from shared.entities.customer.documents import ENTITY, account_notes, role_of
from shared.entities.customer.matching import CAUSES, EMAIL, gone, taken
from shared.entities.customer.records import CustomerLink, CustomerRecord
from shared.entities.making import Making

MAKING = Making(
    build=documents.build,
    queries_of=documents.queries,
    documents=(CustomerRecord, CustomerLink),
)

__all__ = (
    "CAUSES",
    "EMAIL",
    "ENTITY",
    "MAKING",
    "CustomerLink",
    "account_notes",
    "gone",
    "role_of",
    "taken",
)

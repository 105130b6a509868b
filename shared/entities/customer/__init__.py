"""Customers: an account in each company that sells to them.

https://docs.stripe.com/api/customers
"""

from shared.entities.customer import documents
from shared.entities.customer.documents import ENTITY, account_notes, role_of
from shared.entities.customer.matching import ACCOUNT, CAUSES, CUSTOMERS, EMAIL, gone, taken
from shared.entities.customer.records import CustomerLink, CustomerRecord
from shared.entities.entity import Entity

CUSTOMER = Entity(
    name="customer",
    queue="customer",
    object="customer",
    event_types=(
        *("customer.created", "customer.updated", "customer.deleted"),
        *("customer.tax_id.created", "customer.tax_id.updated", "customer.tax_id.deleted"),
    ),
    parts=(("tax_id", "customer"),),
    expand=("tax_ids",),
    queries_of=documents.queries,
    build=documents.build,
    documents=(CustomerRecord, CustomerLink),
)

__all__ = (
    "ACCOUNT",
    "CAUSES",
    "CUSTOMER",
    "CUSTOMERS",
    "EMAIL",
    "ENTITY",
    "CustomerLink",
    "account_notes",
    "gone",
    "role_of",
    "taken",
)

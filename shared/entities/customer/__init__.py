"""Customers: an account in each company that sells to them.

https://docs.stripe.com/api/customers
"""

from typing import TYPE_CHECKING

from shared.entities.entity import Entity

if TYPE_CHECKING:
    from shared.entities.making import Making

CUSTOMERS = "CustomersV3"
ACCOUNT = "CustomerAccount"


def _making() -> "Making":
    from shared.entities.customer.making import MAKING

    return MAKING


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
    making=_making,
)

__all__ = (
    "ACCOUNT",
    "CUSTOMER",
    "CUSTOMERS",
)

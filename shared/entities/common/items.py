"""Which released product of Dynamics a product of Stripe's is: by the table `items` of the mapping,
else by its own id, where the policy lets products be created."""

from shared.entities.common.objects import Context, Query, Snapshot
from shared.errors import Parked

RELEASED = "ReleasedProductsV2"
ITEM, UNIT = "ItemNumber", "SalesUnitSymbol"
ITEM_CHARS_MAX = 20  # of an item number


def item_of(product: str, context: Context) -> str:
    """The item number. Raises `Parked` for a product that has none and gets none."""
    item = context.items.get(product)
    if item is not None:
        return item
    if context.policy.catalogue.products != "create":
        raise Parked(
            "product_not_linked",
            f"product {product} has no row in the table items",
            "Add it to the table with its item number and publish, or let the policy create "
            "products (catalogue.products); then retry.",
        )
    if len(product) > ITEM_CHARS_MAX:
        raise Parked(
            "product_id_too_long",
            f"product {product} cannot be an item number, which has {ITEM_CHARS_MAX} characters",
            "Add it to the table items with an item number of yours and publish, then retry.",
        )
    return product


def query(item: str, company: str) -> Query:
    """Whether an item is released in a company, and the unit that it is sold in."""
    return Query(f"item~{company}", RELEASED, company, ITEM, item, (ITEM, UNIT))


def is_released(snapshot: Snapshot, company: str) -> bool:
    """The answer to `query`."""
    return bool(snapshot.answers.get(f"item~{company}"))


def unit_in(snapshot: Snapshot, company: str) -> str:
    """The unit that the item is sold in."""
    return str(snapshot.answers[f"item~{company}"][0][UNIT])


def not_released(item: str, product: str, company: str) -> Parked:
    """The error for an item of the table that Dynamics does not have."""
    return Parked(
        "item_not_released",
        f"item {item} of product {product} is not released in {company}",
        "Release it there, or correct the row in the table items; then retry.",
    )

"""Which released products the lines of a new order are, where the policy creates products.

A product that the table `items` lists, and one whose line names its item, need nothing here. The
others are sold under their own id once they are released. An order waits for that until
`WAIT_HOURS` after the sale, and not at all for a product that Checkout made up for one sale (its
price is not active); then it sells the default item.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from shared.domain.ids import is_id
from shared.domain.records import Ref
from shared.entities.common.items import ITEM, ITEM_CHARS_MAX, RELEASED
from shared.entities.common.objects import Context, Json, Query, Snapshot, elements, id_of, moment
from shared.entities.common.sale_line import SaleLine
from shared.errors import Waiting

WAIT_HOURS = 72  # longer than outages are
ANSWER_PREFIX = "released "
PRODUCT_PREFIX = "prod_"  # of Stripe's own ids; what metadata calls a product may be anything


def queries(
    lines: tuple[SaleLine, ...], session: Json, company: str, context: Context
) -> tuple[Query, ...]:
    """Whether each product is released in the company that sells."""
    return tuple(
        Query(f"{ANSWER_PREFIX}{product}", RELEASED, company, ITEM, product, (ITEM,))
        for product in _wanted(lines, session, context)
    )


def missing(snapshot: Snapshot, session: Json) -> tuple[Ref, ...]:
    """The products that are not released yet: they come first."""
    made_up = dict.fromkeys(_made_up(session))
    asked = {
        name.removeprefix(ANSWER_PREFIX): rows
        for name, rows in snapshot.answers.items()
        if name.startswith(ANSWER_PREFIX)
    }
    return tuple(Ref("product", id) for id, rows in asked.items() if not rows and id not in made_up)


def linked(
    lines: tuple[SaleLine, ...], snapshot: Snapshot, session: Json, context: Context
) -> tuple[SaleLine, ...]:
    """The lines with the items of their products. Raises `Waiting` while one may still come."""
    absent = [ref.id for ref in missing(snapshot, session)]
    if absent and context.is_within(WAIT_HOURS, moment(snapshot.object, "created", "charge")):
        raise Waiting(
            "product_not_created",
            f"charge {snapshot.id}: its order waits for product {', '.join(absent)}",
        )
    return tuple(
        replace(line, item=line.product)
        if snapshot.answers.get(f"{ANSWER_PREFIX}{line.product}") and not line.item
        else line
        for line in lines
    )


def _wanted(lines: tuple[SaleLine, ...], session: Json, context: Context) -> list[str]:
    if context.policy.catalogue.products != "create":
        return []
    found = dict.fromkeys(line.product for line in lines if line.product and not line.item)
    return [
        product
        for product in found
        if product not in context.items
        and is_id(product, ITEM_CHARS_MAX)
        and (session or product.startswith(PRODUCT_PREFIX))
    ]


def _made_up(session: Json) -> Iterator[str]:
    """Products whose price is not active: Checkout made them for this sale alone, or the shop took
    them off the market."""
    for item in elements(session.get("line_items")):
        price = item.get("price") if isinstance(item, Mapping) else None
        if isinstance(price, Mapping) and price.get("active") is False:
            yield id_of(price.get("product"))

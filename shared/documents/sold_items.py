"""Which released products the lines of a new order are, where the policy creates products.

A product that the table `items` lists, and one whose line names its item, need nothing here. Of the
others each must be released under its own id before the order is written; one that is made up for a
single sale (its price is not active) or whose id is no item number is sold as the default item.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from shared.documents.common import Context, Json, Question, Snapshot, elements, id_of
from shared.documents.items import ITEM, ITEM_CHARS_MAX, RELEASED
from shared.documents.sale_lines import SaleLine
from shared.domain.records import Ref
from shared.errors import Waiting

ANSWER_PREFIX = "released "


def questions(
    lines: tuple[SaleLine, ...], session: Json, company: str, context: Context
) -> tuple[Question, ...]:
    """Whether each product that has to be is released in the company that sells."""
    return tuple(
        Question(f"{ANSWER_PREFIX}{product}", RELEASED, company, ITEM, product, (ITEM,))
        for product in _wanted(lines, session, context)
    )


def missing(snapshot: Snapshot) -> tuple[Ref, ...]:
    """The products that are not released yet: they come first."""
    return tuple(
        Ref("product", name.removeprefix(ANSWER_PREFIX))
        for name, rows in snapshot.answers.items()
        if name.startswith(ANSWER_PREFIX) and not rows
    )


def linked(lines: tuple[SaleLine, ...], snapshot: Snapshot) -> tuple[SaleLine, ...]:
    """The lines with the items of their products. Raises `Waiting` while one is not released."""
    absent = [ref.id for ref in missing(snapshot)]
    if absent:
        raise Waiting(
            "product_not_created",
            f"charge {snapshot.id}: its order waits for product {', '.join(absent)}",
        )
    return tuple(
        replace(line, item=line.product)
        if f"{ANSWER_PREFIX}{line.product}" in snapshot.answers and not line.item
        else line
        for line in lines
    )


def _wanted(lines: tuple[SaleLine, ...], session: Json, context: Context) -> list[str]:
    if context.policy.catalogue.products != "create":
        return []
    made_up = dict.fromkeys(_made_up(session))
    found = dict.fromkeys(line.product for line in lines if line.product and not line.item)
    return [
        product
        for product in found
        if product not in context.items
        and product not in made_up
        and len(product) <= ITEM_CHARS_MAX
    ]


def _made_up(session: Json) -> Iterator[str]:
    """Products that Checkout made for this sale alone."""
    for item in elements(session.get("line_items")):
        price = item.get("price") if isinstance(item, Mapping) else None
        if isinstance(price, Mapping) and price.get("active") is False:
            yield id_of(price.get("product"))

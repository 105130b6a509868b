"""Products: released in every company of the books, or linked by the table `items`.

A product that `items` lists is Dynamics' own: nothing of it is written, but it has to be there.
Others are created with their Stripe id as item number, where the policy says so. An archived
product stays and shows since when it is not sold; one that was never written is left out, like the
products that Checkout Sessions make up. https://docs.stripe.com/api/products
"""

from datetime import date

from shared.domain.documents import CreateOrFind, Document, Open, Patch
from shared.domain.records import Ref
from shared.entities.common.items import is_released, item_of, not_released, query
from shared.entities.common.objects import (
    Context,
    Desired,
    Enqueue,
    Query,
    Snapshot,
    id_of,
    moment,
    text,
)
from shared.entities.product.records import ProductEnd, ProductRecord
from shared.errors import Skipped

ENTITY = "product"
NO_DATE = date(1900, 1, 1)  # what Dynamics holds in an empty date
GOODS, SERVICE = "goods", "service"


def queries(snapshot: Snapshot, context: Context) -> tuple[Query, ...]:
    """Whether the item that the table names is released in each company."""
    item = context.items.get(snapshot.id)
    if item is None or context.policy.catalogue.products == "off" or _is_deleted(snapshot):
        return ()
    return tuple(query(item, company) for company in context.books.companies)


def build(snapshot: Snapshot, context: Context) -> Desired:
    """The product in each company. Raises `Skipped` where the policy has no products or Stripe has
    deleted it, `Parked` where it has no item number or the item is missing."""
    if context.policy.catalogue.products == "off":
        raise Skipped("catalogue_off")
    if _is_deleted(snapshot):
        raise Skipped("product_deleted")
    item = item_of(snapshot.id, context)
    price = _default_price(snapshot, context)
    if snapshot.id in context.items:
        for company in context.books.companies:
            if not is_released(snapshot, company):
                raise not_released(item, snapshot.id, company)
        return Desired(enqueue=price)
    if snapshot.object.get("active") is False and not (snapshot.links or snapshot.intents):
        raise Skipped("product_archived")
    documents: list[Document] = []
    for company in context.books.companies:
        documents += _created(snapshot, company, item, context)
    return Desired(tuple(documents), enqueue=price)


def _is_deleted(snapshot: Snapshot) -> bool:
    return snapshot.object.get("deleted") is True


def _created(snapshot: Snapshot, company: str, item: str, context: Context) -> tuple[Document, ...]:
    product = snapshot.object
    goods = product.get("shippable") is True or text(product, "type") == "good"
    role = f"product~{company}"
    released = snapshot.written(role) or ProductRecord(
        role=role,
        company=company,
        key=item,
        action=CreateOrFind(),
        product=snapshot.id,
        name=text(product, "name") or snapshot.id,
        description=text(product, "description"),
        kind=GOODS if goods else SERVICE,
        tax_code=id_of(product.get("tax_code")),
    )
    return released, *_ended(snapshot, released, context)


def _ended(snapshot: Snapshot, released: Document, context: Context) -> tuple[Document, ...]:
    """Since when an archived product is not sold; taken back when it is sold again."""
    product = snapshot.object
    role = f"ended~{released.company}"
    kept = snapshot.written(role)
    if product.get("active") is not False:
        if kept is None:
            return ()
        ended = NO_DATE
    elif isinstance(kept, ProductEnd) and kept.date != NO_DATE:
        ended = kept.date
    else:
        since = "updated" if "updated" in product else "created"
        ended = context.local_date(moment(product, since, ENTITY))
    document = ProductEnd(
        role=role,
        company=released.company,
        key=released.key,
        action=Patch(),
        later=Open(),
        parent=released.role,
        product=snapshot.id,
        date=ended,
    )
    return (document,)


def _default_price(snapshot: Snapshot, context: Context) -> tuple[Enqueue, ...]:
    """The default price, which only the product names: it is the sales price of its item."""
    price = id_of(snapshot.object.get("default_price"))
    if not price or not context.policy.catalogue.prices:
        return ()
    updated = snapshot.object.get("updated")
    reason = f"{price}-default-{updated if type(updated) is int else 0}"
    return (Enqueue(Ref("price", price), reason, even_if_settled=True),)
